//! What differs between operating systems. Linux is tested; the rest is neither built nor tested yet.

use std::fs::File;
use std::io;
use std::path::Path;

/// Writes all of it at a place of a file.
#[cfg(unix)]
pub(crate) fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

/// Writes all of it at a place of a file.
#[cfg(windows)]
pub(crate) fn write_all_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let taken = std::os::windows::fs::FileExt::seek_write(file, bytes, offset)?;
        bytes = bytes.get(taken..).filter(|_| taken > 0).ok_or(io::ErrorKind::WriteZero)?;
        offset = offset.saturating_add(u64::try_from(taken).unwrap_or(u64::MAX));
    }
    Ok(())
}

/// Makes room from the beginning of a file, as the store does it: where the file system cannot allocate, the file
/// is only extended.
pub(crate) fn allocate(file: &File, bytes: u64) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use rustix::fs::{FallocateFlags, fallocate};
        use rustix::io::Errno;

        match fallocate(file, FallocateFlags::empty(), 0, bytes) {
            Err(error) if [Errno::OPNOTSUPP, Errno::NOSYS, Errno::INVAL].contains(&error) => {}
            answer => return Ok(answer?),
        }
    }
    file.set_len(bytes)
}

/// Makes durable which names a directory holds, where that can be asked for.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    match cfg!(unix) {
        true => File::open(directory)?.sync_all(),
        false => Ok(()),
    }
}

/// Whether a directory is in memory, where syncs are ignored; as far as that can be known.
#[cfg(target_os = "linux")]
pub(crate) fn is_in_memory(directory: &Path) -> io::Result<bool> {
    /// The magic numbers of tmpfs and ramfs.
    const IN_MEMORY: [i64; 2] = [0x0102_1994, 0x8584_58f6];
    Ok(IN_MEMORY.contains(&rustix::fs::statfs(directory)?.f_type))
}

/// Whether a directory is in memory, where syncs are ignored; as far as that can be known.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_in_memory(_directory: &Path) -> io::Result<bool> {
    Ok(false)
}

//! What differs between operating systems. Linux is tested; the rest is neither built nor tested yet.

#[cfg(not(unix))]
pub(super) use self::other::*;
#[cfg(unix)]
pub(super) use self::unix::*;

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) use self::linux::{allocate, drop_cached};
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) use self::portable::{allocate, drop_cached};

#[cfg(unix)]
mod unix {
    use std::fs::{self, OpenOptions};
    use std::io;
    use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
    use std::path::Path;

    use rustix::fs::OFlags;

    use crate::FileId;

    /// A directory held open, so that syncing it needs no new descriptor.
    #[derive(Debug)]
    pub(in crate::real) struct Directory(fs::File);

    impl Directory {
        pub(in crate::real) fn open(path: &Path) -> io::Result<Self> {
            fs::File::open(path).map(Self)
        }

        pub(in crate::real) fn sync(&self) -> io::Result<()> {
            self.0.sync_all()
        }
    }

    /// Links are not followed, and opening a pipe does not wait for its other end.
    pub(in crate::real) fn options() -> OpenOptions {
        let mut options = OpenOptions::new();
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
        options
    }

    pub(in crate::real) fn is_link_refused(error: &io::Error) -> bool {
        error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
    }

    pub(in crate::real) fn read_at(file: &fs::File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        file.read_at(buffer, offset)
    }

    pub(in crate::real) fn write_at(file: &fs::File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        file.write_at(bytes, offset)
    }

    pub(in crate::real) fn id(metadata: &fs::Metadata) -> io::Result<FileId> {
        Ok(FileId { device: metadata.dev(), inode: metadata.ino() })
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux {
    use std::fs;
    use std::io;

    use rustix::fs::{Advice, FallocateFlags, fadvise, fallocate};
    use rustix::io::Errno;

    /// `false` if the file system has no such means.
    pub(in crate::real) fn allocate(file: &fs::File, offset: u64, bytes: u64) -> io::Result<bool> {
        match fallocate(file, FallocateFlags::empty(), offset, bytes) {
            Ok(()) => Ok(true),
            Err(error) if is_unsupported(error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Of the whole file, whatever the range: the system keeps what a range covers only in part, and one piece of
    /// its cache can be many megabytes long.
    pub(in crate::real) fn drop_cached(file: &fs::File, _offset: u64, bytes: u64) -> io::Result<()> {
        if bytes == 0 {
            return Ok(());
        }
        match fadvise(file, 0, None, Advice::DontNeed) {
            Err(error) if !is_unsupported(error) => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn is_unsupported(error: Errno) -> bool {
        [Errno::OPNOTSUPP, Errno::NOSYS, Errno::INVAL].contains(&error)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod portable {
    use std::fs;
    use std::io;

    pub(in crate::real) fn allocate(_file: &fs::File, _offset: u64, _bytes: u64) -> io::Result<bool> {
        Ok(false)
    }

    pub(in crate::real) fn drop_cached(_file: &fs::File, _offset: u64, _bytes: u64) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(not(unix))]
mod other {
    use std::fs::{self, OpenOptions};
    use std::io;
    use std::os::windows::fs::{FileExt, OpenOptionsExt};
    use std::path::Path;
    use std::time::UNIX_EPOCH;

    use crate::FileId;

    /// FILE_FLAG_OPEN_REPARSE_POINT: a link itself is opened, and then refused as no regular file.
    const NO_FOLLOW: u32 = 0x0020_0000;

    /// Directories cannot be synced here.
    #[derive(Debug)]
    pub(in crate::real) struct Directory;

    impl Directory {
        pub(in crate::real) fn open(_path: &Path) -> io::Result<Self> {
            Ok(Self)
        }

        pub(in crate::real) fn sync(&self) -> io::Result<()> {
            Ok(())
        }
    }

    pub(in crate::real) fn options() -> OpenOptions {
        let mut options = OpenOptions::new();
        options.custom_flags(NO_FOLLOW);
        options
    }

    pub(in crate::real) fn is_link_refused(_error: &io::Error) -> bool {
        false
    }

    pub(in crate::real) fn read_at(file: &fs::File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match file.seek_read(buffer, offset) {
            // ERROR_HANDLE_EOF
            Err(error) if error.raw_os_error() == Some(38) => Ok(0),
            answer => answer,
        }
    }

    pub(in crate::real) fn write_at(file: &fs::File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        file.seek_write(bytes, offset)
    }

    /// The time of creation, to 100 nanoseconds: the nearest thing that the standard library gives.
    pub(in crate::real) fn id(metadata: &fs::Metadata) -> io::Result<FileId> {
        let created = metadata.created()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(FileId { device: 0, inode: u64::try_from(created.as_nanos()).unwrap_or(u64::MAX) })
    }
}

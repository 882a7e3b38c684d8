//! Reads that go on until they have what was asked for, the write that never goes on, and the one that does.

use std::io;

use crate::File;

/// Fills `buffer` from `offset`.
///
/// # Errors
/// `UnexpectedEof` if the file ends before; whatever [`File::read_at`] says.
pub fn read_exact_at(file: &dyn File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    let wanted = buffer.len();
    let read = read_up_to_at(file, buffer, offset)?;
    if read < wanted {
        let message = format!("read {read} of {wanted} bytes at {offset}: the file ends there");
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
    }
    Ok(())
}

/// Reads from `offset` until `buffer` is full or the file ends; returns how many bytes came.
///
/// # Errors
/// Whatever [`File::read_at`] says; what had been read before is then lost.
pub fn read_up_to_at(file: &dyn File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled: usize = 0;
    while filled < buffer.len() {
        let at = u64::try_from(filled).ok().and_then(|filled| offset.checked_add(filled));
        let Some(at) = at else { break };
        let read = file.read_at(&mut buffer[filled..], at)?;
        if read == 0 {
            break;
        }
        filled += read;
        assert!(filled <= buffer.len(), "a read returned more bytes than its buffer holds");
    }
    Ok(filled)
}

/// Writes `bytes` at `offset` by exactly one call.
///
/// A short write is an error and is never continued: what it left behind is for recovery to judge.
///
/// # Errors
/// `WriteZero` with the message `wrote N of M bytes` if fewer were taken; whatever [`File::write_at`] says.
pub fn write_once_at(file: &dyn File, bytes: &[u8], offset: u64) -> io::Result<()> {
    let (wrote, wanted) = (file.write_at(bytes, offset)?, bytes.len());
    if wrote != wanted {
        let message = format!("wrote {wrote} of {wanted} bytes at {offset}");
        return Err(io::Error::new(io::ErrorKind::WriteZero, message));
    }
    Ok(())
}

/// Writes `bytes` at `offset`, and goes on where the system took fewer: so the reason is known if it takes no more. Only
/// for files that nobody takes for anything before they are whole.
///
/// # Errors
/// `WriteZero` with the message `wrote N of M bytes` if nothing more was taken; whatever [`File::write_at`] says.
pub fn write_all_at(file: &dyn File, bytes: &[u8], offset: u64) -> io::Result<()> {
    let mut wrote: usize = 0;
    while wrote < bytes.len() {
        let at = u64::try_from(wrote).ok().and_then(|wrote| offset.checked_add(wrote));
        let taken = at.map_or(Ok(0), |at| file.write_at(&bytes[wrote..], at))?;
        if taken == 0 {
            let message = format!("wrote {wrote} of {} bytes at {offset}", bytes.len());
            return Err(io::Error::new(io::ErrorKind::WriteZero, message));
        }
        wrote += taken;
        assert!(wrote <= bytes.len(), "a write took more bytes than it was given");
    }
    Ok(())
}

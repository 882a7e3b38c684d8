//! Files mapped into memory.

use std::fs;
use std::io;

use crate::Mapped;

/// Maps the first `bytes` of a file, which must have as many.
#[expect(unsafe_code, reason = "mapping a file is unsafe; what is mapped is checked below")]
pub(super) fn beginning(file: &fs::File, bytes: u64) -> io::Result<Mapped> {
    let fit = usize::try_from(bytes).map_err(|_| io::ErrorKind::FileTooLarge)?;
    if file.metadata()?.len() < bytes {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    // SAFETY: the bytes are only read, and those who ask (`File::map`) ask only for what this library never writes or
    // cuts again. Should another program change them all the same, every byte of them is valid, and nothing is
    // trusted twice without having been copied: readers check a checksum and then decode from the map, and decoding
    // takes any bytes without a panic or an access outside of what it was given.
    let map = unsafe { memmap2::MmapOptions::new().len(fit).map(file)? };
    Ok(Mapped::new(map))
}

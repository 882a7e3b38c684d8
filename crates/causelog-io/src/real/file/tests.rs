use std::io;

use super::RealFile;
use crate::File;

#[test]
fn extending_without_allocation_never_shrinks() -> io::Result<()> {
    let file = RealFile::new(tempfile::tempfile()?, false);
    file.write_at(b"abc", 0)?;
    file.extend(2)?;
    assert_eq!(file.len()?, 3);
    file.extend(5)?;
    let mut bytes = [0xEE; 8];
    assert_eq!(file.read_at(&mut bytes, 0)?, 5);
    assert_eq!(&bytes[..5], b"abc\0\0");
    Ok(())
}

//! Reads that go on, and the write that does not.

use std::io::{self, ErrorKind};

use causelog_io::{
    Access, Fault, File, FileId, IoError, LockKind, MemoryStorage, Storage, read_exact_at, read_up_to_at,
};

use crate::support::kind_of;

/// Gives at most two bytes with each read.
struct Slow<'a>(&'a dyn File);

impl File for Slow<'_> {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let end = buffer.len().min(2);
        self.0.read_at(&mut buffer[..end], offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.0.write_at(bytes, offset)
    }
    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }
    fn allocate(&self, offset: u64, bytes: u64) -> io::Result<()> {
        self.0.allocate(offset, bytes)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
    fn drop_cached(&self, offset: u64, bytes: u64) -> io::Result<()> {
        self.0.drop_cached(offset, bytes)
    }
    fn try_lock(&self, kind: LockKind) -> io::Result<bool> {
        self.0.try_lock(kind)
    }
    fn unlock(&self) -> io::Result<()> {
        self.0.unlock()
    }
    fn id(&self) -> io::Result<FileId> {
        self.0.id()
    }
}

#[test]
fn reads_go_on_until_full_or_the_end() -> io::Result<()> {
    let storage = MemoryStorage::from_files(vec![("a".into(), b"abcdefg".into())]);
    let file = storage.open("a", Access::Read)?;
    let slow = Slow(&*file);
    let mut buffer = [0; 5];
    read_exact_at(&slow, &mut buffer, 1)?;
    assert_eq!(&buffer, b"bcdef");
    assert_eq!(read_up_to_at(&slow, &mut buffer, 4)?, 3);
    assert_eq!(&buffer[..3], b"efg");
    assert_eq!(read_up_to_at(&slow, &mut buffer, u64::MAX)?, 0);
    let short = read_exact_at(&slow, &mut buffer, 4).err().map(|error| (error.kind(), error.to_string()));
    let message = "read 3 of 5 bytes at 4: the file ends there".to_owned();
    assert_eq!(short, Some((ErrorKind::UnexpectedEof, message)));
    storage.fail(1, Fault::Error(ErrorKind::Interrupted));
    assert_eq!(kind_of(read_exact_at(&slow, &mut buffer, 0)), Some(ErrorKind::Interrupted));
    Ok(())
}

#[test]
fn an_io_error_names_its_file() {
    let error = IoError::on("open", "/data/lock")(ErrorKind::NotFound.into());
    assert_eq!(error.to_string(), "cannot open /data/lock: entity not found");
}

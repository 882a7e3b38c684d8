//! What the tests share.

use std::io;

use causelog_io::{Access, MemoryStorage, Storage, read_up_to_at, write_once_at};

/// What kind of error it was, if any.
pub(crate) fn kind_of<T>(result: io::Result<T>) -> Option<io::ErrorKind> {
    result.err().map(|error| error.kind())
}

/// The whole of a file.
pub(crate) fn read(storage: &dyn Storage, name: &str) -> io::Result<Vec<u8>> {
    let file = storage.open(name, Access::Read)?;
    let mut bytes = vec![0xEE; 64];
    let count = read_up_to_at(&*file, &mut bytes, 0)?;
    assert_eq!(u64::try_from(count).ok(), file.len().ok(), "the tests keep files short");
    bytes.truncate(count);
    Ok(bytes)
}

/// Makes a file or adds to it, without a sync.
pub(crate) fn write(storage: &dyn Storage, name: &str, bytes: &[u8], offset: u64) -> io::Result<()> {
    write_once_at(&*storage.open(name, Access::OpenOrCreate)?, bytes, offset)
}

/// Makes a file durable, name and all.
pub(crate) fn save(storage: &dyn Storage, name: &str, bytes: &[u8]) -> io::Result<()> {
    write(storage, name, bytes, 0)?;
    storage.open(name, Access::Read)?.sync_data()?;
    storage.sync_dir()
}

/// All files of a directory in memory, as text.
pub(crate) fn texts(storage: &MemoryStorage) -> Vec<(String, String)> {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    storage.files().into_iter().map(|(name, bytes)| (name, text(bytes))).collect()
}

/// Compares all files of a directory in memory.
#[track_caller]
pub(crate) fn check_files(storage: &MemoryStorage, expected: &[(&str, &str)]) {
    let expected: Vec<_> = expected.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
    assert_eq!(texts(storage), expected);
}

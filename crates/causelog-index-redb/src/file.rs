//! The database's file, through `causelog-io`.

use std::io;
use std::sync::Arc;

use causelog_io::{File, read_exact_at, read_up_to_at, write_once_at};
use redb::StorageBackend;

/// The file under the database. Its lock is taken before the database sees it, so redb's own locks stay unsupported.
#[derive(Clone, Debug)]
pub(crate) struct DatabaseFile(pub(crate) Arc<dyn File>);

/// What a database file begins with, as redb's design document has it. Written last when one is made.
const MAGIC_BYTES: usize = 9;

impl DatabaseFile {
    /// Whether it is what a crash leaves of a database that was being made.
    pub(crate) fn is_unfinished(&self) -> io::Result<bool> {
        let mut magic = [0; MAGIC_BYTES];
        let read = read_up_to_at(&*self.0, &mut magic, 0)?;
        Ok(read > 0 && magic == [0; MAGIC_BYTES])
    }
}

impl StorageBackend for DatabaseFile {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        read_exact_at(&*self.0, out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        write_once_at(&*self.0, data, offset)
    }
}

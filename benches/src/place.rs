//! Where the benchmarks work, and the bytes that a store has written there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use causelog::AppendReceipt;
use rustix::fs::statfs;
use tempfile::TempDir;

/// The magic number of tmpfs: it ignores syncs.
const TMPFS: i64 = 0x0102_1994;
/// What stands before a commit group's first frame.
const GROUP_HEADER_BYTES: u64 = 112;

/// Makes an empty directory inside another one, that of temporary files unless given. It goes when it is dropped.
///
/// # Errors
/// The system refuses, or a sync would mean nothing there.
pub fn directory(parent: Option<&Path>) -> io::Result<TempDir> {
    let parent = parent.map_or_else(std::env::temp_dir, Path::to_owned);
    if statfs(&parent)?.f_type == TMPFS {
        let message = format!("{} is in memory, where a sync means nothing: choose a disk", parent.display());
        return Err(io::Error::new(io::ErrorKind::Unsupported, message));
    }
    TempDir::new_in(parent)
}

/// The bytes of the commit group that held these events, as they stand in the store's file.
///
/// # Errors
/// The file cannot be read, or there are no events.
pub fn written_by(store: &Path, receipts: &[AppendReceipt]) -> io::Result<Vec<u8>> {
    use std::os::unix::fs::FileExt;

    let (Some(first), Some(last)) = (receipts.first(), receipts.last()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no events"));
    };
    let file = fs::File::open(store.join(format!("{:020}.seg", first.location.segment)))?;
    let start = first.location.offset.0.saturating_sub(GROUP_HEADER_BYTES);
    let end = last.location.offset.0.saturating_add(last.location.bytes.into());
    let mut bytes = vec![0; usize::try_from(end.saturating_sub(start)).unwrap_or(0)];
    file.read_exact_at(&mut bytes, start)?;
    Ok(bytes)
}

/// Copies a store's files, as the death of its process would leave them.
///
/// # Errors
/// The system refuses.
pub fn copy_files(from: &Path, to: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(to.to_owned())
}

#[cfg(test)]
mod tests {
    use causelog::Store;

    use super::{directory, written_by};
    use crate::events::Events;

    #[test]
    fn a_group_is_found_by_its_receipts() {
        let Ok(directory) = directory(Some(std::path::Path::new(env!("CARGO_MANIFEST_DIR")))) else {
            unreachable!("the checkout is not in memory")
        };
        let path = directory.path().join("store");
        let store = Store::open(&path).unwrap();
        let mut events = Events::new(64, 2).unwrap();
        store.append(events.next_event().unwrap()).unwrap();
        let receipts = store.append_batch(events.batch(3).unwrap()).unwrap();
        let bytes = written_by(&path, &receipts).unwrap();
        assert!(bytes.starts_with(b"CLGp") && bytes.len() > 3 * 64);
    }
}

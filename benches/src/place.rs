//! Where the benchmarks work, and the bytes that a store has written there.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use causelog::{AppendReceipt, IoError};
use tempfile::TempDir;

use crate::{BenchError, platform};

/// What stands before a commit group's first frame.
pub(crate) const GROUP_HEADER_BYTES: usize = 112;
/// What stands before a segment's first group.
const SEGMENT_HEADER_BYTES: usize = 148;

/// Tells the directories apart that were left behind, by whatever ended the process.
const PREFIX: &str = "causelog-bench-";

/// Makes an empty directory inside another one, that of temporary files unless given. It goes when it is dropped.
///
/// # Errors
/// The system refuses, or a sync would mean nothing there.
pub fn directory(parent: Option<&Path>) -> Result<TempDir, BenchError> {
    let parent = parent.map_or_else(std::env::temp_dir, Path::to_owned);
    let shown = parent.display().to_string();
    if platform::is_in_memory(&parent).map_err(IoError::on("look at", shown.clone()))? {
        return Err(BenchError::InMemory { directory: shown });
    }
    let made = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent);
    Ok(made.map_err(IoError::on("make a directory in", shown))?)
}

/// The bytes of the commit group that held these events, as they stand in the store's file.
///
/// # Errors
/// The file cannot be read, or there are no events.
pub fn written_by(store: &Path, receipts: &[AppendReceipt]) -> io::Result<Vec<u8>> {
    let (Some(first), Some(last)) = (receipts.first(), receipts.last()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no events"));
    };
    let mut file = fs::File::open(store.join(format!("{:020}.seg", first.location.segment)))?;
    let start = first.location.offset.0.saturating_sub(u64::try_from(GROUP_HEADER_BYTES).unwrap_or(0));
    let end = last.location.offset.0.saturating_add(last.location.bytes.into());
    let mut bytes = vec![0; usize::try_from(end.saturating_sub(start)).unwrap_or(0)];
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The bytes of all commit groups of a store, in order, as they stand in its files.
///
/// # Errors
/// The files cannot be read.
pub fn groups_in(store: &Path) -> io::Result<Vec<Vec<u8>>> {
    let entries = fs::read_dir(store)?.collect::<io::Result<Vec<_>>>()?;
    let mut segments: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).collect();
    segments.retain(|path| path.extension().is_some_and(|extension| extension == "seg"));
    segments.sort();
    let mut groups = Vec::new();
    for segment in segments {
        let bytes = fs::read(segment)?;
        let mut rest = bytes.get(SEGMENT_HEADER_BYTES..).unwrap_or_default();
        while let Some(length) = group_bytes(rest) {
            let Some((group, behind)) = rest.split_at_checked(length) else { break };
            groups.push(group.to_vec());
            rest = behind;
        }
    }
    Ok(groups)
}

/// The length of the group that begins here, if one does.
fn group_bytes(bytes: &[u8]) -> Option<usize> {
    let length: [u8; 4] = bytes.get(8..12)?.try_into().ok()?;
    let frames = usize::try_from(u32::from_le_bytes(length)).ok()?;
    bytes.starts_with(b"CLGp").then_some(GROUP_HEADER_BYTES + frames)
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

    use super::{directory, groups_in, written_by};
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
        let groups = groups_in(&path).unwrap();
        assert_eq!((groups.len(), groups.last()), (2, Some(&bytes)));
    }
}

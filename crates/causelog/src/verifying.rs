//! Verification of a store with all that stands beside its log.

use std::sync::Arc;

use causelog_index_sealed::{IndexFilesReport, IndexInspection};
use causelog_io::Storage;
use causelog_reader::{VerifyReport, verify_visiting};
use causelog_segment::{LogError, Progress};
use causelog_types::StoreHead;

/// As [`verify_telling`](crate::verify_telling), and looks at every index file too: whether it is whole, and of the log
/// that the one walk over it shows. What is wrong with index files is no damage.
///
/// # Errors
/// As [`verify`](crate::verify).
pub fn verify_all(
    storage: Arc<dyn Storage>,
    kept: Option<StoreHead>,
    tell: &mut dyn FnMut(Progress),
) -> Result<(VerifyReport, IndexFilesReport), LogError> {
    let mut files = IndexInspection::begin(Arc::clone(&storage))?;
    let report = verify_visiting(storage, kept, &mut |visit| files.visit(visit), tell)?;
    let files = files.judge(report.known_end, report.in_use);
    Ok((report, files))
}

//! A disk that takes no more while the new store is written.

use std::sync::Arc;

use causelog::MemoryStorage;
use causelog_io::{Fault, Operation};

use super::lab::{Whole, environment};
use crate::{Salvage, SalvageError};

/// Number 28 of the operating system: no space left on the device.
const NO_SPACE: i32 = 28;

/// Spec: SALVAGE-5
#[test]
fn a_full_disk_is_named_and_what_to_remove() {
    let whole = Whole::usual(true);
    let salvage = Salvage::read(Arc::new(whole.disk())).unwrap();
    let sound = MemoryStorage::new();
    salvage.write(&environment(&sound)).unwrap();
    // The write of groups into the first segment, behind its header.
    let is_groups = |operation: &Operation| matches!(operation, Operation::Write { name, offset, .. } if name.contains(".seg") && *offset > 0);
    let nth = u64::try_from(sound.trace().iter().position(is_groups).unwrap()).unwrap();

    let full = MemoryStorage::new();
    full.fail(nth, Fault::ShortWrite(100));
    full.fail(nth + 1, Fault::Os(NO_SPACE));
    let error = salvage.write(&environment(&full)).unwrap_err();
    assert!(matches!(error, SalvageError::Unfinished { .. }), "{error}");
    for part in ["No space left on device", "is unfinished: remove it"] {
        assert!(error.to_string().contains(part), "{part:?}: {error}");
    }
    // A write that takes less, and then goes on, does no harm.
    let slow = MemoryStorage::new();
    slow.fail(nth, Fault::ShortWrite(100));
    salvage.write(&environment(&slow)).unwrap();
    assert_eq!(slow.files().len(), sound.files().len());
}

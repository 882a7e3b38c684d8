//! That no writer opens what is salvaged, or open damaged, as far as there is anything to hold.

use std::sync::Arc;

use causelog::{LogError, MemoryStorage, OpenError, Options};

use super::lab::{Whole, environment};
use crate::Salvage;

#[track_caller]
fn check_opens(disk: &MemoryStorage, opens: bool) {
    match Options::default().open_in(environment(disk)) {
        Ok(_) => assert!(opens, "a writer has opened it"),
        Err(OpenError::Log(LogError::Locked { .. })) => assert!(!opens, "it is locked"),
        Err(other) => panic!("{other}"),
    }
}

/// Spec: SALVAGE-5, LOCK-6
#[test]
fn no_writer_opens_a_store_while_it_is_salvaged_or_open_damaged() {
    let whole = Whole::usual(true);
    for files in [whole.copied(), whole.without("lock")] {
        let disk = files.disk();
        let salvage = Salvage::read(Arc::new(disk.clone())).unwrap();
        check_opens(&disk, false);
        let report = salvage.write(&environment(&MemoryStorage::new())).unwrap();
        assert!(report.held_writers_off);
        check_opens(&disk, false);
        drop(salvage);
        assert_eq!(disk.files(), files.files, "nothing was made to be held");
        let store = Options::default().open_damaged_in(environment(&disk)).unwrap();
        assert!(store.report().holds_writers_off);
        check_opens(&disk, false);
        drop(store);
        check_opens(&disk, true);
    }
}

/// Spec: SALVAGE-5
#[test]
fn where_there_is_nothing_to_hold_the_report_says_so() {
    let disk = Whole::usual(true).without("lock").without("store").disk();
    let report = Salvage::read(Arc::new(disk.clone())).unwrap().write(&environment(&MemoryStorage::new()));
    assert!(!report.unwrap().held_writers_off);
    let store = Options::default().open_damaged_in(environment(&disk)).unwrap();
    assert!(!store.report().holds_writers_off);
}

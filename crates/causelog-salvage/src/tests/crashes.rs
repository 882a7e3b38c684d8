//! A crash at every step of a salvage.

use std::sync::Arc;

use causelog::{MemoryStorage, Options};

use super::lab::{Whole, environment, events};
use crate::Salvage;

/// What a crash leaves opens in no way, not even as a new store, or is complete.
///
/// Spec: SALVAGE-5, STORE-4
#[test]
fn what_a_crash_leaves_is_no_store_or_complete() {
    let whole = Whole::usual(true);
    let group = &whole.groups[4];
    let salvage = Salvage::read(Arc::new(whole.flipped(&group.file, group.bytes.start + 20).disk())).unwrap();
    let sound = MemoryStorage::new();
    salvage.write(&environment(&sound)).unwrap();
    let (operations, complete) = (sound.operations(), events(&sound));
    assert!(complete.len() < whole.events.len() && operations > 30);
    let (mut refused, mut opened) = (0, 0);
    for nth in 0..operations {
        let new = MemoryStorage::new();
        new.crash_at(nth);
        assert!(salvage.write(&environment(&new)).is_err() && new.crashed());
        for left in [new.power_cut(), new.kill()] {
            // Before the first step the directory is as it was.
            if left.files().iter().all(|(name, _)| name.ends_with(".tmp")) {
                continue;
            }
            match Options::default().open_in(environment(&left)) {
                Err(_) => refused += 1,
                Ok(store) => {
                    assert_eq!(store.end().position.0, whole.head.position.0, "operation {nth}");
                    drop(store);
                    assert_eq!(events(&left), complete, "operation {nth}");
                    opened += 1;
                }
            }
        }
    }
    assert!(refused > 30 && opened > 0, "{refused} refused, {opened} complete");
}

//! Files that the system does not let be opened or read.

use std::io::ErrorKind;

use causelog_io::{Fault, Operation};

use super::support::*;
use crate::{LogError, open_reader};

#[test]
fn what_the_system_refuses_to_show_is_not_taken_for_missing() {
    // Spec: STORE-4
    let store = Store::small();
    store.append_and_close(&["a", "b", "c", "d", "e"]);
    let mut refused = 0;
    for nth in 0.. {
        let store = store.copy();
        store.storage.fail(nth, Fault::Error(ErrorKind::PermissionDenied));
        match open_reader(&store.environment) {
            Ok((_, snapshot, _)) => assert_eq!(snapshot.end.position.0, 5, "operation {nth}"),
            Err(LogError::Io(_)) => refused += 1,
            Err(other) => panic!("operation {nth}: {other}"),
        }
        if store.storage.operations() <= nth {
            break;
        }
    }
    assert!(refused > 10, "{refused}");
}

#[test]
fn a_lock_that_cannot_be_opened_is_not_taken_for_missing() {
    // Spec: LOCK-3
    let store = Store::new();
    store.append_and_close(&["a"]);
    let looks = |done: &Operation| matches!(done, Operation::Open { name, .. } if name == "lock");
    let nth = {
        let copy = store.copy();
        open_reader(&copy.environment).unwrap();
        copy.storage.trace().iter().position(looks).unwrap()
    };
    let copy = store.copy();
    copy.storage.fail(u64::try_from(nth).unwrap(), Fault::Error(ErrorKind::PermissionDenied));
    let refused = open_reader(&copy.environment).map(|_| ());
    assert!(matches!(refused, Err(LogError::Io(_))), "{refused:?}");
}

//! The mark of a clean close, where somebody else takes it away.

use causelog_io::Storage;

use super::support::*;

#[test]
fn a_mark_that_is_gone_already_keeps_nobody_from_appending() {
    // Spec: CLOSE-4
    let store = Store::new();
    store.append_and_close(&["a"]);
    let (mut appender, _) = store.open();
    store.storage.remove("closed").unwrap();
    append(&mut appender, &["b"]).unwrap();
    drop(appender);
    assert_eq!(store.after_power_cut().texts(), ["a", "b"]);
}

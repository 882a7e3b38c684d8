//! Every byte of every file of a small store flipped, and every file cut at every byte.

use super::support::*;
use crate::{LogError, open_reader};

/// Three segments, six groups, one of them a batch of two.
fn small_store(close: bool) -> Store {
    let store = Store::new().with(crate::AppenderSettings { segment_bytes: 800 });
    let (mut appender, _) = store.open();
    for texts in [&["a"][..], &["b", "c"], &["d"], &["e"], &["f"]] {
        append(&mut appender, texts).unwrap();
    }
    match close {
        true => appender.close().unwrap(),
        false => drop(appender),
    }
    let store = store.copy();
    assert_eq!(store.texts(), TEXTS);
    assert_eq!(store.report().segments, 3);
    store
}

const TEXTS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// What a store with a changed file comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Damage, by a strict open or by `inspect`.
    Found,
    /// All events are there, and nothing else.
    Unharmed,
    /// A torn tail, reported; what is served is a beginning of what there was.
    Torn,
    /// A shorter log, with nothing said.
    Shorter,
}

/// Opens in every way; whatever is served is what was written, in order.
fn outcome(store: &Store, context: &dyn Fn() -> String) -> Outcome {
    let inspection = store.inspect();
    let found = !inspection.findings.is_empty();
    let opened = open_reader(&store.environment);
    let as_writer = store.copy().try_open().map(|(.., report)| report);
    let (log, snapshot, report) = match (opened, as_writer) {
        (Ok(opened), Ok(_)) => opened,
        (Err(LogError::Damaged(damage)), Err(LogError::Damaged(same))) => {
            assert_eq!(damage, same, "{}", context());
            assert!(found, "{}: {damage}, but inspect finds nothing", context());
            return Outcome::Found;
        }
        other => panic!("{}: {other:?}", context()),
    };
    let mut frames = log.frames(&snapshot);
    let mut served = Vec::new();
    for group in log.groups(&snapshot, causelog_types::Position(0)) {
        let Ok(group) = group else {
            assert!(found, "{}: groups finds damage, but inspect does not", context());
            break;
        };
        let read = |event: &crate::StoredEvent| frames.read_event(event.location).unwrap().payload.unwrap();
        served.extend(group.events.iter().map(read).map(|payload| payload.decode::<String>().unwrap()));
    }
    assert!(TEXTS.starts_with(&served.iter().map(String::as_str).collect::<Vec<_>>()), "{}", context());
    match (found, served.len() == TEXTS.len()) {
        (true, _) => Outcome::Found,
        (false, true) => Outcome::Unharmed,
        (false, false) if report.torn_tail.is_some() => Outcome::Torn,
        (false, false) => Outcome::Shorter,
    }
}

/// Changes every byte, one bit of it or all.
fn flip_all(store: &Store, mut check: impl FnMut(&str, usize, Outcome)) {
    for (name, content) in store.storage.files() {
        for (at, byte) in content.iter().enumerate() {
            let flipped = if at % 9 < 8 { byte ^ (1 << (at % 9)) } else { !byte };
            let changed = store.edited(&name, |bytes| bytes[at] = flipped);
            let outcome = outcome(&changed, &|| format!("{name}, byte {at}, {byte:#x} to {flipped:#x}"));
            check(&name, at, outcome);
        }
    }
}

fn cut_all(store: &Store, mut check: impl FnMut(&str, usize, Outcome)) {
    for (name, content) in store.storage.files() {
        for length in 0..content.len() {
            let cut = store.edited(&name, |bytes| bytes.truncate(length));
            check(&name, length, outcome(&cut, &|| format!("{name}, cut to {length} bytes")));
        }
    }
}

#[test]
fn in_a_closed_store_every_flip_is_found() {
    // Spec: CLOSE-5, SEG-2, GROUP-4, STORE-2
    flip_all(&small_store(true), |name, at, outcome| match name {
        // The lock's slots say nothing that the mark does not.
        "lock" => assert_eq!(outcome, Outcome::Unharmed, "{name}, byte {at}"),
        _ => assert_eq!(outcome, Outcome::Found, "{name}, byte {at}"),
    });
}

#[test]
fn in_a_closed_store_every_cut_is_found() {
    // Spec: CLOSE-5, SEG-9, STORE-2
    cut_all(&small_store(true), |name, at, outcome| match name {
        "lock" => assert_eq!(outcome, Outcome::Unharmed, "{name}, byte {at}"),
        _ => assert_eq!(outcome, Outcome::Found, "{name}, byte {at}"),
    });
}

/// Where the last segment's groups begin, the end last.
fn starts(store: &Store) -> Vec<usize> {
    let (log, snapshot, _) = open_reader(&store.environment).unwrap();
    let base = snapshot.segments.last().unwrap().header().base;
    let groups = log.groups(&snapshot, base).map(Result::unwrap);
    let start = |group: crate::Group| group.events[0].location.offset.0 - 112;
    let starts = groups.map(start).chain([snapshot.end.offset.0]);
    starts.map(|start| usize::try_from(start).unwrap()).collect()
}

#[test]
fn in_an_unclosed_store_every_flip_of_what_was_published_is_found() {
    // Spec: RECOVER-2, SLOT-6
    let store = small_store(false);
    let starts = starts(&store);
    let (last, end) = (segment(3), starts[starts.len() - 1]);
    flip_all(&store, |name, at, outcome| {
        let expected = match name {
            "lock" => Outcome::Unharmed,
            // The room behind the end: a torn tail, but nothing is missing.
            _ if name == last && at >= end => Outcome::Unharmed,
            _ => Outcome::Found,
        };
        assert_eq!(outcome, expected, "{name}, byte {at}");
    });
}

#[test]
fn in_an_unclosed_store_without_slots_only_the_last_group_can_be_lost() {
    // Spec: RECOVER-2, RECOVER-3
    let store = small_store(false).without("lock");
    let starts = starts(&store);
    let (last, end) = (segment(3), starts[starts.len() - 1]);
    let last_group = starts[starts.len() - 2];
    flip_all(&store, |name, at, outcome| {
        let expected = match name {
            _ if name == last && at >= end => Outcome::Unharmed,
            _ if name == last && at >= last_group => Outcome::Torn,
            _ => Outcome::Found,
        };
        assert_eq!(outcome, expected, "{name}, byte {at}");
    });
}

#[test]
fn in_an_unclosed_store_every_cut_of_what_was_published_is_found() {
    // Spec: SLOT-6, SEG-9
    let store = small_store(false);
    let starts = starts(&store);
    let (last, end) = (segment(3), starts[starts.len() - 1]);
    cut_all(&store, |name, at, outcome| {
        let expected = match name {
            "lock" => Outcome::Unharmed,
            _ if name == last && at >= end => Outcome::Unharmed,
            _ => Outcome::Found,
        };
        assert_eq!(outcome, expected, "{name}, cut to {at}");
    });
    // Without slots, a cut of the last segment leaves a shorter log: nothing else tells of its end.
    let bare = store.without("lock");
    cut_all(&bare, |name, at, outcome| {
        let expected = match name {
            _ if name == last && at >= end => vec![Outcome::Unharmed],
            _ if name == last && at >= 148 => vec![Outcome::Torn, Outcome::Shorter],
            _ => vec![Outcome::Found],
        };
        assert!(expected.contains(&outcome), "{name}, cut to {at}: {outcome:?}");
    });
}

#[test]
fn whatever_a_file_is_replaced_by_nothing_panics_and_nothing_wrong_is_served() {
    for close in [true, false] {
        let store = small_store(close);
        let files = store.storage.files();
        for (name, content) in &files {
            let zeros = vec![0; content.len()];
            let ones = vec![0xFF; content.len()];
            let doubled = [content.clone(), content.clone()].concat();
            let shifted: Vec<u8> = [0].into_iter().chain(content.iter().copied()).collect();
            let others = files.iter().map(|(_, content)| content.clone());
            for replaced in others.chain([Vec::new(), zeros, ones, doubled, shifted]) {
                let (bytes, is_same) = (replaced.len(), replaced == *content);
                let changed = store.with_file(name, Some(replaced));
                // Panics where something wrong is served.
                let outcome = outcome(&changed, &|| format!("{name} replaced by {bytes} bytes"));
                assert!(!is_same || outcome == Outcome::Unharmed, "{name} replaced by itself: {outcome:?}");
            }
        }
    }
}

//! Segments that are missing, foreign, misnamed, short, out of order or of a newer format.

use causelog_types::SegmentNumber;
use causelog_wire::layout::SEGMENT_HEADER_BYTES;
use causelog_wire::{Rule, Salt};

use super::support::*;
use crate::{DamageKind, Left, LogError, open_reader, open_writer};

const TEXTS: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];

/// A store of four segments, closed or not.
fn stores() -> [Store; 2] {
    [true, false].map(|close| {
        let store = Store::small();
        match close {
            true => store.append_and_close(&TEXTS),
            false => store.append_and_drop(&TEXTS),
        }
        assert_eq!(store.report().segments, 4);
        store
    })
}

/// Strict opens refuse, and `inspect` finds the same first, without a panic.
fn check(store: &Store, file: &str, kind: &DamageKind) {
    let damage = store.damage();
    assert_eq!(place_of(&damage), (file, damage.offset.0, kind));
    assert_eq!(damage_of(open_reader(&store.environment).unwrap_err()), damage);
    assert!(store.inspect().findings.contains(&damage));
}

#[test]
fn a_missing_segment_is_named() {
    // Spec: SEG-9
    for store in stores() {
        for number in 1..4 {
            let successor = segment(number + 1);
            let missing = store.without(&segment(number));
            check(&missing, &successor, &DamageKind::SegmentMissing(SegmentNumber(number)));
        }
        // Nothing refers to the last one but the mark and the slots.
        let damage = store.without(&segment(4)).damage();
        let changed = matches!(damage.kind, DamageKind::ChangedAfterClose { .. });
        assert_eq!(changed, store.file("closed").is_some(), "{damage}");
        assert!(changed || matches!(damage.kind, DamageKind::CutOff { .. }), "{damage}");
    }
}

#[test]
fn what_stands_around_a_missing_segment_is_still_visited() {
    // Spec: RECOVER-9
    for store in stores() {
        let missing = store.without(&segment(2));
        let inspection = missing.inspect();
        assert_eq!(inspection.segments, 3);
        assert_eq!(inspection.groups, 7);
        assert_eq!(inspection.findings.len(), 1, "{:?}", inspection.findings);
        assert_eq!(inspection.torn_tail, None);
    }
}

#[test]
fn a_renamed_or_duplicated_segment_is_named() {
    // Spec: SEG-2, SEG-9
    for store in stores() {
        for number in 1..=4 {
            let content = store.file(&segment(number));
            let copy = store.with_file(&segment(9), content.clone());
            check(&copy, &segment(9), &DamageKind::SegmentMisnamed(SegmentNumber(number)));
            let renamed = copy.without(&segment(number));
            assert!(matches!(
                renamed.damage().kind,
                DamageKind::SegmentMissing(_) | DamageKind::SegmentMisnamed(_)
            ));
            let other = 1 + number % 4;
            let over = store.with_file(&segment(other), content);
            check(&over, &segment(other), &DamageKind::SegmentMisnamed(SegmentNumber(number)));
        }
    }
}

#[test]
fn a_segment_of_another_store_is_named() {
    // Spec: SEG-2, SEG-9
    for store in stores() {
        let other = Store::small();
        // Another id: the random bytes of the first opening are drawn away.
        let _ = other.environment.random.fill(&mut [0; 16]);
        other.append_and_close(&TEXTS);
        let id = other.segment_header(1).store;
        for number in 1..=4 {
            let foreign = store.with_file(&segment(number), other.file(&segment(number)));
            check(&foreign, &segment(number), &DamageKind::SegmentForeign(id));
        }
        let foreign = store.with_file("store", other.file("store"));
        check(&foreign, "store", &DamageKind::SegmentForeign(id));
        let mark = store.with_file("closed", other.file("closed"));
        check(&mark, "closed", &DamageKind::SegmentForeign(id));
    }
}

#[test]
fn a_segment_shorter_than_recorded_is_named() {
    // Spec: SEG-9
    for store in stores() {
        for number in 1..4 {
            let recorded = store.segment_header(number + 1).previous.unwrap().length;
            for length in [recorded - 1, 200, 148] {
                let short = store.edited(&segment(number), |b| b.truncate(usize::try_from(length).unwrap()));
                check(&short, &segment(number), &DamageKind::SegmentShort { length, recorded });
            }
        }
    }
}

#[test]
fn an_older_copy_of_a_segment_is_found() {
    // Spec: SEG-9
    let store = Store::small();
    store.append_and_close(&TEXTS[..2]);
    let older = store.file(&segment(1));
    store.append_and_drop(&TEXTS[2..]);
    let damage = store.with_file(&segment(1), older).damage();
    assert!(matches!(damage.kind, DamageKind::SegmentShort { .. }), "{damage}");

    // An older copy of the last one: the slot shows it.
    let store = Store::new();
    store.append_and_drop(&TEXTS[..2]);
    let older = store.file(&segment(1));
    store.append_and_drop(&TEXTS[2..]);
    let damage = store.with_file(&segment(1), older).damage();
    assert!(matches!(damage.kind, DamageKind::CutOff { .. }), "{damage}");
}

/// The same store from its first segment on, but with other events, and its next segment under this number.
fn branch(store: &Store, number: u64) -> Store {
    let kept = |name: &str| name == "store" || name == segment(1);
    let files = store.storage.files().into_iter().filter(|(name, _)| kept(name)).collect();
    let branch = Store::at(causelog_io::MemoryStorage::from_files(files)).with(SMALL);
    branch.append_and_close(&["B", "C", "D", "E", "F", "G", "H"]);
    if number == 2 { branch } else { branch.renumbered(2, number) }
}

#[test]
fn a_segment_that_does_not_follow_the_one_before_it_is_named() {
    // Spec: SEG-4, SEG-9
    for store in stores() {
        let other = branch(&store, 9);
        let mixed = store.with_file(&segment(9), other.file(&segment(9)));
        check(&mixed, &segment(9), &DamageKind::SegmentOutOfOrder);
        let first = other.segment_header(9);
        assert_eq!(first.previous.unwrap().number, SegmentNumber(1));
    }
}

#[test]
fn a_sealed_segment_replaced_by_one_of_a_branch_is_found_where_it_is_read() {
    // Spec: SEG-4, GROUP-5
    for store in stores() {
        for number in [2, 3] {
            let mixed = store.with_file(&segment(number), branch(&store, 2).file(&segment(number)));
            let findings = mixed.inspect().findings;
            let suspects = [segment(number - 1), segment(number)];
            assert!(suspects.iter().any(|name| place_of(&findings[0]).0 == name), "{findings:?}");
            assert!(mixed.try_texts().is_err());
        }
    }
}

#[test]
fn segments_without_an_identity_are_no_new_store() {
    // Spec: STORE-4
    for store in stores() {
        check(&store.without("store"), "store", &DamageKind::IdentityMissing);
    }
    let store = Store::new();
    store.append_and_close(&[]);
    check(&store.without("store"), "store", &DamageKind::IdentityMissing);
    for content in [vec![], vec![0; 40], b"store".to_vec()] {
        let broken = store.with_file("store", Some(content));
        assert_eq!(place_of(&broken.damage()).0, "store");
    }
}

#[test]
fn a_newer_version_is_refused_as_unsupported_and_nothing_is_changed() {
    // Spec: RECOVER-4
    for store in stores() {
        let salt = store.segment_header(4).salt;
        let id = store.segment_header(4).store.as_u128();
        let low = Salt(u64::try_from(id & u128::from(u64::MAX)).unwrap());
        let newer = [
            ("store".to_owned(), 40, Salt(0)),
            (segment(4), SEGMENT_HEADER_BYTES, salt),
            ("closed".to_owned(), 100, low),
        ];
        for (name, header, salt) in newer.into_iter().filter(|(name, ..)| store.file(name).is_some()) {
            let store = store.edited(&name, |bytes| {
                bytes[8] = 2;
                mend(&mut bytes[..header], salt, 0);
            });
            let before = store.storage.files();
            let damage = store.damage();
            assert_eq!(place_of(&damage), (&*name, 0, &DamageKind::Rule(Rule::UnsupportedVersion(2))));
            assert!(damage.is_unsupported());
            assert_eq!(store.storage.files(), before);
        }
    }
}

#[test]
fn a_group_of_a_newer_kind_is_refused_as_unsupported_and_is_no_torn_tail() {
    // Spec: RECOVER-4, GROUP-8
    let store = Store::new();
    store.append_and_drop(&["a", "b"]);
    let salt = store.segment_header(1).salt;
    let end = usize::try_from(store.report().head.position.0).unwrap();
    assert_eq!(end, 2);
    for (byte, value) in [(4, 9), (5, 1), (6, 7)] {
        let newer = store.without("lock").edited(&segment(1), |bytes| {
            let length = usize::try_from(u32::from_le_bytes(bytes[156..160].try_into().unwrap())).unwrap();
            let second = 148 + 112 + length;
            let header = &mut bytes[second..second + 112];
            header[byte] = value;
            mend(header, salt, u64::try_from(second).unwrap());
        });
        assert!(newer.damage().is_unsupported(), "{}", newer.damage());
        assert!(newer.inspect().findings[0].is_unsupported());
    }
}

#[test]
fn unknown_and_temporary_names_are_reported_and_left_alone() {
    // Spec: STORE-1
    for store in stores() {
        let junk = Some(b"junk".to_vec());
        let names = ["notes.txt", "1.seg", "lock.tmp", "00000000000000000002.SEG"];
        let temporary = "00000000000000000007.seg.tmp";
        let store = names.iter().fold(store.copy(), |store, name| store.with_file(name, junk.clone()));
        let store = store.with_file(temporary, junk.clone());
        let report = store.report();
        let mut expected = names.map(str::to_owned);
        expected.sort();
        assert_eq!(report.unknown_names, expected);
        assert_eq!(report.temporary_names, [temporary]);
        store.append_and_close(&["k", "l", "m", "n"]);
        assert!(names.iter().all(|name| store.file(name) == junk));
        assert_eq!(store.texts().len(), 14);
        assert_eq!(store.inspect().findings, []);
    }
}

#[test]
fn temporary_files_of_a_crash_are_overwritten() {
    // Spec: STORE-1
    let store = Store::small();
    let store = ["store.tmp", "closed.tmp", "00000000000000000001.seg.tmp", "00000000000000000002.seg.tmp"]
        .iter()
        .fold(store, |store, name| store.with_file(name, Some(vec![0xEE; 5_000])));
    store.append_and_close(&["a", "b", "c", "d"]);
    let store = store.after_power_cut();
    assert_eq!(store.texts(), ["a", "b", "c", "d"]);
    assert_eq!(store.report().left, Left::Closed);
    assert_eq!(store.report().temporary_names, Vec::<String>::new());
}

#[test]
fn a_directory_without_a_store_is_made_one_by_a_writer_only() {
    let store = Store::new().with_file("readme", Some(Vec::new()));
    assert!(matches!(open_reader(&store.environment), Err(LogError::NotAStore { .. })));
    assert_eq!(store.names(), ["readme"]);
    let (.., report) = open_writer(&store.environment, SMALL).unwrap();
    assert_eq!((report.left, report.unknown_names), (Left::New, vec!["readme".to_owned()]));
}

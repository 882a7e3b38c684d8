//! Every kind of damage by itself, and several at once.

use std::ops::Range;
use std::slice::from_ref;

use causelog::{Environment, MemoryStorage, Options};
use causelog_segment::{FileName, LogError};

use super::lab::{Whole, check, environment, open, salvage};
use crate::{Salvage, SalvageError};

/// The positions of groups that follow each other.
fn positions(whole: &Whole, groups: Range<usize>) -> Range<u64> {
    whole.groups[groups.start].positions.start..whole.groups[groups.end - 1].positions.end
}

/// The positions of all groups in a file.
fn of_file(whole: &Whole, name: &str) -> Range<u64> {
    let mut groups = whole.groups.iter().filter(|group| group.file == name);
    let first = groups.next().unwrap();
    first.positions.start..groups.next_back().unwrap_or(first).positions.end
}

/// Spec: SALVAGE-1, SALVAGE-2
#[test]
fn of_a_whole_store_nothing_is_lost() {
    for closed in [true, false] {
        let whole = Whole::usual(closed);
        assert!(whole.segments().len() >= 3);
        let report = check(&whole, &[]);
        assert_eq!((report.head, report.findings.len()), (whole.head, 0));
        assert_eq!((report.streams.len(), report.torn_tail), (0, None));
    }
}

/// Each group with a flipped bit in its header, its first frame and its last byte: it is lost, and no other.
///
/// Spec: SALVAGE-1, SALVAGE-2, GROUP-4, RECOVER-9
#[test]
fn a_damaged_group_is_lost_alone() {
    let whole = Whole::usual(true);
    for (number, group) in whole.groups.iter().enumerate() {
        for at in [group.bytes.start + 12, group.bytes.start + 130, group.bytes.end - 1] {
            let report = check(&whole.flipped(&group.file, at), &[positions(&whole, number..number + 1)]);
            assert!(!report.findings.is_empty(), "group {number}, byte {at}");
            assert_eq!(report.head, whole.head);
        }
    }
}

/// Spec: SALVAGE-4
#[test]
fn streams_are_told_as_far_as_what_follows_shows() {
    let whole = Whole::usual(true);
    // Three events, one of each stream; each stream goes on behind them.
    let group = whole.groups[3].clone();
    let report = check(&whole.flipped(&group.file, group.bytes.start), from_ref(&group.positions));
    let mut lost: Vec<_> =
        whole.events.iter().filter(|event| group.positions.contains(&event.header.position.0)).collect();
    lost.sort_by_key(|event| event.header.coordinate.to_string());
    let mut told: Vec<_> = report.streams.iter().collect();
    told.sort_by_key(|lost| lost.stream.to_string());
    assert_eq!((told.len(), lost.len()), (3, 3));
    for (told, event) in told.into_iter().zip(lost) {
        let revision = event.header.revision;
        assert_eq!(
            (&told.stream, told.revisions.start, told.revisions.end.0),
            (&event.header.coordinate, revision, revision.0 + 1)
        );
        assert!(told.before.0 >= group.positions.end);
    }
}

/// Any segment missing, the last one of a store that was not closed included: the published end knows of it.
///
/// Spec: SALVAGE-1, SALVAGE-3
#[test]
fn a_missing_segment_is_a_gap() {
    for closed in [true, false] {
        let whole = Whole::usual(closed);
        for name in whole.segments() {
            let report = check(&whole.without(&name), &[of_file(&whole, &name)]);
            assert_eq!(report.head, whole.head, "{name}");
        }
    }
    let whole = Whole::usual(true);
    let [first, .., last] = &whole.segments()[..] else { panic!() };
    let both = whole.without(first).without(last);
    check(&both, &[of_file(&whole, first), of_file(&whole, last)]);
    // Nothing but the mark of a clean close is left to say that there was anything.
    let none = whole.segments().iter().fold(whole.copied(), |whole, name| whole.without(name));
    let all = 0..whole.head.position.0;
    check(&none, from_ref(&all));
}

/// With a damaged header the groups are found by its salt; only where that is damaged they are lost.
///
/// Spec: SALVAGE-2
#[test]
fn a_damaged_segment_header_costs_nothing_but_its_salt() {
    let whole = Whole::usual(true);
    for name in whole.segments() {
        for at in [0, 8, 12, 30, 40, 50, 80, 97, 105, 120, 145] {
            check(&whole.flipped(&name, at).flipped(&name, at + 1), &[]);
        }
        check(&whole.flipped(&name, 90).flipped(&name, 91), &[of_file(&whole, &name)]);
        check(&whole.flipped(&name, 90).flipped(&name, 30), &[of_file(&whole, &name)]);
    }
}

/// Spec: SALVAGE-2
#[test]
fn one_flipped_bit_of_a_segment_header_is_turned_back() {
    let whole = Whole::usual(true);
    let name = &whole.segments()[1];
    for at in 0..148 {
        let damaged = whole.flipped(name, at);
        let report = match at % 16 {
            0 | 9 => check(&damaged, &[]),
            _ => salvage(&damaged).unwrap().1,
        };
        assert!(report.lost.is_empty(), "byte {at}: {:?}", report.lost);
        let turned = |found: &&causelog::Finding| found.kind.name() == "header_bit_flipped";
        let turned: Vec<_> = report.findings.iter().filter(turned).collect();
        let [turned] = &turned[..] else { panic!("byte {at}: {:?}", report.findings) };
        assert!(turned.file.ends_with(name) && turned.offset.0 == u64::try_from(at).unwrap(), "{turned}");
        // A strict open turns nothing back.
        assert!(Options::default().open_read_only_in(environment(&damaged.disk())).is_err());
    }
}

/// Small files, index files: damaged, missing or something else.
///
/// Spec: SALVAGE-1, STORE-5
#[test]
fn other_files_cost_nothing() {
    for closed in [true, false] {
        let whole = Whole::usual(closed);
        let others = whole.files.iter().map(|(name, _)| name).filter(|name| !name.ends_with(".seg"));
        for name in others {
            check(&whole.without(name), &[]);
            check(&whole.flipped(name, 20), &[]);
            check(
                &whole.with(name, |bytes| {
                    bytes.truncate(5);
                    true
                }),
                &[],
            );
        }
    }
}

/// Spec: SALVAGE-3, RECOVER-3
#[test]
fn a_torn_tail_is_left_behind() {
    let whole = Whole::usual(false).without("lock");
    let last = whole.groups.last().unwrap().clone();
    let torn = whole.flipped(&last.file, last.bytes.start + 130);
    let (new, report) = salvage(&torn).unwrap();
    assert_eq!((report.head.position.0, report.lost.len()), (last.positions.start, 0));
    assert_eq!(report.torn_tail.unwrap().offset.0, u64::try_from(last.bytes.start).unwrap());
    assert_eq!(open(&new).end(), report.head);
    // The published end knows better.
    let whole = Whole::usual(false);
    let report = check(&whole.flipped(&last.file, last.bytes.start + 130), from_ref(&last.positions));
    assert_eq!((report.torn_tail, report.head), (None, whole.head));
}

/// A segment of another store, one twice, one renamed, an older copy.
///
/// Spec: SALVAGE-2, SEG-9
#[test]
fn segments_in_wrong_places_are_told_apart() {
    let (whole, other) = (Whole::usual(true), Whole::usual(true));
    let [first, second, ..] = &whole.segments()[..] else { panic!() };
    let bytes =
        |whole: &Whole, name: &str| whole.files.iter().find(|(found, _)| found == name).unwrap().1.clone();
    let swap = |name: &str, with: Vec<u8>| {
        whole.with(name, |bytes| {
            *bytes = with;
            true
        })
    };
    check(&swap(second, bytes(&other, second)), &[of_file(&whole, second)]);
    let extra = |whole: &Whole, name: &str, bytes: Vec<u8>| {
        let mut whole = whole.copied();
        whole.files.push((name.to_owned(), bytes));
        whole.files.sort();
        whole
    };
    let ninth = "00000000000000000009.seg";
    check(&extra(&whole, ninth, bytes(&whole, first)), &[]);
    check(&extra(&whole, ninth, bytes(&other, first)), &[]);
    // Renamed: what it holds is found by its own header. A copy makes up for what is damaged in the original.
    check(&extra(&whole.without(second), ninth, bytes(&whole, second)), &[]);
    let group = whole.groups.iter().filter(|group| group.file == *second).nth(1).unwrap();
    check(&extra(&whole.flipped(second, group.bytes.start + 3), ninth, bytes(&whole, second)), &[]);
    let older = bytes(&whole, second)[..group.bytes.start].to_vec();
    let rest = group.positions.start..of_file(&whole, second).end;
    check(&swap(second, older), from_ref(&rest));
}

/// Spec: SALVAGE-1, SALVAGE-2
#[test]
fn several_damages_are_several_gaps() {
    let whole = Whole::new(&[1; 30], 400, true);
    let mut damaged = whole.with("closed", |_| false);
    for number in [0, 4, 5, 11, 20, 29] {
        let group = &whole.groups[number];
        damaged = damaged.flipped(&group.file, group.bytes.start + 50);
    }
    // Nothing shows that the last one was synced, once `lock` and `closed` are gone.
    let report = check(&damaged, &[0..1, 4..6, 11..12, 20..21, 29..30]);
    assert_eq!(report.lost_events(), 6);
    // Salvaged again, nothing more is lost.
    let (new, _) = salvage(&damaged).unwrap();
    let again = Whole { files: new.files(), events: super::lab::events(&new), ..whole };
    check(&again, &[0..1, 4..6, 11..12, 20..21, 29..30]);
}

/// Index files are about all events after the first writer's close, and end before the gap and begin behind it.
///
/// Spec: INDEX-10
#[test]
fn gaps_stand_in_segments_of_their_own_and_need_no_index_file() {
    let whole = Whole::usual(true);
    let group = whole.groups[4].clone();
    let (new, _) = salvage(&whole.flipped(&group.file, group.bytes.start)).unwrap();
    let files = || new.files().into_iter().map(|(name, _)| FileName::parse(&name));
    let indexes = || {
        let indexes = files().filter_map(|name| match name {
            FileName::Index { base, next } => Some(base.0..next.0),
            _ => None,
        });
        indexes.collect::<Vec<_>>()
    };
    assert_eq!(indexes(), []);
    open(&new).close().unwrap();
    let segments = files().filter(|name| matches!(name, FileName::Segment(_))).count();
    assert_eq!(segments, 3, "before the gap, the gap, behind it");
    let mut at = 0;
    for range in indexes() {
        at = if at == group.positions.start { group.positions.end } else { at };
        assert_eq!(range.start, at, "{:?}", indexes());
        at = range.end;
    }
    assert_eq!(at, whole.head.position.0);
    assert!(indexes().iter().any(|range| range.end == group.positions.start), "{:?}", indexes());
}

/// An event that was changed with every checksum and root of its group mended: the roots behind it tell.
///
/// Spec: SALVAGE-2, VERIFY-2
#[test]
fn a_forged_group_is_left_out() {
    let whole = Whole::usual(true);
    let group = whole.groups[1].clone();
    let forged = forge(&whole, 1);
    let report = check(&forged, &[group.positions]);
    assert!(report.findings.iter().any(|found| found.kind.name() == "root_broken"), "{:?}", report.findings);
}

/// Another kind in the events of a group, and everything mended that a group can mend.
fn forge(whole: &Whole, number: usize) -> Whole {
    use causelog_types::ByteOffset;
    use causelog_wire::{GroupBuffer, GroupHeader, GroupMeta, SegmentHeader, decode_frame};
    let placed = whole.groups[number].clone();
    whole.with(&placed.file, |bytes| {
        let salt = SegmentHeader::decode(bytes).whole().unwrap().salt;
        let at = |at: usize| ByteOffset(u64::try_from(at).unwrap());
        let header =
            GroupHeader::decode(&bytes[placed.bytes.clone()], salt, at(placed.bytes.start)).whole().unwrap();
        let (mut buffer, mut next) = (GroupBuffer::new(), placed.bytes.start + 112);
        while next < placed.bytes.end {
            let frame = decode_frame(&bytes[next..placed.bytes.end], salt, at(next)).whole().unwrap();
            let mut event = frame.header.clone();
            event.kind = causelog::EventKind::of::<0x1002>();
            buffer.push(&event, frame.stored_payload).unwrap();
            next += frame.bytes;
        }
        let GroupHeader { epoch, base, root_before, synced_to, .. } = header;
        let meta = GroupMeta { epoch, base, root_before, synced_to };
        let forged = buffer.seal(salt, at(placed.bytes.start), &meta).unwrap();
        bytes[placed.bytes.clone()].copy_from_slice(forged);
        true
    })
}

/// One segment, its header damaged, and neither `store` nor `closed`: the first root proves the id that is left.
///
/// Spec: SALVAGE-2
#[test]
fn the_first_root_proves_which_store_it_was() {
    let whole = Whole::new(&[1, 2, 1], 10, false);
    let nameless = whole.without("store").flipped("00000000000000000001.seg", 50);
    let nameless = nameless.flipped("00000000000000000001.seg", 51);
    check(&nameless, &[]);
    let other = nameless.flipped("00000000000000000001.seg", 14);
    let refused = Salvage::read(std::sync::Arc::new(other.disk())).unwrap_err();
    assert!(refused.to_string().contains("the store file is missing"), "{refused}");
}

/// Spec: SALVAGE-5
#[test]
fn what_cannot_be_salvaged_is_refused() {
    let whole = Whole::usual(true);
    let disk = whole.disk();
    let living = Options::default().open_in(environment(&disk)).unwrap();
    let locked = Salvage::read(std::sync::Arc::new(disk)).unwrap_err();
    assert!(matches!(locked, SalvageError::Log(LogError::Locked { .. })), "{locked}");
    drop(living);
    let nothing = Salvage::read(std::sync::Arc::new(MemoryStorage::new())).unwrap_err();
    assert!(matches!(nothing, SalvageError::Log(LogError::NotAStore { .. })), "{nothing}");
    let taken = MemoryStorage::from_files(vec![("note".to_owned(), b"mine".to_vec())]);
    let to: Environment = environment(&taken);
    let refused = Salvage::read(std::sync::Arc::new(whole.disk())).unwrap().write(&to).unwrap_err();
    assert!(matches!(refused, SalvageError::NotEmpty { .. }), "{refused}");
    assert_eq!((taken.mutations(), taken.files().len()), (0, 1));
}

//! Index files are derived: whatever becomes of them, no answer changes. A given index is used only as far as
//! the log confirms it.

use std::sync::Arc;

use causelog::{
    AppendErrorKind, Counts, Event, Fate, Index, LogError, MemoryIndex, MemoryStorage, NewEvent, ReadError,
    Region, Store, StreamHead,
};
use causelog_io::Operation;

use crate::helpers::{
    CLOSED, Lab, all, bytes_of, door, event, fill_segment, id, long_event, names, options, read, stream,
    with_file,
};

const INDEX_BLOCK_BYTES: usize = 4096;
const SEGMENT_HEADER_BYTES: usize = 148;

/// All that an index has a part in.
#[derive(Debug, PartialEq)]
pub(crate) struct Answers {
    pub(crate) all: Vec<Event>,
    single: Vec<Option<Event>>,
    tagged: Vec<Event>,
    of_entity: Vec<Event>,
    of_kind: Vec<Event>,
    heads: Vec<Option<StreamHead>>,
    around: Vec<(Vec<Event>, Vec<Event>)>,
    pub(crate) counts: Counts,
}

pub(crate) fn answers(store: &Store) -> Answers {
    let all = all(store);
    let around = all.iter().map(|event| {
        let ancestors = store.ancestors(event.header.id).unwrap().map(Result::unwrap).collect();
        (ancestors, store.descendants(event.header.id).unwrap().map(Result::unwrap).collect())
    });
    let clause = causelog::Clause::new();
    Answers {
        single: all.iter().map(|event| store.get(event.header.id).unwrap()).collect(),
        tagged: read(store, Region::from(clause.clone().tag("night").unwrap())),
        of_entity: read(store, Region::entity("siren").unwrap()),
        of_kind: read(store, Region::from(clause.kind(CLOSED).unwrap())),
        heads: all.iter().map(|event| store.head(&event.header.coordinate).unwrap()).collect(),
        around: around.collect(),
        counts: store.counts().unwrap(),
        all,
    }
}

/// Three segments and an index file, with tags, causes and several streams; not closed.
fn history(lab: &Lab, disk: &MemoryStorage) -> Store {
    let store = lab.open(disk);
    let siren = stream("siren", "home");
    let first = store.append(event(&door(), "first").with_id(id(1))).unwrap();
    let rings =
        NewEvent::new(&siren, CLOSED, &1).unwrap().with_id(id(2)).with_tags(["night", "loud"]).unwrap();
    store.append(rings.caused_by([first.id]).unwrap()).unwrap();
    for number in 3..9 {
        let long = long_event(&door(), 900).with_id(id(number)).caused_by([id(1), id(number - 1)]).unwrap();
        store.append_batch(vec![long, event(&siren, "with it").with_id(id(100 + number))]).unwrap();
    }
    assert_eq!((names(disk, ".seg").len(), names(disk, ".idx").len()), (3, 1));
    store
}

fn check_opens_the_same(lab: &Lab, disk: &MemoryStorage, due: &Answers, context: &str) {
    for disk in [disk, &disk.with_maps()] {
        let store = lab.try_open_read_only(disk).unwrap();
        assert_eq!(&answers(&store), due, "{context}");
    }
}

/// Spec: INDEX-1, INDEX-2, INDEX-3, STORE-5, READ-5
#[test]
fn no_damage_to_an_index_file_changes_an_answer() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = history(&lab, &disk);
    let due = answers(&store);
    store.close().unwrap();
    check_opens_the_same(&lab, &disk, &due, "whole");
    let indexes = names(&disk, ".idx");
    assert_eq!(indexes.len(), 2, "{indexes:?}");
    for name in &indexes {
        let whole = bytes_of(&disk, name);
        check_opens_the_same(&lab, &with_file(&disk, name, None), &due, "deleted");
        for length in (0..whole.len()).step_by(997) {
            let cut = with_file(&disk, name, Some(whole[..length].to_vec()));
            check_opens_the_same(&lab, &cut, &due, &format!("{name} cut to {length}"));
        }
        for at in (0..whole.len()).filter(|at| whole[*at] != 0).step_by(11) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x11;
            check_opens_the_same(
                &lab,
                &with_file(&disk, name, Some(damaged)),
                &due,
                &format!("{name}, byte {at}"),
            );
        }
    }
    let (first, second) = (bytes_of(&disk, &indexes[0]), bytes_of(&disk, &indexes[1]));
    check_opens_the_same(
        &lab,
        &with_file(&disk, &indexes[0], Some(second.clone())),
        &due,
        "about other positions",
    );
    let none = with_file(&with_file(&disk, &indexes[0], None), &indexes[1], None);
    check_opens_the_same(&lab, &none, &due, "none");

    let other = MemoryStorage::new();
    history(&Lab::new(), &other).close().unwrap();
    let mut foreign = bytes_of(&other, &indexes[0]);
    check_opens_the_same(&lab, &with_file(&disk, &indexes[0], Some(foreign.clone())), &due, "foreign");
    foreign.extend_from_slice(&first);
    check_opens_the_same(&lab, &with_file(&disk, &indexes[1], Some(foreign)), &due, "garbage");
}

/// A writer makes again what was of no use.
///
/// Spec: STORE-5, INDEX-7
#[test]
fn a_missing_index_file_is_made_again() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    history(&lab, &disk).close().unwrap();
    for name in names(&disk, ".idx") {
        let whole = bytes_of(&disk, &name);
        let disk = with_file(&disk, &name, None);
        lab.open(&disk).close().unwrap();
        assert_eq!(bytes_of(&disk, &name), whole, "{name}");
    }
}

/// Where both an index file and the frames that it would be made of again are damaged, the damage of the log is told, with
/// its file and its place, as wherever it is met.
///
/// Spec: INDEX-11, RECOVER-4
#[test]
fn damage_of_the_log_that_an_index_meets_is_told_as_such() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    history(&lab, &disk).close().unwrap();
    let (index, segment) = (names(&disk, ".idx").swap_remove(0), names(&disk, ".seg").swap_remove(0));
    let mut bytes = bytes_of(&disk, &index);
    // Every block, none of which is read at an open.
    for at in (INDEX_BLOCK_BYTES + 8..bytes.len()).step_by(INDEX_BLOCK_BYTES) {
        bytes[at] ^= 0x10;
    }
    let disk = with_file(&disk, &index, Some(bytes));
    let mut bytes = bytes_of(&disk, &segment);
    bytes[SEGMENT_HEADER_BYTES + 12] ^= 0x10;
    let disk = with_file(&disk, &segment, Some(bytes));
    let check = |error: &LogError| {
        let LogError::Damaged(damage) = error else { panic!("{error}") };
        assert!(damage.file.ends_with(&segment), "{damage}");
        assert_eq!(usize::try_from(damage.offset.0), Ok(SEGMENT_HEADER_BYTES), "{damage}");
    };
    for store in [lab.try_open_read_only(&disk).unwrap(), lab.open(&disk)] {
        let answers = [
            store.get(id(1)).map(drop),
            store.read(Region::stream(&door())).try_for_each(|event| event.map(drop)),
            store.ancestors(id(8)).and_then(|mut events| events.try_for_each(|event| event.map(drop))),
            store.read(Region::entity("siren").unwrap()).try_for_each(|event| event.map(drop)),
        ];
        for answer in answers {
            let error = answer.unwrap_err();
            let ReadError::Log(error) = &error else { panic!("{error:?}") };
            check(error);
        }
    }
    let error = lab.open(&disk).append(event(&door(), "first").with_id(id(1))).unwrap_err();
    assert_eq!(error.fate(), Fate::NotWritten);
    let AppendErrorKind::StoredUnreadable(error) = error.kind() else { panic!("{error:?}") };
    check(error);
}

/// How many bytes of each segment were read.
fn read_of_segments(disk: &MemoryStorage) -> Vec<(String, u64)> {
    let sum = |segment: &String| {
        let of_reads = |operation: Operation| match operation {
            Operation::Read { name, bytes, .. } if name == *segment => bytes,
            _ => 0,
        };
        disk.trace().into_iter().map(of_reads).sum()
    };
    names(disk, ".seg")
        .into_iter()
        .map(|segment| {
            let bytes = sum(&segment);
            (segment, bytes)
        })
        .collect()
}

/// Nothing but the headers of sealed segments is read, however many there are.
///
/// Spec: RECOVER-8, INDEX-6
#[test]
fn an_open_with_index_files_reads_no_frames_of_sealed_segments() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = lab.open(&disk);
    for _ in 0..40 {
        store.append(long_event(&door(), 900)).unwrap();
    }
    store.close().unwrap();
    // A power cut may take index files with it: they are never synced.
    for left in [disk.kill(), disk.clone()] {
        left.clear_trace();
        let store = lab.open(&left);
        let read = read_of_segments(&left);
        assert!(read.len() > 10, "{read:?}");
        let (_, sealed) = read.split_last().unwrap();
        for (name, bytes) in sealed {
            assert_eq!(*bytes, 148, "of {name} more than the header was read");
        }
        let head = store.head(&door()).unwrap().unwrap();
        assert_eq!(head.revision.0, 39);
        assert_eq!(store.counts().unwrap(), Counts { events: 40, streams: 1 });
        assert_eq!(store.get(id(404)).unwrap(), None);
        assert_eq!(read_of_segments(&left), read, "heads, counts and absence are told without frames");
    }
}

/// A sealed segment without events, as a crash before its first group leaves it, does not hide the index files
/// behind it.
///
/// Spec: RECOVER-8
#[test]
fn a_sealed_segment_without_events_costs_nothing() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = lab.open(&disk);
    store.append(event(&door(), "first")).unwrap();
    std::mem::forget(store);
    let first = "00000000000000000001.seg";
    let (mut torn, mut disk) = (bytes_of(&disk, first), disk.kill());
    // The first group is torn: the segment stays without an event.
    torn.truncate(200);
    disk = with_file(&with_file(&disk, first, Some(torn)), "lock", Some(Vec::new()));
    let store = lab.open(&disk);
    assert_eq!(store.end().position.0, 0);
    for _ in 0..5 {
        fill_segment(&store);
    }
    let end = store.end();
    store.close().unwrap();
    disk.clear_trace();
    let store = lab.open(&disk);
    assert_eq!(store.end(), end);
    let read = read_of_segments(&disk);
    let (_, sealed) = read.split_last().unwrap();
    assert!(sealed.iter().all(|(_, bytes)| *bytes == 148), "{read:?}");
}

/// Spec: INDEX-7
#[test]
fn an_index_left_over_from_elsewhere_is_filled_anew() {
    let lab = Lab::new();
    let (older, other) = (MemoryStorage::new(), MemoryStorage::new());
    let index = Arc::new(MemoryIndex::new());
    let open = |disk: &MemoryStorage| options().index(index.clone()).open_in(lab.environment(disk)).unwrap();
    let store = open(&older);
    store.append(event(&door(), "1").with_id(id(1))).unwrap();
    store.append_batch(vec![event(&door(), "2").with_id(id(2)), event(&door(), "3").with_id(id(3))]).unwrap();
    std::mem::forget(store);
    let copy = older.kill();

    // Ahead of the log: the directory was put back to an earlier state.
    let newer = older.kill();
    let store = open(&newer);
    store.append(event(&door(), "4").with_id(id(4))).unwrap();
    drop(store);
    let store = open(&copy);
    assert_eq!(index.watermark().unwrap().unwrap().next.0, 3);
    assert_eq!((all(&store).len(), store.get(id(4)).unwrap()), (3, None));
    // From here on the two logs differ at position 3.
    store.append(event(&stream("siren", "home"), "else").with_id(id(5))).unwrap();
    drop(store);
    let store = open(&newer);
    assert_eq!((store.get(id(5)).unwrap(), store.get(id(4)).unwrap().is_some()), (None, true));
    assert_eq!(store.head(&stream("siren", "home")).unwrap(), None);
    drop(store);

    // Of another store.
    let store = open(&other);
    assert_eq!((store.counts().unwrap(), store.get(id(1)).unwrap()), (Counts::default(), None));
    assert_eq!(store.append(event(&door(), "1").with_id(id(1))).unwrap().revision.0, 0);
    drop(store);
    let store = open(&copy);
    assert_eq!(all(&store).len(), 4);
}

/// An index that somebody else resets or feeds while a store is open must not lead to a wrong revision or a
/// second event of one id in the log: the writer sees it and stops.
///
/// Spec: COND-3, IDEM-1, INDEX-7
#[test]
fn an_index_that_is_taken_away_stops_the_writer_before_it_writes() {
    let (lab, disk, other) = (Lab::new(), MemoryStorage::new(), MemoryStorage::new());
    let index = Arc::new(MemoryIndex::new());
    let open = |disk: &MemoryStorage| options().index(index.clone()).open_in(lab.environment(disk)).unwrap();
    let store = open(&disk);
    store.append(event(&door(), "1").with_id(id(1))).unwrap();
    let thief = open(&other);
    for again in [event(&door(), "1").with_id(id(1)), event(&door(), "2")] {
        let error = store.append(again).unwrap_err();
        assert_eq!(error.fate(), Fate::NotWritten);
        let stopped = matches!(error.kind(), AppendErrorKind::IndexFailed(_) | AppendErrorKind::Poisoned(_));
        assert!(stopped, "{error}");
    }
    drop((store, thief));
    let store = open(&disk);
    assert_eq!(all(&store).len(), 1);
    assert!(store.verify().unwrap().is_sound());
}

//! Lessons that others have paid for, each in one test. Those about crashes, errors and space are with their
//! kind.

use causelog::{
    AppendErrorKind, Clause, EventId, ExpectedRevision, MemoryStorage, NewEvent, OpenError, Query, Region,
    Revision,
};

use crate::helpers::{
    CLOSED, Lab, OPENED, START_MS, all, bytes_of, door, event, fill_segment, id, long_event, names, place,
    read, refusal, stream, with_file,
};

/// Lesson 3 (`expected = 0` meaning both "empty" and "one event").
///
/// Spec: COND-1
#[test]
fn lesson_3_an_empty_stream_and_one_event_are_told_apart() {
    let lab = Lab::new();
    let store = lab.open(&MemoryStorage::new());
    let with = |expected| store.append(event(&door(), "x").expecting(expected));
    let first = ExpectedRevision::Exactly(Revision(0));
    let wrong = |kind: AppendErrorKind| match kind {
        AppendErrorKind::WrongRevision { expected, actual, .. } => (expected, actual),
        other => panic!("{other}"),
    };
    assert_eq!(wrong(refusal(with(first))), (first, None));
    assert_eq!(wrong(refusal(with(ExpectedRevision::Exists))), (ExpectedRevision::Exists, None));
    assert_eq!(place(&with(ExpectedRevision::Empty).unwrap()), (0, 0));
    assert_eq!(wrong(refusal(with(ExpectedRevision::Empty))), (ExpectedRevision::Empty, Some(Revision(0))));
    assert_eq!(place(&with(first).unwrap()), (1, 1));
    assert_eq!(wrong(refusal(with(first))), (first, Some(Revision(1))));
    assert_eq!(place(&with(ExpectedRevision::Exists).unwrap()), (2, 2));
    assert_eq!(place(&with(ExpectedRevision::Any).unwrap()), (3, 3));
}

/// Lesson 4 (a batch with two events of one stream broke the hash chain), and lesson 5 (a batch got an older
/// clock than its predecessor).
///
/// Spec: TYPE-4, COND-3, HASH-3
#[test]
fn lessons_4_5_a_batch_goes_on_with_its_own_events() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = lab.open(&disk);
    store.append(event(&door(), "before")).unwrap();
    lab.clock.set(START_MS - 1_000_000);
    let second = ExpectedRevision::Exactly(Revision(1));
    let siren = stream("siren", "home");
    let batch = vec![
        event(&door(), "1"),
        event(&siren, "2").expecting(ExpectedRevision::Empty),
        event(&door(), "3").expecting(second),
        event(&siren, "4").expecting(ExpectedRevision::Exactly(Revision(0))),
    ];
    store.append_batch(batch).unwrap();
    lab.clock.set(0);
    drop(store);
    let store = lab.open(&disk);
    store.append(event(&door(), "after")).unwrap();
    let events = all(&store);
    let of = |entity: &str| {
        events.iter().filter(|event| event.header.coordinate.entity() == entity).collect::<Vec<_>>()
    };
    for chain in [of("door:1"), of("siren")] {
        assert_eq!(chain[0].header.previous_hash, None);
        for (revision, pair) in (1..).zip(chain.windows(2)) {
            assert_eq!(pair[1].header.previous_hash, Some(pair[0].hash()));
            assert_eq!(pair[1].header.revision.0, revision);
        }
    }
    for pair in events.windows(2) {
        assert!(pair[0].header.dag.hlc < pair[1].header.dag.hlc);
    }
    assert!(store.verify().unwrap().is_sound());
}

/// Lesson 6 (numbers reserved for failed batches were reused after a restart): a refused batch takes no number.
///
/// Spec: TYPE-8, TYPE-9, COND-5
#[test]
fn lesson_6_a_refused_batch_takes_no_number() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = lab.open(&disk);
    for round in 0..3_u64 {
        let fails = event(&stream("siren", "home"), "x").expecting(ExpectedRevision::Exists);
        refusal(store.append_batch(vec![event(&door(), "x"), event(&door(), "y"), fails]));
        assert_eq!(place(&store.append(event(&door(), "z")).unwrap()), (2 * round, 2 * round));
        let reopened = lab.open(&disk.kill());
        assert_eq!(place(&reopened.append(event(&door(), "z")).unwrap()), (2 * round + 1, 2 * round + 1));
        assert_eq!(place(&store.append(event(&door(), "z")).unwrap()), (2 * round + 1, 2 * round + 1));
    }
}

/// Lesson 13 (idempotency keys held only in memory), and lesson 14 (a corrupt key file was taken as empty and
/// admitted duplicates): after reopenings, without index files, with damaged ones.
///
/// Spec: IDEM-2, IDEM-5, INDEX-2
#[test]
fn lessons_13_14_ids_are_known_after_any_reopening() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = lab.open(&disk);
    let first = store.append(event(&door(), "once").with_id(id(7))).unwrap();
    fill_segment(&store);
    fill_segment(&store);
    let count = store.end().position;
    store.close().unwrap();
    let index = names(&disk, ".idx")[0].clone();
    let mut damaged = bytes_of(&disk, &index);
    damaged[120] ^= 1;
    let disks = [
        disk.clone(),
        with_file(&disk, &index, None),
        with_file(&disk, &index, Some(damaged)),
        disk.power_cut(),
    ];
    for disk in disks {
        let store = lab.open(&disk);
        let again = store.append(event(&door(), "once").with_id(id(7))).unwrap();
        assert_eq!(
            (again.hash, again.location, again.outcome),
            (first.hash, first.location, causelog::Outcome::Found)
        );
        let kind = refusal(store.append(event(&door(), "twice").with_id(id(7))));
        assert!(
            matches!(kind, AppendErrorKind::IdConflict { position, .. } if position == first.position),
            "{kind}"
        );
        assert_eq!(store.end().position, count);
    }
}

/// Lesson 19 (prefix match where an exact one was meant).
///
/// Spec: REGION-1
#[test]
fn lesson_19_an_entity_is_not_a_prefix() {
    let lab = Lab::new();
    let store = lab.open(&MemoryStorage::new());
    for (entity, scope) in [("user:1", "a"), ("user:10", "a"), ("user:1", "b"), ("user:", "a")] {
        store.append(event(&stream(entity, scope), "x")).unwrap();
    }
    let found =
        |region: Region| read(&store, region).iter().map(|event| event.header.position.0).collect::<Vec<_>>();
    assert_eq!(found(Region::entity("user:1").unwrap()), [0, 2]);
    assert_eq!(found(Region::stream(&stream("user:1", "a"))), [0]);
    assert_eq!(found(Clause::new().entity_prefix("user:1").unwrap().into()), [0, 1, 2]);
    assert_eq!(store.head(&stream("user:1", "b")).unwrap().unwrap().revision, Revision(0));
    assert_eq!(store.head(&stream("user", "a")).unwrap(), None);
}

/// Lesson 20 (one predicate with two implementations that disagreed): what a region reads is what its matcher
/// says of every event.
///
/// Spec: REGION-5
#[test]
fn lesson_20_reading_a_region_agrees_with_its_matcher() {
    let lab = Lab::new();
    let store = lab.open(&MemoryStorage::new());
    for (i, entity) in ["a", "ab", "b", "a", "ab", "c"].into_iter().cycle().take(60).enumerate() {
        let kind = if i % 3 == 0 { OPENED } else { CLOSED };
        let tags = ["x", "y", "z"].into_iter().take(i % 4);
        store
            .append(NewEvent::new(&stream(entity, "s"), kind, &i).unwrap().with_tags(tags).unwrap())
            .unwrap();
        lab.clock.advance(1);
    }
    let clause = |entity: &str| Clause::new().entity_prefix(entity).unwrap();
    let tagged = clause("a").tag("y").unwrap();
    let regions = [
        Region::all(),
        Region::any_of([clause("ab").kind(OPENED).unwrap(), tagged.clone()]).unwrap(),
        Region::from(tagged).positions(causelog::Position(7)..).unwrap(),
        Region::entity("b").unwrap().recorded_ms(START_MS + 10..START_MS + 40).unwrap(),
        Region::all().revisions(Revision(2)..=Revision(3)).unwrap(),
    ];
    let events = all(&store);
    for region in regions {
        let due: Vec<_> =
            events.iter().filter(|event| region.matches(&event.header.facts())).cloned().collect();
        assert!(!due.is_empty(), "{region:?}");
        assert_eq!(read(&store, &region), due, "{region:?}");
        let mut backwards = read(&store, Query::new(region.clone()).backwards());
        backwards.reverse();
        assert_eq!(backwards, due, "{region:?}");
    }
}

/// Lesson 27 (a lock still held after drop).
///
/// Spec: LOCK-1, LOCK-5
#[test]
fn lesson_27_a_second_writer_is_refused_until_the_first_is_gone() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let first = lab.open(&disk);
    let refused = lab.try_open(&disk).unwrap_err();
    assert!(matches!(refused, OpenError::Log(causelog::LogError::Locked { .. })), "{refused}");
    assert!(refused.to_string().contains("memory"), "{refused}");
    first.append(event(&door(), "still the one")).unwrap();
    first.close().unwrap();
    let second = lab.open(&disk);
    // A read that is still held does not hold the lock.
    let mut events = second.read(Region::all());
    drop(second);
    let third = lab.open(&disk);
    assert_eq!(events.next().unwrap().unwrap().header.position.0, 0);
    assert_eq!(third.append(event(&door(), "next")).unwrap().position.0, 1);
}

/// Lesson 31 (reading with a stale index after a swap): a read goes on in what it began with, over rotations.
///
/// Spec: READ-1
#[test]
fn lesson_31_a_read_goes_on_in_what_it_began_with() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = lab.open(&disk);
    fill_segment(&store);
    let due = all(&store);
    let (mut forwards, mut backwards) =
        (store.read(Region::all()), store.read(Query::new(Region::all()).backwards()));
    let mut read = vec![forwards.next().unwrap().unwrap()];
    for _ in 0..40 {
        store.append(long_event(&door(), 900)).unwrap();
    }
    read.extend(forwards.map(Result::unwrap));
    assert_eq!(read, due);
    let first = backwards.next().unwrap().unwrap();
    assert_eq!(Some(&first), due.last());
    assert_eq!(backwards.count() + 1, due.len());
}

/// Lesson 40 (eight zero bytes were a valid frame), and lesson 38 (a garbage tail took 2 GB): zeros end the log,
/// and garbage behind them is a torn tail.
///
/// Spec: FRAME-2, RECOVER-1, RECOVER-3, SEG-7
#[test]
fn lessons_38_40_zeros_are_no_event_and_garbage_is_a_torn_tail() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = lab.open(&disk);
    store.append(event(&door(), "kept")).unwrap();
    std::mem::forget(store);
    let (disk, segment) = (disk.kill(), "00000000000000000001.seg");
    let bytes = bytes_of(&disk, segment);
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    assert!(bytes.len() > end + 8, "no room was made in advance");
    for garbage in [&[0; 8][..], &[0xff; 12], b"CLGp", &[1, 0, 0, 0, 0, 0, 0, 0x7f, 9, 9, 9, 9]] {
        for at in [end, end + 9] {
            let mut torn = bytes[..at].to_vec();
            torn.extend_from_slice(garbage);
            let disk = with_file(&disk, segment, Some(torn.clone()));
            let store = lab.open(&disk);
            assert_eq!(all(&store).len(), 1);
            let is_torn = garbage.iter().any(|byte| *byte != 0);
            assert_eq!(store.report().torn_tail.is_some(), is_torn, "{garbage:?} at {at}");
            store.append(event(&door(), "on")).unwrap();
            store.close().unwrap();
            assert_eq!(all(&lab.open(&disk)).len(), 2);
            let cut = bytes_of(&disk, segment).get(..torn.len()).map(<[u8]>::to_vec);
            assert_eq!(cut == Some(torn), is_torn, "a torn tail is left as it is, and nothing else");
        }
    }
}

/// Lesson 41 (every open made a new segment, and two crashes made the store unopenable).
///
/// Spec: RECOVER-1, RECOVER-5
#[test]
fn lesson_41_opening_makes_no_file() {
    let (lab, mut disk) = (Lab::new(), MemoryStorage::new());
    for round in 0..6 {
        let store = lab.open(&disk);
        if round > 0 {
            assert_eq!(names(&disk, "").len(), if round == 1 { 2 } else { 3 }, "{:?}", names(&disk, ""));
        }
        if round > 0 {
            store.append(event(&door(), "x")).unwrap();
        }
        std::mem::forget(store);
        disk = if round % 2 == 0 { disk.kill() } else { disk.power_cut() };
    }
    assert_eq!(names(&disk, ".seg").len(), 1);
    assert_eq!(all(&lab.open(&disk)).len(), 5);
}

/// Ids that the library makes are its own, and ascend with the clock.
///
/// Spec: TYPE-3
#[test]
fn made_ids_are_of_version_7_and_distinct() {
    let lab = Lab::new();
    let store = lab.open(&MemoryStorage::new());
    let mut ids: Vec<EventId> = (0..50).map(|_| store.new_id().unwrap()).collect();
    ids.push(store.append(event(&door(), "x")).unwrap().id);
    for id in &ids {
        assert_eq!((id.as_u128() >> 76 & 0xf, id.as_u128() >> 62 & 0b11), (7, 0b10), "{id}");
        assert_eq!(id.as_u128() >> 80, u128::from(START_MS), "{id}");
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 51);
}

//! What an index says of itself, and what the log makes of it at an open.

use std::sync::Arc;

use causelog_index::{AppliedEvent, AppliedGroup, Index, MemoryIndex, Watermark};
use causelog_io::MemoryStorage;
use causelog_segment::{Group, Log, Snapshot, open_reader};
use causelog_types::{Position, Root, StoreId};

use super::helpers::{Fragile, Trouble, append, command, environment, event, start};
use crate::catch_up;

/// Three groups: one event, two events, one event.
fn log() -> (Log, Snapshot) {
    let (log, snapshot, _) = open_reader(&environment(&made())).unwrap();
    (log, snapshot)
}

fn made() -> MemoryStorage {
    let storage = MemoryStorage::new();
    let mut machine = start(&storage, Arc::new(MemoryIndex::new()));
    append(&mut machine, 1).unwrap();
    machine.append(&command(vec![event(2, "x"), event(3, "x")])).unwrap();
    append(&mut machine, 4).unwrap();
    machine.close().unwrap();
    storage
}

/// Spec: INDEX-7
#[test]
fn an_index_goes_on_from_where_the_log_confirms_it() {
    let (log, snapshot) = log();
    let whole = MemoryIndex::new();
    catch_up(&whole, &log, &snapshot).unwrap();
    let due = Watermark { store: log.store(), next: Position(4), root: snapshot.end.root };
    assert_eq!(whole.watermark().unwrap(), Some(due));
    catch_up(&whole, &log, &snapshot).unwrap();
    assert_eq!(whole.counts(Position(4)).unwrap().events, 4);

    let groups: Vec<_> = log.groups(&snapshot, Position(0)).map(Result::unwrap).collect();
    assert_eq!(groups.len(), 3);
    for (taken, group) in groups.iter().enumerate() {
        let half = MemoryIndex::new();
        feed(&half, &log, &groups[..taken]);
        assert_eq!(half.watermark().unwrap().map_or(Position(0), |known| known.next), group.header.base);
        catch_up(&half, &log, &snapshot).unwrap();
        assert_eq!(half.watermark().unwrap(), Some(due));
        assert_eq!(half.counts(Position(4)).unwrap().events, 4);
    }
}

fn feed(index: &MemoryIndex, log: &Log, groups: &[Group]) {
    for group in groups {
        let events: Vec<_> = group
            .events
            .iter()
            .map(|event| AppliedEvent::new(&event.header, event.hash, event.location))
            .collect();
        let after =
            Watermark { store: log.store(), next: group.header.next(), root: group.header.root_after };
        index.apply(&AppliedGroup { events: &events, after }).unwrap();
    }
}

/// Another store, beyond the end, inside a group, another root: all of it is made again.
///
/// Spec: INDEX-7
#[test]
fn an_index_that_the_log_does_not_confirm_is_made_again() {
    let (log, snapshot) = log();
    let groups: Vec<_> = log.groups(&snapshot, Position(0)).map(Result::unwrap).collect();
    let (store, root) = (log.store(), groups[1].header.root_before);
    let other = StoreId::from_u128(store.as_u128() ^ 1);
    let claims = [
        (other, 1, root),
        (store, 1, Root([7; 32])),
        (store, 2, root),
        (store, 4, root),
        (store, 5, snapshot.end.root),
        (store, u64::MAX, snapshot.end.root),
    ];
    for (store, next, root) in claims {
        let first = &groups[0].events[0];
        let index = Fragile::claiming(Watermark { store, next: Position(next), root });
        catch_up(&index, &log, &snapshot).unwrap();
        let found = index.index.lookup(&[first.header.id], Position(4)).unwrap();
        assert_eq!(found[0].map(|entry| entry.position), Some(Position(0)), "next {next}");
        assert_eq!(index.index.counts(Position(4)).unwrap().events, 4, "next {next}");
    }
}

/// What stands before the last event that an index knows is not read; if the place that it gives for that event is
/// wrong, it is.
///
/// Spec: RECOVER-8, RECOVER-7
#[test]
fn an_index_is_brought_up_from_behind_the_last_event_that_it_knows() {
    let storage = made();
    let (log, snapshot, _) = open_reader(&environment(&storage)).unwrap();
    let groups: Vec<_> = log.groups(&snapshot, Position(0)).map(Result::unwrap).collect();
    let first = usize::try_from(groups[0].events[0].location.offset.0).unwrap();
    let mut files = storage.files();
    files.iter_mut().filter(|(name, _)| name.ends_with(".seg")).for_each(|(_, bytes)| bytes[first + 20] ^= 1);
    let damaged = environment(&MemoryStorage::from_files(files));
    let (log, snapshot, _) = open_reader(&damaged).unwrap();
    for taken in 2..=groups.len() {
        let index = Fragile::default();
        feed(&index.index, &log, &groups[..taken]);
        for trouble in [Trouble::WrongPlaces, Trouble::QuestionsFail] {
            index.set(trouble);
            // At the end there is nothing to read.
            assert_eq!(catch_up(&index, &log, &snapshot).is_ok(), taken == groups.len(), "{taken} groups");
        }
        index.set(Trouble::None);
        catch_up(&index, &log, &snapshot).unwrap();
        assert_eq!(index.counts(Position(4)).unwrap().events, 4);
    }
    assert!(catch_up(&MemoryIndex::new(), &log, &snapshot).is_err());
}

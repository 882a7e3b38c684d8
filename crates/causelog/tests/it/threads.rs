//! Many threads: one winner for each revision, readers that see a growing prefix of whole batches.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use causelog::{
    AppendErrorKind, AppendReceipt, Event, ExpectedRevision, MemoryStorage, NewEvent, Query, Region,
    Revision, Store,
};

use crate::helpers::{Lab, all, door, event, refusal, stream};

const THREADS: usize = 8;
const WINS: usize = 12;

const fn is_shared<T: Send + Sync>() {}
const _: () = is_shared::<Store>();
const _: () = is_shared::<causelog::Events>();

/// Appends until it has won so often; what it won.
fn race(store: &Store, name: usize) -> Vec<AppendReceipt> {
    let mut won = Vec::new();
    while won.len() < WINS {
        let head = store.head(&door()).unwrap();
        let expected = head.map_or(ExpectedRevision::Empty, |head| ExpectedRevision::Exactly(head.revision));
        let batch = vec![
            NewEvent::new(&door(), crate::helpers::OPENED, &name).unwrap().expecting(expected),
            event(&stream("log", "home"), "with it"),
        ];
        match store.append_batch(batch) {
            Ok(receipts) => {
                let due = head.map_or(0, |head| head.revision.0 + 1);
                assert_eq!(receipts[0].revision, Revision(due));
                won.extend(receipts.first());
            }
            lost => assert!(matches!(refusal(lost), AppendErrorKind::WrongRevision { .. })),
        }
    }
    won
}

/// Reads while others append: each read is a prefix of whole batches, and none is shorter than the one before.
fn watch(store: &Store, done: &AtomicBool) -> usize {
    let (mut longest, mut reads) = (0, 0);
    while !done.load(Ordering::SeqCst) {
        let events = all(store);
        for (position, event) in (0..).zip(&events) {
            assert_eq!(event.header.position.0, position);
        }
        assert!(events.len() >= longest, "the store has shrunk");
        assert!(events.last().is_none_or(|last| last.header.batch_remaining == 0), "half a batch is visible");
        longest = events.len();
        let last: Option<Event> =
            store.read(Query::new(Region::all()).backwards().limit(1)).next().map(Result::unwrap);
        if let Some(last) = last {
            assert!(last.header.position.0 + 1 >= u64::try_from(longest).unwrap());
            assert_eq!(store.get(last.header.id).unwrap(), Some(last));
        }
        let counts = store.counts().unwrap();
        assert!(counts.events.is_multiple_of(2) && counts.events >= u64::try_from(longest).unwrap());
        reads += 1;
    }
    reads
}

/// Spec: COND-3, COMMIT-1, COMMIT-7, READ-1, TYPE-8, TYPE-9
#[test]
fn of_many_racers_one_wins_each_revision() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = lab.open(&disk);
    let done = AtomicBool::new(false);
    let mut won: Vec<AppendReceipt> = thread::scope(|scope| {
        let watchers: Vec<_> = (0..2).map(|_| scope.spawn(|| watch(&store, &done))).collect();
        let racers: Vec<_> = (0..THREADS)
            .map(|name| {
                scope.spawn({
                    let store = &store;
                    move || race(store, name)
                })
            })
            .collect();
        let won = racers.into_iter().flat_map(|racer| racer.join().unwrap()).collect();
        done.store(true, Ordering::SeqCst);
        for watcher in watchers {
            assert!(watcher.join().unwrap() > 0);
        }
        won
    });
    won.sort_unstable_by_key(|receipt| receipt.revision);
    let revisions: Vec<u64> = won.iter().map(|receipt| receipt.revision.0).collect();
    let due: Vec<u64> = (0..).take(THREADS * WINS).collect();
    assert_eq!(revisions, due, "each revision has one winner");
    // What was acknowledged is durable without a close.
    let found = lab.open(&disk.power_cut());
    for receipt in &won {
        assert_eq!(found.get(receipt.id).unwrap().unwrap().hash(), receipt.hash);
    }
    assert_eq!(found.end(), store.end());
    assert!(found.verify().unwrap().is_sound());
}

/// The same command from many threads at once is written once.
///
/// Spec: IDEM-1, IDEM-2
#[test]
fn one_id_from_many_threads_is_written_once() {
    let lab = Lab::new();
    let store = lab.open(&MemoryStorage::new());
    for round in 0..20_u128 {
        let offered = || event(&door(), "once").with_id(crate::helpers::id(round));
        let append = || store.append(offered()).unwrap();
        let mut receipts: Vec<AppendReceipt> = thread::scope(|scope| {
            let callers: Vec<_> = (0..4).map(|_| scope.spawn(append)).collect();
            callers.into_iter().map(|caller| caller.join().unwrap()).collect()
        });
        let written = receipts.iter().filter(|receipt| receipt.outcome == causelog::Outcome::Written).count();
        assert_eq!(written, 1);
        receipts.dedup_by_key(|receipt| (receipt.position, receipt.hash));
        assert_eq!(receipts.len(), 1);
    }
    assert_eq!(store.end().position.0, 20);
}

//! Witnesses of reads, and what they stand for.

use causelog::{AppendErrorKind, Batch, MemoryStorage, Outcome, Position, Query, Region};

use crate::helpers::{Lab, all, door, event, id, refusal, stream};

/// Spec: COND-2
#[test]
fn a_witness_of_another_store_is_refused() {
    let lab = Lab::new();
    let (store, other) = (lab.open(&MemoryStorage::new()), lab.open(&MemoryStorage::new()));
    let witness = other.read(Region::all()).witness();
    let kind =
        refusal(store.append_batch(Batch::from(event(&door(), "x").with_id(id(1))).if_unchanged(&witness)));
    assert!(matches!(kind, AppendErrorKind::ForeignWitness), "{kind}");
    assert_eq!(all(&store).len(), 0);
}

/// A copy that has been put back to an earlier state has not seen what the witness has.
///
/// Spec: COND-2
#[test]
fn a_witness_of_a_later_state_is_refused() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = lab.open(&disk);
    let earlier = lab.open(&disk.kill());
    store.append(event(&door(), "x")).unwrap();
    let witness = store.read(Region::entity("nobody").unwrap()).witness();
    let kind = refusal(earlier.append_batch(Batch::from(event(&door(), "x")).if_unchanged(&witness)));
    assert!(matches!(kind, AppendErrorKind::ForeignWitness), "{kind}");
}

/// It stands for the whole region from the beginning of the read on, however much was asked for and read.
///
/// Spec: COND-2
#[test]
fn a_witness_stands_for_all_that_was_asked() {
    let lab = Lab::new();
    let store = lab.open(&MemoryStorage::new());
    store.append(event(&door(), "x")).unwrap();
    let mut events = store.read(Query::new(Region::stream(&door())).backwards().limit(1));
    store.append(event(&stream("siren", "home"), "x")).unwrap();
    assert_eq!(events.next().unwrap().unwrap().header.position, Position(0));
    let witness = events.witness();
    // Events of other streams are no change, and a batch's own are not either.
    store
        .append_batch(Batch::from(vec![event(&door(), "y"), event(&door(), "z")]).if_unchanged(&witness))
        .unwrap();
    let kind = refusal(store.append_batch(Batch::from(event(&door(), "x")).if_unchanged(&witness)));
    let first =
        matches!(kind, AppendErrorKind::ConditionFailed { position: Position(2), from: Position(1), .. });
    assert!(first, "{kind}");
}

/// Spec: COND-2, IDEM-4
#[test]
fn a_retry_upon_a_witness_is_found() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = lab.open(&disk);
    let witness = store.read(Region::stream(&door())).witness();
    let batch = || Batch::from(event(&door(), "x").with_id(id(1))).if_unchanged(&witness);
    assert_eq!(store.append_batch(batch()).unwrap()[0].outcome, Outcome::Written);
    assert_eq!(store.append_batch(batch()).unwrap()[0].outcome, Outcome::Found);
    drop(store);
    // The same store, opened again, takes it still.
    let store = lab.open(&disk);
    assert_eq!(store.append_batch(batch()).unwrap()[0].outcome, Outcome::Found);
    refusal(store.append_batch(Batch::from(event(&door(), "x").with_id(id(2))).if_unchanged(&witness)));
}

//! A script of appends, rotations, closes and reopenings, and what may be read after any of it went wrong.

use causelog::{
    AppendErrorKind, AppendReceipt, Event, EventId, ExpectedRevision, Fate, MemoryStorage, NewEvent,
    OpenError, Revision, Store,
};

use crate::helpers::{CLOSED, Lab, RANG, all, id, names, stream};

/// One step of the script.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Open,
    Append(Vec<NewEvent>),
    /// Appends what is to be refused.
    Refused(Vec<NewEvent>),
    Close,
}

/// What became of a batch, as its caller was told.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    Acknowledged(Vec<AppendReceipt>),
    NotWritten,
    Unknown,
    Written,
}

/// A batch of the script, and what its caller was told.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) batch: Vec<NewEvent>,
    pub(crate) told: Told,
}

fn new(number: u128, entity: &str, bytes: usize) -> NewEvent {
    let text = format!("{number}:{}", "x".repeat(bytes));
    NewEvent::new(&stream(entity, "home"), CLOSED, &text).unwrap().with_id(id(number))
}

/// Three segments, batches over two streams, conditions that hold and fail, two closes.
pub(crate) fn script() -> Vec<Step> {
    let caused = new(6, "siren", 900).caused_by([id(1), id(3)]).unwrap().with_tags(["night"]).unwrap();
    let exactly = |revision| ExpectedRevision::Exactly(Revision(revision));
    vec![
        Step::Open,
        Step::Append(vec![new(1, "door", 10).expecting(ExpectedRevision::Empty)]),
        Step::Append(vec![new(2, "door", 900), new(3, "siren", 700), new(4, "door", 20)]),
        Step::Refused(vec![new(90, "siren", 5), new(91, "door", 5).expecting(exactly(7))]),
        Step::Append(vec![new(5, "door", 1000).expecting(exactly(2))]),
        Step::Append(vec![caused]),
        Step::Append(vec![new(7, "door", 900), new(8, "siren", 900)]),
        Step::Close,
        Step::Open,
        Step::Refused(vec![new(92, "door", 5).expecting(ExpectedRevision::Empty)]),
        Step::Append(vec![new(9, "door", 30)]),
        Step::Append(vec![new(10, "siren", 2000), new(11, "bell", 2200)]),
        Step::Append(vec![NewEvent::new(&stream("bell", "home"), RANG, &5).unwrap().with_id(id(12))]),
        Step::Close,
    ]
}

/// Runs the script as far as it goes; calls that fail are followed by the next step all the same.
pub(crate) fn run(
    lab: &Lab,
    disk: &MemoryStorage,
    steps: &[Step],
    look: &mut dyn FnMut(&Store, &[Outcome]),
) -> Vec<Outcome> {
    let mut store: Option<Store> = None;
    let mut outcomes = Vec::new();
    for step in steps {
        lab.clock.advance(3);
        match step {
            Step::Open => {
                drop(store.take());
                store = lab.try_open(disk).ok();
            }
            Step::Close => {
                let _ = store.take().map(Store::close);
            }
            Step::Append(batch) | Step::Refused(batch) => {
                outcomes.push(match &store {
                    None => Outcome { batch: batch.clone(), told: Told::NotWritten },
                    Some(store) => append(store, batch.clone()),
                });
            }
        }
        if let Some(store) = &store {
            look(store, &outcomes);
        }
    }
    outcomes
}

/// Appends a batch, and keeps what is told of it.
pub(crate) fn append(store: &Store, batch: Vec<NewEvent>) -> Outcome {
    let told = match store.append_batch(batch.clone()) {
        Ok(receipts) => Told::Acknowledged(receipts),
        Err(error) => {
            let ids: Vec<EventId> = batch.iter().filter_map(NewEvent::id).collect();
            assert_eq!(error.ids(), ids, "an error without its ids");
            match error.fate() {
                Fate::NotWritten => Told::NotWritten,
                Fate::Unknown => Told::Unknown,
                Fate::Written => Told::Written,
            }
        }
    };
    Outcome { batch, told }
}

/// Whether an event stands as it was offered.
fn is_as_offered(event: &Event, offer: &NewEvent) -> bool {
    let header = &event.header;
    Some(header.id) == offer.id()
        && header.coordinate == *offer.coordinate()
        && header.kind == offer.kind()
        && header.dag.causes == *offer.causes()
        && header.tags == *offer.tags()
        && event.payload.as_ref() == Some(offer.payload())
}

/// Compares what is read with what was told: acknowledged there and unchanged, refused never, the rest whole or
/// not at all, in the order of the appends.
#[track_caller]
pub(crate) fn check_read(events: &[Event], outcomes: &[Outcome], context: &str) {
    let mut rest = events;
    let mut next = 0;
    for outcome in outcomes {
        let there = rest.first().is_some_and(|event| Some(event.header.id) == outcome.batch[0].id());
        match (&outcome.told, there) {
            (Told::NotWritten, there) => assert!(!there, "{context}: refused, but there: {outcome:?}"),
            (Told::Unknown, false) => {}
            (Told::Acknowledged(_) | Told::Written | Told::Unknown, _) => {
                assert!(rest.len() >= outcome.batch.len(), "{context}: lost or torn: {outcome:?}");
                let (batch, later) = rest.split_at(outcome.batch.len());
                for (event, offer) in batch.iter().zip(&outcome.batch) {
                    assert!(is_as_offered(event, offer), "{context}: {event:?} is not {offer:?}");
                    assert_eq!(event.header.position.0, next, "{context}");
                    next += 1;
                }
                if let Told::Acknowledged(receipts) = &outcome.told {
                    let hashes =
                        batch.iter().zip(receipts).all(|(event, receipt)| event.hash() == receipt.hash);
                    assert!(hashes, "{context}: changed after it was acknowledged: {outcome:?}");
                }
                rest = later;
            }
        }
    }
    assert_eq!(rest.len(), 0, "{context}: there, but never appended: {rest:?}");
}

/// Opens what a crash or an error has left, checks it, settles every append by trying again, and goes on.
#[track_caller]
pub(crate) fn check_recovery(lab: &Lab, disk: &MemoryStorage, outcomes: &[Outcome], context: &str) {
    let store = match lab.try_open(disk) {
        Ok(store) => store,
        Err(error) => panic!("{context}: does not open: {error}"),
    };
    let events = all(&store);
    check_read(&events, outcomes, context);
    let report = store.verify().unwrap();
    assert!(report.is_sound(), "{context}: {:?}", report.findings);
    settle(&store, outcomes, context);
    store.append(new(1000, "door", 1500)).unwrap();
    let settled = all(&store);
    assert_eq!(settled[..events.len()], events, "{context}: changed by going on");
    store.close().unwrap();
    for disk in [disk.clone(), disk.power_cut()] {
        let store = lab.try_open_read_only(&disk).unwrap();
        assert_eq!(all(&store), settled, "{context}: after a clean close");
        assert!(store.verify().unwrap().is_sound(), "{context}: after a clean close");
    }
    assert_eq!(names(disk, ".seg").len(), names(&disk.power_cut(), ".seg").len(), "{context}");
}

/// Appends everything again with the same ids, in the order of the script: each is found, or written now. What
/// was not written may be refused for what others have appended since.
#[track_caller]
fn settle(store: &Store, outcomes: &[Outcome], context: &str) {
    let is_acknowledged = |outcome: &Outcome| matches!(outcome.told, Told::Acknowledged(_));
    let gone_by = outcomes.iter().rposition(is_acknowledged).map_or(0, |last| last + 1);
    for (number, outcome) in outcomes.iter().enumerate() {
        let again = store.append_batch(outcome.batch.clone());
        match (&outcome.told, again) {
            (Told::Acknowledged(first), Ok(again)) => {
                let found: Vec<_> = first
                    .iter()
                    .map(|receipt| AppendReceipt { outcome: causelog::Outcome::Found, ..*receipt })
                    .collect();
                assert_eq!(again, found, "{context}: another receipt than the first");
            }
            (_, Ok(_)) => {}
            (told, Err(error)) => {
                let refused = matches!(
                    error.kind(),
                    AppendErrorKind::WrongRevision { .. } | AppendErrorKind::UnknownCause { .. }
                );
                let excused = outcome.is_to_fail() || number < gone_by && !is_acknowledged(outcome);
                assert!(refused && excused, "{context}: {told:?} is not settled: {error}");
            }
        }
    }
}

impl Outcome {
    /// Whether the script has it refused.
    fn is_to_fail(&self) -> bool {
        self.batch.iter().all(|event| event.id() >= Some(id(90)) && event.id() < Some(id(1000)))
    }
}

/// Whether an open failed for damage, which no crash and no error of the system may look like.
pub(crate) fn is_damage(error: &OpenError) -> bool {
    matches!(error, OpenError::Log(causelog::LogError::Damaged(_)))
}

//! A history of appends, retries, crashes, faults and reads, against a model that is a list.
//!
//! After every step the store holds what the model holds: what was acknowledged, whatever happened since; nothing
//! that was refused; and of an append whose fate was unknown, all or nothing.

mod model;
mod reads;

use std::sync::Arc;

use causelog::{AppendError, AppendErrorKind, AppendReceipt, Fate, MemoryIndex, OpenError, Outcome, Store};
use causelog_io::{Environment, Fault, ManualClock, MemoryStorage, SeededRandom};
use causelog_types::{Event, EventId, ExpectedRevision, Region, Revision};

use crate::fixture::options;
use crate::input::Input;
use crate::store_ops::model::{Expected, Model, Offer, Stored};

const STEPS_MAX: usize = 40;
const EVENTS_MAX: usize = 160;

/// Checks one input.
pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let mut world = World::new();
    for _ in 0..STEPS_MAX {
        if input.is_empty() || world.model.events.len() > EVENTS_MAX {
            break;
        }
        world.step(&mut input);
        world.compare();
    }
    world.reopen(Ending::Close);
    world.compare();
    assert!(world.store().verify().expect("the disk is in order").is_sound());
}

/// The store, its surroundings, and what it must hold.
struct World {
    storage: MemoryStorage,
    clock: ManualClock,
    random: Arc<SeededRandom>,
    /// An index that outlives openings, and is as old as the last one that used it.
    kept: Arc<MemoryIndex>,
    /// Whether the next opening uses it.
    use_kept: bool,
    /// Whether readers in other processes may lack the last append: the disk was full when they were to be told.
    untold: bool,
    store: Option<Store>,
    model: Model,
}

/// How a store ends.
#[derive(Clone, Copy)]
enum Ending {
    Close,
    Drop,
    Kill,
    PowerCut,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            storage: MemoryStorage::created(),
            clock: ManualClock::new(1_700_000_000_000),
            random: Arc::new(SeededRandom::new(1)),
            kept: Arc::new(MemoryIndex::new()),
            use_kept: false,
            untold: false,
            store: None,
            model: Model::default(),
        };
        world.open();
        world
    }

    fn store(&self) -> &Store {
        self.store.as_ref().expect("a store is open between two steps")
    }

    fn environment(&self) -> Environment {
        Environment {
            storage: Arc::new(self.storage.clone()),
            clock: Arc::new(self.clock.clone()),
            random: self.random.clone(),
        }
    }

    fn try_open(&self) -> Result<Store, OpenError> {
        let options = options().frame_bytes_max(1024);
        let kept: Arc<MemoryIndex> = Arc::clone(&self.kept);
        let options = if self.use_kept { options.index(kept) } else { options };
        options.open_in(self.environment())
    }

    fn open(&mut self) {
        self.store = Some(self.try_open().expect("a store opens when the disk is in order"));
        self.untold = false;
    }

    fn reopen(&mut self, ending: Ending) {
        self.end(ending);
        self.open();
    }

    /// Ends the store; the storage is then what is found afterwards.
    fn end(&mut self, ending: Ending) {
        let before = self.storage.clone();
        match ending {
            Ending::Close => {
                if let Some(store) = self.store.take() {
                    store.close().expect("a store closes when the disk is in order");
                }
                return;
            }
            Ending::Drop => return self.store = None,
            Ending::Kill => self.storage = before.kill(),
            Ending::PowerCut => self.storage = before.power_cut(),
        }
        // What it does now is done to a disk that nobody looks at again.
        self.store = None;
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.below(16) {
            0..=2 => {
                let offer = self.model.offer(input);
                self.append(&[offer]);
            }
            3 | 4 => {
                let count = 1 + input.below(6);
                let offers = self.model.batch(input, count);
                self.append(&offers);
            }
            5 => {
                let offers = self.model.retry(input);
                self.append(&offers);
            }
            6 => {
                self.use_kept = input.flag();
                self.reopen(ending(input));
            }
            7 => self.fault_in_append(input),
            8 => self.fault_in_open(input),
            9 => self.no_space(input),
            10 => self.move_clock(input),
            11 => self.lose_derived_files(input),
            12 => reads::beside(&self.environment(), &self.model, usize::from(self.untold)),
            13 => reads::graph(self.store(), &self.model, input),
            _ => reads::query(self.store(), &self.model, input),
        }
    }

    /// The store holds exactly what the model holds.
    fn compare(&self) {
        let store = self.store();
        assert_eq!(store.end().position.0, self.model.next());
        let all = Region::all().with_library_events();
        let events: Vec<Event> = store.read(&all).collect::<Result<_, _>>().expect("the log can be read");
        self.model.assert_same(&events);
        let counts = store.counts().expect("the index answers");
        assert_eq!((counts.events, counts.streams), (self.model.next(), self.model.streams()));
    }

    /// An append on a disk that is in order: the model says what comes of it.
    fn append(&mut self, offers: &[Offer]) {
        let result = self.try_append(offers);
        match (self.model.expect(offers), result) {
            (Expected::Written, Ok(receipts)) => self.take(offers, &receipts, Outcome::Written),
            (Expected::Found(positions), Ok(receipts)) => {
                let stored = positions.iter().map(|position| &self.model.events[*position]);
                for (receipt, stored) in receipts.iter().zip(stored) {
                    assert_eq!(receipt.outcome, Outcome::Found);
                    assert_eq!((receipt.position.0, receipt.revision.0), (stored.position, stored.revision));
                    assert_eq!(receipt.hash, stored.hash);
                }
                assert_eq!(receipts.len(), positions.len());
            }
            (Expected::Refused(name), Err(error)) => {
                assert_eq!((model::name(error.kind()), error.fate()), (name, Fate::NotWritten));
                let ids: Vec<EventId> = offers.iter().map(|offer| offer.id).collect();
                assert_eq!(error.ids(), ids);
            }
            (expected, result) => panic!("{expected:?} was expected, but it came to {result:?}"),
        }
    }

    fn try_append(&self, offers: &[Offer]) -> Result<Vec<AppendReceipt>, AppendError> {
        self.store().append_batch(offers.iter().map(Offer::event).collect::<Vec<_>>())
    }

    /// What was acknowledged joins the model.
    fn take(&mut self, offers: &[Offer], receipts: &[AppendReceipt], outcome: Outcome) {
        assert_eq!(receipts.len(), offers.len());
        self.untold = false;
        for (offer, receipt) in offers.iter().zip(receipts) {
            assert_eq!((receipt.id, receipt.outcome), (offer.id, outcome));
            let (position, revision) = self.model.place(offer);
            assert_eq!((receipt.position.0, receipt.revision.0), (position, revision));
            self.model.events.push(Stored { offer: offer.clone(), position, revision, hash: receipt.hash });
        }
    }

    /// One operation of an append fails; then the process or the power goes.
    fn fault_in_append(&mut self, input: &mut Input<'_>) {
        let count = 1 + input.below(3);
        let offers = self.model.batch(input, count);
        if !matches!(self.model.expect(&offers), Expected::Written) {
            return;
        }
        let drops = self.plan_fault(input);
        let result = self.try_append(&offers);
        if let Err(error) = &result
            && error.fate() != Fate::NotWritten
        {
            let refused = self.try_append(&offers).expect_err("a poisoned writer takes nothing");
            assert!(matches!(refused.kind(), AppendErrorKind::Poisoned(_)), "{refused}");
        }
        self.reopen(if input.flag() && !drops { Ending::Kill } else { Ending::PowerCut });
        let found = offers.iter().filter(|offer| self.store().get(offer.id).expect("it reads").is_some());
        let found = found.count();
        assert!(found == 0 || found == offers.len(), "{found} of {} events of a batch", offers.len());
        match result.map_err(|error| error.fate()) {
            Ok(receipts) => self.take(&offers, &receipts, Outcome::Written),
            Err(Fate::NotWritten) => {
                assert_eq!(found, 0, "an event appeared that was refused");
            }
            Err(fate) => {
                assert!(fate == Fate::Unknown || found > 0, "events that were written are gone");
                let receipts = self.try_append(&offers).expect("a retry settles it");
                self.take(&offers, &receipts, if found > 0 { Outcome::Found } else { Outcome::Written });
            }
        }
    }

    /// One operation of an opening fails; the next opening is as good as any.
    fn fault_in_open(&mut self, input: &mut Input<'_>) {
        self.end(ending(input));
        let drops = self.plan_fault(input);
        let opened = self.try_open();
        self.storage = if input.flag() && !drops { self.storage.kill() } else { self.storage.power_cut() };
        drop(opened);
        self.open();
    }

    /// Whether a sync fails and drops what it was to make durable: a power cut has to follow then, since no later sync
    /// could mend a directory's (RELIABILITY.md, "What is not covered").
    fn plan_fault(&mut self, input: &mut Input<'_>) -> bool {
        let fault = match input.below(3) {
            0 => Fault::Error(std::io::ErrorKind::Other),
            1 => Fault::ShortWrite(usize::from(input.draw::<u16>() % 1024)),
            _ => Fault::SyncFailsAndDrops,
        };
        let drops = matches!(fault, Fault::SyncFailsAndDrops);
        self.storage.fail(u64::from(input.byte() % 32), fault);
        drops
    }

    /// The disk is full; then it is not, and the same store takes what it had refused.
    fn no_space(&mut self, input: &mut Input<'_>) {
        let used: usize = self.storage.files().iter().map(|(_, bytes)| bytes.len()).sum();
        let offers = [self.model.offer(input)];
        let expected = self.model.expect(&offers);
        self.storage
            .set_space(u64::try_from(used).expect("it fits").saturating_add(input.draw::<u16>().into()));
        let result = self.try_append(&offers);
        self.storage.set_space(u64::MAX);
        match (expected, result) {
            (Expected::Written, Ok(receipts)) => {
                self.take(&offers, &receipts, Outcome::Written);
                self.untold = true;
            }
            (Expected::Written, Err(error)) => {
                assert!(matches!(error.kind(), AppendErrorKind::Refused(_)), "{error}");
                assert_eq!(error.fate(), Fate::NotWritten);
                self.append(&offers);
            }
            (Expected::Found(_), result) => assert!(result.is_ok()),
            (Expected::Refused(_), result) => assert!(result.is_err()),
        }
    }

    /// Forwards, far forwards, backwards.
    fn move_clock(&mut self, input: &mut Input<'_>) {
        match input.below(3) {
            0 => self.clock.advance(u64::from(input.byte())),
            1 => self.clock.set(input.draw::<u64>() >> 8),
            _ => self.clock.set(u64::from(input.byte())),
        }
    }

    fn lose_derived_files(&mut self, input: &mut Input<'_>) {
        self.end(ending(input));
        let kept = input.byte();
        let mut files = self.storage.files();
        files.retain(|(name, _)| !name.ends_with(".idx") || kept & 1 == 1);
        self.storage = MemoryStorage::from_files(files);
        self.open();
    }
}

fn ending(input: &mut Input<'_>) -> Ending {
    [Ending::Close, Ending::Drop, Ending::Kill, Ending::PowerCut][input.below(4)]
}

/// What an offer expects of its stream, right or wrong.
fn expectation(input: &mut Input<'_>, actual: Option<u64>) -> ExpectedRevision {
    let revision = actual.unwrap_or(0);
    match input.below(8) {
        0 => ExpectedRevision::Empty,
        1 => ExpectedRevision::Exists,
        2 | 3 => ExpectedRevision::Exactly(Revision(revision)),
        4 => ExpectedRevision::Exactly(Revision(revision + 1)),
        _ => ExpectedRevision::Any,
    }
}

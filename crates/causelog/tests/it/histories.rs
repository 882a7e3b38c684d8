//! Random histories through the umbrella's interface, compared with the model after every few steps.

use std::collections::BTreeSet;

use causelog::{
    Batch, EventId, EventKind, ExpectedRevision, MemoryStorage, Position, Query, Revision, Store, Witness,
};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::{self, select};

use crate::backends::Backend;
use crate::compare::{Ask, check_ask, check_store};
use crate::helpers::{CLOSED, Lab, OPENED, RANG, START_MS, id, stream};
use crate::model::{Due, Model, Offer, found, refusal_of};

const ENTITIES: [&str; 4] = ["user:1", "user:10", "user:100", "door"];
const SCOPES: [&str; 2] = ["home", "hom"];
const KINDS: [EventKind; 3] = [OPENED, CLOSED, RANG];
const TAGS: [&str; 3] = ["a", "ab", "night"];

/// One event to offer, with choices that are made when the history is known.
#[derive(Clone, Debug)]
struct Draft {
    entity: usize,
    scope: usize,
    kind: usize,
    version: u16,
    causes: Vec<Cause>,
    correlation: Option<u8>,
    tags: BTreeSet<&'static str>,
    occurred_ms: Option<i64>,
    payload: usize,
    expected: Expect,
}

#[derive(Clone, Debug)]
enum Cause {
    Stored(sample::Index),
    Batch(usize),
    Unknown,
}

#[derive(Clone, Copy, Debug)]
enum Expect {
    Any,
    Empty,
    Exists,
    Exactly,
    Off(u64),
}

/// What must not have come.
#[derive(Clone, Debug)]
enum Condition {
    /// Events of a region since so many before the end.
    Since(Box<Ask>, u64),
    /// Events of what was read then.
    Witness(sample::Index),
}

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<Draft>, Vec<Condition>),
    /// Reads a region, and keeps the witness.
    Look(Box<Ask>),
    Retry {
        first: sample::Index,
        count: usize,
        change: Change,
        also: bool,
    },
    Ask(Box<Ask>),
    Clock(i64),
    Close,
    Drop,
    Kill,
    PowerCut,
}

/// What a retry changes of the content.
#[derive(Clone, Copy, Debug)]
enum Change {
    Nothing,
    Payload,
    Kind,
    Tags,
    Twice,
}

fn draft() -> impl Strategy<Value = Draft> {
    let cause = prop_oneof![
        8 => any::<sample::Index>().prop_map(Cause::Stored),
        3 => (0..4_usize).prop_map(Cause::Batch),
        1 => Just(Cause::Unknown),
    ];
    let expected = prop_oneof![
        6 => Just(Expect::Any),
        1 => Just(Expect::Empty),
        1 => Just(Expect::Exists),
        3 => Just(Expect::Exactly),
        1 => (0..3_u64).prop_map(Expect::Off),
    ];
    let place = (0..ENTITIES.len(), 0..SCOPES.len(), 0..KINDS.len());
    let rest = (0..2_u16, proptest::option::of(0..3_u8), btree_set(select(&TAGS[..]), 0..3));
    let data = (proptest::option::of(any::<i64>()), prop_oneof![3 => 0..40_usize, 2 => 200..1500_usize]);
    (place, rest, data, vec(cause, 0..4), expected).prop_map(
        |((entity, scope, kind), (version, correlation, tags), (occurred_ms, payload), causes, expected)| {
            Draft { entity, scope, kind, version, causes, correlation, tags, occurred_ms, payload, expected }
        },
    )
}

fn ask() -> impl Strategy<Value = Ask> {
    let range = |end: u64| proptest::option::of((0..end, 0..end).prop_map(|(a, b)| (a.min(b), a.max(b))));
    let entity = (any::<bool>(), select(&["user:1", "user:", "door", "doo", "x"][..]));
    let entity = entity.prop_map(|(prefix, entity)| (prefix, entity.to_owned()));
    let scope = select(&["home", "hom", "other"][..]).prop_map(str::to_owned);
    let names =
        (proptest::option::of(entity), proptest::option::of(scope), btree_set(select(&TAGS[..]), 0..2));
    let kinds = (proptest::option::of(select(&KINDS[..])), proptest::option::of(1..3_u8));
    let recorded = range(40).prop_map(|range| range.map(|(start, end)| (START_MS + start, START_MS + end)));
    (names, kinds, range(40), range(10), recorded).prop_map(
        |((entity, scope, tags), (kind, category), positions, revisions, recorded_ms)| {
            let tags = tags.into_iter().map(str::to_owned).collect();
            Ask { entity, scope, kind, category, tags, positions, revisions, recorded_ms }
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let change = select(
        &[Change::Nothing, Change::Nothing, Change::Payload, Change::Kind, Change::Tags, Change::Twice][..],
    );
    let retry = (any::<sample::Index>(), 1..4_usize, change, proptest::bool::weighted(0.2))
        .prop_map(|(first, count, change, also)| Step::Retry { first, count, change, also });
    let condition = prop_oneof![
        1 => (ask(), 0..5_u64).prop_map(|(ask, before)| Condition::Since(Box::new(ask), before)),
        2 => any::<sample::Index>().prop_map(Condition::Witness),
    ];
    let append = |events| (vec(draft(), events), vec(condition.clone(), 0..3));
    prop_oneof![
        6 => vec(draft(), 1..2).prop_map(|drafts| Step::Append(drafts, Vec::new())),
        4 => append(0..5).prop_map(|(drafts, conditions)| Step::Append(drafts, conditions)),
        3 => append(1..2).prop_map(|(drafts, conditions)| Step::Append(drafts, conditions)),
        3 => ask().prop_map(|ask| Step::Look(Box::new(ask))),
        3 => retry,
        3 => ask().prop_map(|ask| Step::Ask(Box::new(ask))),
        2 => (-20..20_i64).prop_map(Step::Clock),
        1 => Just(Step::Close),
        1 => Just(Step::Drop),
        1 => Just(Step::Kill),
        1 => Just(Step::PowerCut),
    ]
}

struct Run {
    lab: Lab,
    backend: Backend,
    disk: MemoryStorage,
    store: Store,
    model: Model,
    ids: u128,
    /// What was read, and where the store ended then.
    looks: Vec<(Witness, Ask, u64)>,
}

impl Run {
    fn new(backend: Backend) -> Self {
        let (lab, disk) = (Lab::new(), MemoryStorage::new());
        let store = backend.open(&lab, &disk);
        Self { lab, backend, disk, store, model: Model::default(), ids: 1000, looks: Vec::new() }
    }

    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Append(drafts, conditions) => {
                let batch = self.resolve(&drafts);
                self.append(batch, &conditions)?;
            }
            Step::Look(ask) => {
                let witness = self.store.read(ask.region()).witness();
                self.looks.push((witness, *ask, self.store.end().position.0));
            }
            Step::Retry { first, count, change, also } => {
                if let Some(batch) = self.retry(first, count, change, also) {
                    self.append(batch, &[])?;
                }
            }
            Step::Ask(ask) => {
                let query = Query::new(ask.region());
                check_ask(&self.store, &self.model, &query, |at, stored| ask.matches(at, stored));
            }
            Step::Clock(ms) => self.lab.clock.set(self.now_ms().saturating_add_signed(ms)),
            Step::Close => self.reopen(|store| store.close().unwrap(), MemoryStorage::clone),
            Step::Drop => self.reopen(drop, MemoryStorage::clone),
            // The dead process's store must not go on writing, so it is forgotten, with its lock.
            Step::Kill => self.reopen(std::mem::forget, MemoryStorage::kill),
            Step::PowerCut => self.reopen(std::mem::forget, MemoryStorage::power_cut),
        }
        Ok(())
    }

    fn reopen(&mut self, end: fn(Store), left: fn(&MemoryStorage) -> MemoryStorage) {
        // A store of its own to stand in, since a value cannot be moved out and in at once.
        let stand_in = self.lab.open(&MemoryStorage::new());
        end(std::mem::replace(&mut self.store, stand_in));
        self.disk = left(&self.disk);
        if let Backend::Redb(disk) = &mut self.backend {
            *disk = left(disk);
        }
        self.store = self.backend.open(&self.lab, &self.disk);
        check_store(&self.store, &self.disk, &self.model);
    }

    fn now_ms(&self) -> u64 {
        causelog::Clock::now_ms(&self.lab.clock)
    }

    fn resolve(&mut self, drafts: &[Draft]) -> Vec<(Offer, ExpectedRevision)> {
        let first = self.ids;
        self.ids += u128::try_from(drafts.len()).unwrap();
        let offers = drafts.iter().zip(first..).map(|(draft, number)| {
            let stream = stream(ENTITIES[draft.entity], SCOPES[draft.scope]);
            let count = u64::try_from(self.model.of_stream(&stream).count()).unwrap();
            let expected = match draft.expected {
                Expect::Any => ExpectedRevision::Any,
                Expect::Empty => ExpectedRevision::Empty,
                Expect::Exists => ExpectedRevision::Exists,
                Expect::Exactly => ExpectedRevision::Exactly(Revision(count.saturating_sub(1))),
                Expect::Off(revision) => ExpectedRevision::Exactly(Revision(revision)),
            };
            let mut causes: Vec<EventId> = Vec::new();
            for cause in draft.causes.iter().filter_map(|cause| self.cause(cause, first)) {
                if !causes.contains(&cause) {
                    causes.push(cause);
                }
            }
            let offer = Offer {
                id: id(number),
                stream,
                kind: KINDS[draft.kind],
                version: draft.version,
                causes,
                correlation: draft.correlation.map(|number| id(number.into())),
                tags: draft.tags.iter().map(|tag| (*tag).to_owned()).collect(),
                occurred_ms: draft.occurred_ms,
                payload: payload(draft.payload),
            };
            (offer, expected)
        });
        offers.collect()
    }

    fn cause(&self, cause: &Cause, first: u128) -> Option<EventId> {
        match cause {
            Cause::Stored(_) if self.model.events.is_empty() => None,
            Cause::Stored(index) => Some(index.get(&self.model.events).offer.id),
            Cause::Batch(number) => Some(id(first + u128::try_from(*number).unwrap())),
            Cause::Unknown => Some(id(1)),
        }
    }

    fn retry(
        &mut self,
        first: sample::Index,
        count: usize,
        change: Change,
        also: bool,
    ) -> Option<Vec<(Offer, ExpectedRevision)>> {
        if self.model.events.is_empty() {
            return None;
        }
        let first = first.index(self.model.events.len());
        let events = self.model.events[first..].iter().take(count);
        // A condition that no longer holds: ids are judged before it.
        let mut batch: Vec<_> =
            events.map(|stored| (stored.offer.clone(), ExpectedRevision::Empty)).collect();
        let last = &mut batch.last_mut()?.0;
        match change {
            Change::Nothing => {}
            Change::Payload => last.payload = payload(41),
            Change::Kind => last.kind = EventKind::of::<0x3001>(),
            Change::Tags => last.tags = BTreeSet::from(["other".to_owned()]),
            Change::Twice => {
                let twice = batch.last()?.clone();
                batch.push(twice);
            }
        }
        if also {
            self.ids += 1;
            let fresh = Offer { id: id(self.ids - 1), ..batch[0].0.clone() };
            batch.push((fresh, ExpectedRevision::Any));
        }
        Some(batch)
    }

    /// Adds conditions to a batch; what the model makes of them, in the order in which the store judges them.
    fn condition(&self, mut batch: Batch, conditions: &[Condition]) -> (Batch, Vec<(Ask, u64)>) {
        let (mut given, mut witnessed) = (Vec::new(), Vec::new());
        for condition in conditions {
            match condition {
                Condition::Since(ask, before) => {
                    let from = self.store.end().position.0.saturating_sub(*before);
                    batch = batch.if_none(ask.region(), Position(from));
                    given.push(((**ask).clone(), from));
                }
                Condition::Witness(_) if self.looks.is_empty() => {}
                Condition::Witness(index) => {
                    let (witness, ask, end) = index.get(&self.looks);
                    batch = batch.if_unchanged(witness);
                    witnessed.push((ask.clone(), *end));
                }
            }
        }
        given.extend(witnessed);
        (batch, given)
    }

    fn append(
        &mut self,
        batch: Vec<(Offer, ExpectedRevision)>,
        conditions: &[Condition],
    ) -> Result<(), TestCaseError> {
        let end = self.store.end();
        let events: Vec<_> = batch.iter().map(|(offer, expected)| offer.build(*expected)).collect();
        let (conditioned, conditions) = self.condition(Batch::new(events), conditions);
        let due = self.model.judge(&batch, &conditions);
        let got = self.store.append_batch(conditioned);
        match (due, got) {
            (Due::Written(due), Ok(receipts)) => {
                let now_ms = self.now_ms();
                let offers = batch.into_iter().map(|(offer, _)| offer).collect();
                self.model.write(offers, &due, &receipts, now_ms);
            }
            (Due::Found(places), Ok(receipts)) => {
                let first: Vec<_> = places.iter().map(|at| found(&self.model.events[*at].receipt)).collect();
                prop_assert_eq!(receipts, first);
                prop_assert_eq!(self.store.end(), end);
            }
            (Due::Refused(refusal), Err(error)) => {
                prop_assert_eq!(refusal_of(error.kind()), refusal);
                prop_assert_eq!(error.fate(), causelog::Fate::NotWritten);
                let ids: Vec<EventId> = batch.iter().map(|(offer, _)| offer.id).collect();
                prop_assert_eq!(error.ids(), ids);
                prop_assert_eq!(self.store.end(), end);
            }
            (due, got) => prop_assert!(false, "due {due:?}, got {got:?}"),
        }
        Ok(())
    }
}

/// A MessagePack text of so many bytes.
fn payload(bytes: usize) -> Vec<u8> {
    causelog::Payload::encode(&"x".repeat(bytes)).unwrap().as_bytes().to_vec()
}

fn check_history(backend: Backend, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut run = Run::new(backend);
    for (number, step) in steps.into_iter().enumerate() {
        run.step(step)?;
        if number % 8 == 7 {
            check_store(&run.store, &run.disk, &run.model);
        }
    }
    check_store(&run.store, &run.disk, &run.model);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Any history of appends, retries, conflicts, closes, kills and power cuts: the store says what the model
    /// says, on disk and in every answer.
    ///
    /// Spec: TYPE-4, TYPE-8, TYPE-9, TYPE-10, TYPE-11, REGION-5, HASH-3, HASH-4, HASH-5, GROUP-10, COMMIT-2, COMMIT-9, COND-1, COND-2, COND-5, IDEM-1, IDEM-2, IDEM-3, IDEM-4, IDEM-5, READ-5
    #[test]
    fn any_history_is_as_the_model_says(steps in vec(step(), 1..40)) {
        check_history(Backend::Default, steps)?;
    }

    /// The same with sealed segments mapped.
    ///
    /// Spec: REGION-5, READ-4, READ-5, READ-7
    #[test]
    fn any_history_is_as_the_model_says_from_maps(steps in vec(step(), 1..40)) {
        check_history(Backend::Mapped, steps)?;
    }

    /// The same with everything in memory: no backend answers otherwise than the model.
    ///
    /// Spec: REGION-5, READ-5, INDEX-7
    #[test]
    fn any_history_is_as_the_model_says_from_memory(steps in vec(step(), 1..40)) {
        check_history(Backend::Memory, steps)?;
    }

    /// The same with a database file, which is found again after every close, kill and power cut.
    ///
    /// Spec: REGION-5, READ-5, INDEX-7
    #[test]
    fn any_history_is_as_the_model_says_from_a_database(steps in vec(step(), 1..40)) {
        check_history(Backend::Redb(MemoryStorage::new()), steps)?;
    }
}

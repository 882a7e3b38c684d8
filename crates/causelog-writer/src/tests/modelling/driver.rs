//! Drives the machine and the model side by side.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use causelog_index::MemoryIndex;
use causelog_io::{Environment, ManualClock, MemoryStorage, SeededRandom, Storage as _};
use causelog_segment::{AppenderSettings, open_writer};
use causelog_types::{EventHash, ExpectedRevision, Header, Position, Revision};
use proptest::sample::Index;

use super::model::{Offer, Offers, Refusal, Stored, Verdict, judge, kind, refusal_of, stream};
use super::{Cause, Change, Draft, End, Expect, Since, Step, Trouble};
use crate::tests::helpers::id;
use crate::{
    AppendError, AppendReceipt, Done, Durability, Fate, Job, Machine, Offered, Outcome, WriterSettings,
};

type Answer = Result<Vec<AppendReceipt>, AppendError>;

/// A group as the model keeps it.
#[derive(Debug, Default)]
struct Group {
    events: Vec<Stored>,
    waiting: Vec<Waiting>,
    sync: bool,
}

#[derive(Debug)]
struct Waiting {
    who: u32,
    ids: Vec<u128>,
    due: Due,
}

/// What somebody is told when the group is committed.
#[derive(Debug)]
enum Due {
    Written(Range<usize>),
    Found {
        positions: Vec<usize>,
        /// Whether they were in the log before, and only the sync is waited for.
        before: bool,
    },
    Refused(Vec<Refusal>),
    Synced,
}

/// The job that is out.
enum Out {
    Job(Job),
    Done(Done),
}

pub(super) struct Run {
    durability: Durability,
    storage: MemoryStorage,
    clock: ManualClock,
    opens: u64,
    index: Arc<MemoryIndex>,
    machine: Machine<u32>,
    out: Option<Out>,
    // The model.
    committed: Vec<Stored>,
    /// Where groups end, and so where the log may end after a crash.
    ends: Vec<usize>,
    durable: usize,
    /// Up to where somebody was told that it is durable.
    promised: usize,
    flight: Option<Group>,
    staged: Group,
    poisoned: bool,
    /// The group whose write or sync failed: nobody knows.
    unknown: Vec<Stored>,
    /// All that was ever offered, to be tried again.
    history: Vec<Offers>,
    ids: u128,
    callers: u32,
}

fn open(
    storage: &MemoryStorage,
    clock: &ManualClock,
    seed: u64,
    index: &Arc<MemoryIndex>,
    durability: Durability,
) -> (Machine<u32>, Vec<(Header, EventHash)>) {
    let environment = Environment::memory(storage.clone(), clock.clone(), seed);
    let (log, snapshot, appender, _) =
        open_writer(&environment, AppenderSettings { segment_bytes: 4096 }).unwrap();
    let groups = log.groups(&snapshot, Position(0)).flat_map(|group| group.unwrap().events);
    let events = groups.map(|event| (event.header, event.hash)).collect();
    let settings = WriterSettings { durability, ..WriterSettings::default() };
    let index: Arc<MemoryIndex> = Arc::clone(index);
    (Machine::start(&environment, log, snapshot, appender, index, settings).unwrap(), events)
}

impl Run {
    pub(super) fn new(durability: Durability) -> Self {
        let (storage, clock, index) = (MemoryStorage::new(), ManualClock::new(1_000), Arc::default());
        let (machine, _) = open(&storage, &clock, 1, &index, durability);
        Self {
            durability,
            storage,
            clock,
            opens: 1,
            index,
            machine,
            out: None,
            committed: Vec::new(),
            ends: vec![0],
            durable: 0,
            promised: 0,
            flight: None,
            staged: Group::default(),
            poisoned: false,
            unknown: Vec::new(),
            history: Vec::new(),
            ids: 1_000,
            callers: 0,
        }
    }

    pub(super) fn step(&mut self, step: Step) {
        match step {
            Step::Offer { drafts, conditions, durable } => {
                let end = u64::try_from(self.all().len()).unwrap();
                let from = |since| match since {
                    Since::Ever => 0,
                    Since::Recently(before) => end.saturating_sub(before),
                    Since::Later => end + 1,
                };
                let conditions = conditions.into_iter().map(|(scope, since)| (scope, from(since))).collect();
                let events = self.resolve(&drafts);
                self.offer(Offers { events, conditions, durable });
            }
            Step::Retry { which, change, durable } => self.retry(which, change, durable),
            Step::Sync => self.sync(),
            Step::RequestSync => {
                self.machine.request_sync();
                self.staged.sync |= !self.poisoned && (self.unsynced() > 0 || !self.staged.is_idle());
            }
            Step::Job => self.next_job(),
            Step::Run(trouble) => self.run_job(trouble),
            Step::Finish => self.finish(),
            Step::Clock(ms) => self.clock.set(ms),
            Step::Reopen { end, same_index } => self.reopen(end, same_index),
        }
    }

    /// What can be seen from outside is as the model has it.
    #[track_caller]
    pub(super) fn check(&self) {
        let published = self.machine.published();
        assert_eq!(published.load().end.position, position(self.committed.len()));
        assert_eq!(published.durable(), position(self.durable));
        assert_eq!(self.machine.unsynced(), u64::try_from(self.unsynced()).unwrap());
        assert_eq!(self.machine.has_work(), !self.staged.is_idle());
        assert_eq!(self.machine.check().is_err(), self.poisoned);
        let waiting = self.staged.waiting.iter().map(|waiting| waiting.who);
        assert!(self.machine.waiting().copied().eq(waiting));
        let due = matches!(self.durability, Durability::Interval { .. }) && self.unsynced() > 0;
        assert_eq!(self.machine.sync_due_ms().is_some(), due);
        assert!(self.promised <= self.durable, "somebody was promised what is not durable");
    }

    fn unsynced(&self) -> usize {
        self.committed.len() - self.durable
    }

    /// Where the staged group begins.
    fn base(&self) -> usize {
        self.committed.len() + self.flight.as_ref().map_or(0, |flight| flight.events.len())
    }

    fn all(&self) -> Vec<Stored> {
        let flight = self.flight.as_ref().map_or(&[][..], |flight| &flight.events);
        [&self.committed, flight, &self.staged.events].concat()
    }

    fn resolve(&mut self, drafts: &[Draft]) -> Vec<Offer> {
        let (first, all) = (self.ids, self.all());
        self.ids += u128::try_from(drafts.len()).unwrap();
        let mut counts: BTreeMap<usize, u64> = BTreeMap::new();
        for stored in &all {
            *counts.entry(stored.offer.stream).or_default() += 1;
        }
        let resolve = |(draft, number): (&Draft, u128)| {
            let count = counts.entry(draft.stream).or_default();
            let expected = match draft.expect {
                Expect::Any => ExpectedRevision::Any,
                Expect::Empty => ExpectedRevision::Empty,
                Expect::Exists => ExpectedRevision::Exists,
                Expect::Right if *count == 0 => ExpectedRevision::Empty,
                Expect::Right => ExpectedRevision::Exactly(Revision(*count - 1)),
                Expect::Exactly(revision) => ExpectedRevision::Exactly(Revision(revision)),
            };
            *count += 1;
            let cause = |cause: &Cause| match cause {
                Cause::Known(_) if all.is_empty() => None,
                Cause::Known(index) => Some(index.get(&all).offer.id),
                Cause::Batch(number) => Some(first + u128::try_from(*number).unwrap()),
                Cause::Unknown => Some(1),
            };
            let mut causes: Vec<u128> = draft.causes.iter().filter_map(cause).collect();
            causes.sort_unstable();
            causes.dedup();
            let Draft { stream, kind, night, payload, .. } = *draft;
            Offer { id: number, stream, kind, night, payload, causes, expected }
        };
        drafts.iter().zip(first..).map(resolve).collect()
    }

    fn retry(&mut self, which: Index, change: Change, durable: bool) {
        if self.history.is_empty() {
            return;
        }
        let mut offers = Offers { durable, ..which.get(&self.history).clone() };
        let Some(last) = offers.events.last_mut() else { return };
        match change {
            Change::Nothing => {}
            Change::Payload => last.payload += 1,
            Change::Half => drop(offers.events.pop()),
            Change::Also => {
                let id = self.ids;
                self.ids += 1;
                let also = Offer { id, ..last.clone() };
                offers.events.push(also);
            }
            Change::Twice => {
                let twice = last.clone();
                offers.events.push(twice);
            }
        }
        self.offer(offers);
    }

    fn offer(&mut self, offers: Offers) {
        let verdict = match self.poisoned {
            true => Verdict::Refused(vec![(Refusal::Poisoned, None)]),
            false => judge(&self.all(), &offers),
        };
        self.callers += 1;
        let ids: Vec<u128> = offers.events.iter().map(|offer| offer.id).collect();
        match self.machine.offer(&offers.build(), self.callers) {
            Offered::Answered(told) => {
                assert_eq!(told.who, self.callers);
                self.check_answered(verdict, told.answer, &ids, offers.durable);
            }
            Offered::Waits => self.wait(verdict, ids, offers.durable),
        }
        self.history.push(offers);
    }

    /// An answer that is given at once rests on nothing that is only staged.
    fn check_answered(&mut self, verdict: Verdict, answer: Answer, ids: &[u128], durable: bool) {
        let committed = self.committed.len();
        match verdict {
            Verdict::Staged(events) => panic!("answered before it is written: {events:?}, {answer:?}"),
            Verdict::Found(positions) => {
                assert!(positions.iter().all(|at| *at < committed), "{positions:?}");
                assert!(!durable || positions.iter().all(|at| *at < self.durable), "{positions:?}");
                self.check_receipts(&answer.unwrap(), &positions, Outcome::Found);
            }
            Verdict::Refused(reasons) => {
                let told =
                    reasons.into_iter().filter(|(_, rests_on)| rests_on.is_none_or(|at| at < committed));
                let told: Vec<Refusal> = told.map(|(refusal, _)| refusal).collect();
                check_error(&answer.unwrap_err(), ids, &told, Fate::NotWritten);
            }
        }
    }

    fn wait(&mut self, verdict: Verdict, ids: Vec<u128>, durable: bool) {
        let (who, base, committed) = (self.callers, self.base(), self.committed.len());
        let waits_staged = self.machine.waiting().any(|waiting| *waiting == who);
        let due = match verdict {
            Verdict::Staged(events) => {
                assert!(waits_staged);
                let first = base + self.staged.events.len();
                let due = Due::Written(first..first + events.len());
                self.staged.events.extend(events);
                self.staged.sync |= durable;
                due
            }
            Verdict::Found(positions) => {
                let last = positions.iter().copied().max().unwrap();
                assert!(
                    last >= committed || durable && last >= self.durable,
                    "it can be told: {positions:?}"
                );
                assert_eq!(waits_staged, last >= base || durable);
                self.staged.sync |= durable;
                Due::Found { positions, before: last < base && durable }
            }
            Verdict::Refused(reasons) => {
                let waits = |rests_on: Option<usize>| {
                    rests_on.is_some_and(|at| {
                        if waits_staged { at >= base } else { (committed..base).contains(&at) }
                    })
                };
                let reasons: Vec<Refusal> =
                    reasons.into_iter().filter(|(_, at)| waits(*at)).map(|(refusal, _)| refusal).collect();
                assert!(!reasons.is_empty(), "it rests on nothing that is staged");
                Due::Refused(reasons)
            }
        };
        let group = if waits_staged { &mut self.staged } else { self.flight.as_mut().unwrap() };
        group.waiting.push(Waiting { who, ids, due });
    }

    fn sync(&mut self) {
        self.callers += 1;
        let who = self.callers;
        let idle = self.flight.is_none() && self.staged.is_idle() && self.unsynced() == 0;
        match self.machine.offer_sync(who) {
            Offered::Answered(told) if self.poisoned => {
                check_error(&told.answer.unwrap_err(), &[], &[Refusal::Poisoned], Fate::NotWritten);
            }
            Offered::Answered(told) => {
                assert!(idle);
                assert_eq!(told.answer.unwrap(), []);
            }
            Offered::Waits => {
                assert!(!idle && !self.poisoned);
                self.staged.sync = true;
                self.staged.waiting.push(Waiting { who, ids: Vec::new(), due: Due::Synced });
            }
        }
    }

    fn next_job(&mut self) {
        let due = !self.poisoned && self.flight.is_none() && !self.staged.is_idle();
        let job = self.machine.next_job();
        assert_eq!(job.is_some(), due);
        if let Some(job) = job {
            let group = std::mem::take(&mut self.staged);
            let events = self.unsynced() + group.events.len();
            let sync = group.sync
                || match self.durability {
                    Durability::Sync => true,
                    Durability::Interval { max_events, .. } => u64::try_from(events).unwrap() >= max_events,
                    Durability::Os => false,
                };
            self.flight = Some(Group { sync, ..group });
            self.out = Some(Out::Job(job));
        }
    }

    fn run_job(&mut self, trouble: Trouble) {
        let Some(Out::Job(job)) = self.out.take_if(|out| matches!(out, Out::Job(_))) else { return };
        match trouble {
            Trouble::None => {}
            Trouble::NoSpace => self.storage.set_space(0),
            Trouble::Fault(nth, fault) => self.storage.fail(nth, fault),
        }
        self.out = Some(Out::Done(job.run()));
        self.storage.set_space(u64::MAX);
        if let Trouble::Fault(nth, _) = trouble {
            // The fault is for this job alone.
            (0..=nth).for_each(|_| drop(self.storage.list()));
        }
    }

    fn finish(&mut self) {
        let Some(Out::Done(done)) = self.out.take_if(|out| matches!(out, Out::Done(_))) else { return };
        let answers = self.machine.finish(done);
        let flight = self.flight.take().unwrap();
        self.poisoned = self.machine.check().is_err();
        let end = self.committed.len() + flight.events.len();
        let reached = self.machine.published().load().end.position == position(end);
        if self.poisoned || !reached {
            return self.fail(flight, answers);
        }
        self.commit(flight, answers);
    }

    fn commit(&mut self, flight: Group, answers: Vec<crate::Answered<u32>>) {
        let first = self.committed.len();
        self.committed.extend(flight.events);
        self.ends.push(self.committed.len());
        // A rotation has synced what stands in the segments before.
        let durable = self.machine.published().durable();
        assert!([self.durable, first, self.committed.len()].map(position).contains(&durable), "{durable}");
        assert!(!flight.sync || durable == position(self.committed.len()), "not synced");
        assert!(durable >= position(self.durable));
        self.durable = usize::try_from(durable.0).unwrap();
        assert_eq!(answers.len(), flight.waiting.len());
        for (waiting, told) in flight.waiting.into_iter().zip(answers) {
            assert_eq!(told.who, waiting.who);
            match waiting.due {
                Due::Written(range) => {
                    let receipts = told.answer.unwrap();
                    for (at, receipt) in range.clone().zip(&receipts) {
                        self.committed[at].hash = Some(receipt.hash);
                    }
                    self.check_receipts(&receipts, &range.collect::<Vec<_>>(), Outcome::Written);
                }
                Due::Found { positions, .. } => {
                    self.check_receipts(&told.answer.unwrap(), &positions, Outcome::Found);
                }
                Due::Refused(reasons) => {
                    check_error(&told.answer.unwrap_err(), &waiting.ids, &reasons, Fate::NotWritten);
                }
                Due::Synced => {
                    assert_eq!(told.answer.unwrap(), []);
                    self.promised = self.committed.len();
                }
            }
        }
    }

    fn check_receipts(&mut self, receipts: &[AppendReceipt], positions: &[usize], outcome: Outcome) {
        assert_eq!(receipts.len(), positions.len());
        for (receipt, at) in receipts.iter().zip(positions) {
            let stored = &self.committed[*at];
            assert_eq!((receipt.id, receipt.position), (id(stored.offer.id), position(*at)));
            assert_eq!((receipt.revision, Some(receipt.hash)), (Revision(stored.revision), stored.hash));
            let durability = if *at < self.durable { Durability::Sync } else { self.durability };
            assert_eq!((receipt.outcome, receipt.durability), (outcome, durability));
            if durability == Durability::Sync {
                self.promised = self.promised.max(at + 1);
            }
        }
    }

    /// The group has failed, and with it what was judged upon it.
    fn fail(&mut self, flight: Group, answers: Vec<crate::Answered<u32>>) {
        let staged = std::mem::take(&mut self.staged);
        let group =
            |group: Vec<Waiting>, in_flight| group.into_iter().map(move |waiting| (waiting, in_flight));
        let all: Vec<_> = group(flight.waiting, true).chain(group(staged.waiting, false)).collect();
        assert_eq!(answers.len(), all.len());
        let reason = [if self.poisoned { Refusal::Failed } else { Refusal::NotNow }];
        let mut unknown = false;
        for ((waiting, in_flight), told) in all.into_iter().zip(answers) {
            assert_eq!(told.who, waiting.who);
            let error = told.answer.unwrap_err();
            let fate = match waiting.due {
                Due::Found { before: true, .. } => Fate::Unknown,
                Due::Refused(_) => Fate::NotWritten,
                // Whether it got as far as the write.
                _ if in_flight && self.poisoned => error.fate(),
                _ => Fate::NotWritten,
            };
            assert_ne!(fate, Fate::Written);
            unknown |= in_flight && fate == Fate::Unknown;
            check_error(&error, &waiting.ids, &reason, fate);
        }
        if unknown {
            self.unknown = flight.events;
        }
    }

    pub(super) fn reopen(&mut self, end: End, same_index: bool) {
        if matches!(end, End::Close) {
            self.drain();
        }
        let ran = matches!(self.out.take(), Some(Out::Done(_)));
        let flight = self.flight.take().map_or(Vec::new(), |flight| flight.events);
        let unknown = std::mem::take(&mut self.unknown);
        // A sync that failed may have lost what readers had been shown.
        let kept = match end {
            End::PowerCut | End::PartialPowerCut(_) => self.durable,
            _ if self.poisoned || ran => self.durable,
            _ => self.committed.len(),
        };
        self.storage = match end {
            End::Close | End::Abandon => self.storage.clone(),
            End::Kill => self.storage.kill(),
            End::PowerCut => self.storage.power_cut(),
            End::PartialPowerCut(seed) => {
                let random = SeededRandom::new(seed);
                let below = |bound: usize| random.next_u64() % u64::try_from(bound).unwrap();
                self.storage.power_cut_by(|bound| usize::try_from(below(bound)).unwrap())
            }
        };
        // One that stands in until the lock is free.
        let (stand_in, _) = open(&MemoryStorage::new(), &self.clock, 0, &Arc::default(), self.durability);
        let machine = std::mem::replace(&mut self.machine, stand_in);
        match end {
            End::Close => assert_eq!(machine.close().is_err(), self.poisoned),
            _ => drop(machine),
        }
        if !same_index {
            self.index = Arc::default();
        }
        self.opens += 1;
        let (machine, found) = open(&self.storage, &self.clock, self.opens, &self.index, self.durability);
        self.machine = machine;
        // Nothing can come of what was judged and not written.
        self.staged = Group::default();
        self.poisoned = false;
        self.take_in(&found, if ran { flight } else { unknown }, kept);
    }

    /// What is found after a crash is what was committed, or as much of it as was durable, and perhaps the group
    /// of which nobody knows.
    fn take_in(&mut self, found: &[(Header, EventHash)], unknown: Vec<Stored>, kept: usize) {
        let count = found.len();
        assert!(count >= kept, "{count} of {kept} events are left");
        assert!(count >= self.promised, "{count} are left, and {} were promised", self.promised);
        self.ends.push(self.committed.len() + unknown.len());
        assert!(self.ends.contains(&count), "half a group is left: {count}, {:?}", self.ends);
        self.committed.extend(unknown);
        self.committed.truncate(count);
        self.ends.retain(|end| *end <= count);
        self.durable = count;
        let mut hashes: BTreeMap<usize, EventHash> = BTreeMap::new();
        for (at, (stored, (header, hash))) in self.committed.iter_mut().zip(found).enumerate() {
            assert_eq!(*stored.hash.get_or_insert(*hash), *hash);
            let offer = &stored.offer;
            assert_eq!((header.id, &header.coordinate), (id(offer.id), &stream(offer.stream)));
            assert_eq!((header.position, header.revision), (position(at), Revision(stored.revision)));
            assert_eq!(
                (header.kind, header.tags.iter().count()),
                (kind(offer.kind), usize::from(offer.night))
            );
            assert!(header.dag.causes.iter().eq(offer.causes.iter().map(|cause| id(*cause))));
            assert_eq!(header.dag.depth.0, stored.depth);
            assert_eq!(header.previous_hash, hashes.insert(offer.stream, *hash));
        }
        assert!(found.is_sorted_by(|(a, _), (b, _)| a.dag.hlc < b.dag.hlc));
    }

    /// Commits everything, so that the machine can be closed.
    fn drain(&mut self) {
        while self.out.is_some() || !self.staged.is_idle() && !self.poisoned {
            self.next_job();
            self.run_job(Trouble::None);
            self.finish();
        }
    }
}

impl Group {
    fn is_idle(&self) -> bool {
        self.events.is_empty() && self.waiting.is_empty() && !self.sync
    }
}

fn position(at: usize) -> Position {
    Position(u64::try_from(at).unwrap())
}

#[track_caller]
fn check_error(error: &AppendError, ids: &[u128], reasons: &[Refusal], fate: Fate) {
    let told = refusal_of(error.kind());
    assert!(reasons.contains(&told), "told {told:?}, due one of {reasons:?}");
    assert_eq!(error.fate(), fate, "{error}");
    assert!(error.ids().iter().copied().eq(ids.iter().map(|number| id(*number))), "{error:?}");
}

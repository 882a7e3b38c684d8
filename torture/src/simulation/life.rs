//! One life of a store: from its open to its end.

use anyhow::ensure;
use causelog_writer::{Answered, AppendErrorKind, Job};

use crate::draw::Draw;
use crate::history::Part;
use crate::ledger::{self, Asked};
use crate::offers::Offer;
use crate::oracle::Status;
use crate::simulation::{End, STEPS, Simulation};
use crate::view::View;
use crate::world::{Driven, OpenStore, ServedStore, unless_planned};

impl Simulation<'_> {
    /// A life in which commands come while a group is written: the machine is driven step by step.
    pub(super) fn step_through(
        &mut self,
        mut store: OpenStore,
        end: End,
        life: usize,
        draw: &Draw,
    ) -> anyhow::Result<()> {
        self.plan_faults(life, draw, false)?;
        let mut job: Option<Job> = None;
        for step in (0..STEPS).filter(|step| self.history.has(Part::Step(life, *step))) {
            if self.world.disk.crashed() || !store.is_sound() {
                break;
            }
            let draw = draw.part(step);
            match draw.below(9) {
                0..=3 => {
                    let offer = self.offers.next(&draw, store.view().end(), &self.ledger)?;
                    self.offer(&mut store, &offer)?;
                }
                4 => self.retry(&draw, |simulation, offer| simulation.offer(&mut store, offer))?,
                5 => job = job.or_else(|| store.next_job()),
                6 => {
                    if draw.once_in(3) {
                        store.request_sync();
                    }
                    if let Some(job) = job.take().or_else(|| store.next_job()) {
                        let answers = store.finish(job.run());
                        self.take_all(answers)?;
                        self.look(store.view(), &draw)?;
                    }
                }
                7 if job.is_none() => self.look_around(&draw)?,
                _ if draw.once_in(4) => self.change_space(&draw)?,
                _ => self.jump_clock(&draw),
            }
            self.check_sound(store.is_sound())?;
        }
        if end == End::Close && !self.world.disk.crashed() {
            while let Some(job) = job.take().or_else(|| store.next_job()) {
                let answers = store.finish(job.run());
                self.take_all(answers)?;
            }
            // What fails here fails as it would have without a close: the next open says what there is.
            Box::new(store).end();
        }
        Ok(())
    }

    /// A life behind the writer that callers share, with panics behind the storage calls and its restarts.
    pub(super) fn serve(
        &mut self,
        mut store: ServedStore,
        end: End,
        life: usize,
        draw: &Draw,
    ) -> anyhow::Result<()> {
        self.plan_faults(life, draw, true)?;
        for step in (0..STEPS).filter(|step| self.history.has(Part::Step(life, *step))) {
            if self.world.disk.crashed() {
                break;
            }
            let draw = draw.part(step);
            match draw.below(8) {
                0..=3 => {
                    let offer = self.offers.next(&draw, store.view().end(), &self.ledger)?;
                    self.append(&mut store, &offer)?;
                }
                4 => self.retry(&draw, |simulation, offer| simulation.append(&mut store, offer))?,
                5 => {
                    drop(store.sync()?);
                    self.look(store.view(), &draw)?;
                }
                6 => self.look_around(&draw)?,
                _ if draw.once_in(3) => self.change_space(&draw)?,
                _ => self.jump_clock(&draw),
            }
        }
        match end == End::Close && !self.world.disk.crashed() {
            true => _ = Box::new(store).end(),
            false => store.die(&self.world.disk),
        }
        Ok(())
    }

    fn plan_faults(&mut self, life: usize, draw: &Draw, panics: bool) -> anyhow::Result<()> {
        let faults = if draw.once_in(3) { 1 + draw.below(2) } else { 0 };
        let wanted = self.history.has(Part::Faults(life));
        (0..faults).filter(|_| wanted).try_for_each(|n| self.plan_fault(&draw.part(STEPS + n), panics))
    }

    fn offer(&mut self, store: &mut OpenStore, offer: &Offer) -> anyhow::Result<Answer> {
        self.world.oracle.offer(offer);
        let Some(answered) = store.offer(offer)? else { return Ok(None) };
        let answer = answered.answer.clone();
        self.take_all(vec![answered])?;
        Ok(Some(answer))
    }

    fn append(&mut self, store: &mut ServedStore, offer: &Offer) -> anyhow::Result<Answer> {
        self.world.oracle.offer(offer);
        let who = Asked { offer: offer.clone(), end: store.view().end() };
        let answer = store.append(offer)?;
        if let Err(error) = &answer {
            let ended = matches!(error.kind(), AppendErrorKind::Poisoned(_));
            self.check_sound(!ended)?;
        }
        self.take_all(vec![Answered { who, answer: answer.clone() }])?;
        Ok(Some(answer))
    }

    /// Offers again what was offered before: it must be answered as the first time, or be written now.
    fn retry(
        &mut self,
        draw: &Draw,
        offer_again: impl FnOnce(&mut Self, &Offer) -> anyhow::Result<Answer>,
    ) -> anyhow::Result<()> {
        let n = draw.below(self.world.oracle.offered());
        let Some((offer, status)) = self.world.oracle.nth(n) else { return Ok(()) };
        self.tally.retries += 1;
        let answer = offer_again(self, &offer)?;
        if let (Status::Acknowledged(_), Some(Err(error))) = (status, answer) {
            let passing = matches!(
                error.kind(),
                AppendErrorKind::Refused(_)
                    | AppendErrorKind::Poisoned(_)
                    | AppendErrorKind::IndexFailed(_)
                    | AppendErrorKind::Panicked
            );
            ensure!(passing, "a retry of what was acknowledged is refused: {error}");
        }
        Ok(())
    }

    /// Another process comes, or those that have come look again.
    fn look_around(&mut self, draw: &Draw) -> anyhow::Result<()> {
        if draw.once_in(2) { self.look_from_outside(draw) } else { self.others_look_again() }
    }

    /// What is visible and durable now can never go away again.
    fn look(&mut self, view: &View, draw: &Draw) -> anyhow::Result<()> {
        if self.world.disk.crashed() || !draw.once_in(4) {
            return Ok(());
        }
        // A planned fault may hit this very read.
        let Some(Ok(mut events)) = unless_planned(|| view.events()) else { return Ok(()) };
        events.truncate(usize::try_from(view.durable().0)?);
        self.world.oracle.is_durable(&events)
    }
}

/// The answer to an append, if it is known.
type Answer = Option<ledger::Answer>;

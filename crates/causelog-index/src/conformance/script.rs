//! What is done to an index, step by step, in any order.

use proptest::collection::vec;
use proptest::prelude::any;
use proptest::sample::select;
use proptest::strategy::Strategy;
use proptest::test_runner::TestCaseError;
use proptest::{prop_assert, prop_assert_eq, prop_oneof};

use causelog_types::Position;

use super::Answers;
use super::history::{History, OTHER_STORE, position};
use super::question::{self, Question, check_everything};
use crate::{Index, IndexError};

/// One step.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Applies the next group.
    Apply,
    /// Applies an old group again; its number is to be brought into range.
    Repeat(u16),
    /// Applies some old events and the next group as one.
    Overlap(u16),
    /// Leaves out a group, which must be refused.
    Skip,
    /// Gives a group of another store, which must be refused.
    OtherStore,
    Reset,
    Ask(Question),
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let simple = select(&[Step::Skip, Step::OtherStore][..]);
    let step = prop_oneof![
        12 => select(&[Step::Apply][..]),
        2 => any::<u16>().prop_map(Step::Repeat),
        2 => any::<u16>().prop_map(Step::Overlap),
        1 => simple,
        8 => question::any_question().prop_map(Step::Ask),
    ];
    let rest = vec(step.boxed(), 0..60);
    // At most one reset, so that histories are not always cut short.
    let reset = prop_oneof![2 => 100..101_usize, 1 => 0..60_usize];
    (rest, reset).prop_map(|(mut steps, reset)| {
        if reset < steps.len() {
            steps.insert(reset, Step::Reset);
        }
        steps
    })
}

/// Does the steps, and compares watermark and answers with the model.
pub(super) fn check(
    index: &impl Index,
    answers: Answers,
    history: &History,
    steps: &[Step],
) -> Result<(), TestCaseError> {
    let mut groups = 0;
    for step in steps {
        groups = take(index, answers, history, groups, step)?;
        prop_assert_eq!(index.watermark()?, history.watermark(history.start(groups)), "after {:?}", step);
    }
    let end = history.start(groups);
    check_everything(index, answers, history, end, history.end(end))
}

/// Does one step, when so many groups have been applied; returns how many there are now.
fn take(
    index: &impl Index,
    answers: Answers,
    history: &History,
    groups: usize,
    step: &Step,
) -> Result<usize, TestCaseError> {
    let end = history.start(groups);
    let has_next = groups < history.groups();
    match step {
        Step::Apply if has_next => {
            history.apply(index, history.group(groups))?;
            return Ok(groups + 1);
        }
        Step::Overlap(drawn) if has_next => {
            let start = usize::from(*drawn) % (end + 1);
            history.apply(index, start..history.group(groups).end)?;
            return Ok(groups + 1);
        }
        Step::Repeat(drawn) if groups > 0 => {
            history.apply(index, history.group(usize::from(*drawn) % groups))?;
        }
        Step::Skip if groups > 0 && groups + 1 < history.groups() => {
            check_out_of_order(index, history, groups)?;
        }
        Step::OtherStore if groups > 0 && has_next => {
            let refused = history.apply_to(OTHER_STORE, index, history.group(groups));
            prop_assert!(matches!(refused, Err(IndexError::OtherStore)), "{:?}", refused);
        }
        Step::Reset => {
            index.reset()?;
            return Ok(0);
        }
        Step::Ask(question) => question.check(index, answers, history, groups)?,
        // There is nothing to apply, to repeat or to leave out.
        Step::Apply | Step::Overlap(_) | Step::Repeat(_) | Step::Skip | Step::OtherStore => {}
    }
    Ok(groups)
}

/// Leaves out the next group.
fn check_out_of_order(index: &impl Index, history: &History, groups: usize) -> Result<(), TestCaseError> {
    let (due, given) = (position(history.start(groups)), position(history.start(groups + 1)));
    match history.apply(index, history.group(groups + 1)) {
        Err(IndexError::OutOfOrder { expected, found }) => prop_assert_eq!((expected, found), (due, given)),
        other => prop_assert!(matches!(other, Err(IndexError::OutOfOrder { .. })), "{:?}", other),
    }
    Ok(())
}

/// Leaves out one group, to be brought into range, before applying it.
pub(super) fn check_gap(
    index: &impl Index,
    answers: Answers,
    history: &History,
    drawn: u16,
) -> Result<(), TestCaseError> {
    check_refusal(index, answers, history, drawn, |groups| check_out_of_order(index, history, groups))
}

/// Gives one group, to be brought into range, as one of another store before applying it.
pub(super) fn check_other_store(
    index: &impl Index,
    answers: Answers,
    history: &History,
    drawn: u16,
) -> Result<(), TestCaseError> {
    check_refusal(index, answers, history, drawn, |groups| {
        let refused = history.apply_to(OTHER_STORE, index, history.group(groups));
        prop_assert!(matches!(refused, Err(IndexError::OtherStore)), "{:?}", refused);
        Ok(())
    })
}

/// Applies a history, but for a moment between two of its groups when something is to be refused.
fn check_refusal(
    index: &impl Index,
    answers: Answers,
    history: &History,
    drawn: u16,
    refuse: impl Fn(usize) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    // The first group is applied before, and one is left after the one that comes next.
    let Some(moment) = usize::from(drawn).checked_rem(history.groups().saturating_sub(2)) else {
        return Ok(());
    };
    for groups in 0..history.groups() {
        if groups == moment + 1 {
            refuse(groups)?;
            let end = history.start(groups);
            prop_assert_eq!(index.watermark()?, history.watermark(end));
            check_everything(index, answers, history, end, history.end(end))?;
        }
        history.apply(index, history.group(groups))?;
    }
    let end = history.events.len();
    check_everything(index, answers, history, end, history.end(end))
}

/// Applies a history as another store's, forgets it, and applies one of this store.
pub(super) fn check_reset(
    index: &impl Index,
    answers: Answers,
    old: &History,
    new: &History,
) -> Result<(), TestCaseError> {
    for group in 0..old.groups() {
        old.apply_to(OTHER_STORE, index, old.group(group))?;
    }
    index.reset()?;
    prop_assert_eq!(index.watermark()?, None);
    check_everything(index, answers, old, 0, position(0))?;
    for group in 0..new.groups() {
        new.apply(index, new.group(group))?;
    }
    let end = new.events.len();
    prop_assert_eq!(index.watermark()?, new.watermark(end));
    check_everything(index, answers, new, end, new.end(end))
}

/// Applies a history with a gap before one of its groups, to be brought into range.
pub(super) fn check_lost(
    index: &impl Index,
    answers: Answers,
    history: History,
    drawn: u16,
    positions: u64,
) -> Result<(), TestCaseError> {
    let Some(moment) = usize::from(drawn).checked_rem(history.groups()) else { return Ok(()) };
    let history = &history.with_gap(moment, positions);
    for groups in 0..history.groups() {
        let end = history.start(groups);
        if groups == moment {
            let before = history.end(end);
            let after = history.apply_gap(index)?;
            prop_assert_eq!(index.watermark()?, Some(after));
            prop_assert_eq!(index.gaps(before)?, []);
            prop_assert_eq!(index.gaps(after.next)?, [before..after.next]);
            check_everything(index, answers, history, end, after.next)?;
            history.apply_gap(index)?;
            prop_assert_eq!(index.watermark()?, Some(after), "a gap applied again");
        }
        history.apply(index, history.group(groups))?;
    }
    for groups in 0..=history.groups() {
        let end = history.end(history.start(groups));
        check_everything(index, answers, history, history.events.len(), end)?;
    }
    let lost = history.end(history.start(moment));
    prop_assert_eq!(index.gaps(Position(u64::MAX))?, [lost..Position(lost.0 + positions)]);
    Ok(())
}

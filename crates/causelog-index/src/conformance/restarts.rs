//! An index that is closed, or ends in a crash, and is opened again over what it kept.

use proptest::collection::vec;
use proptest::prop_assert;
use proptest::prop_oneof;
use proptest::strategy::{Just, Strategy};
use proptest::test_runner::TestCaseError;

use super::history::History;
use super::question::{self, Question, check_everything};
use super::{Answers, Start};
use crate::Index;

/// One step.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Applies so many groups.
    Apply(usize),
    Close,
    Crash,
    Ask(Question),
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1..8_usize).prop_map(Step::Apply),
        1 => Just(Step::Close),
        1 => Just(Step::Crash),
        4 => question::any_question().prop_map(Step::Ask),
    ];
    vec(step, 0..40)
}

/// Does the steps. What is opened again may have lost what it was given, but has to say so by its watermark.
pub(super) fn check<H, I: Index>(
    mut home: H,
    open: &impl Fn(&mut H, Start<I>) -> I,
    answers: Answers,
    history: &History,
    steps: &[Step],
) -> Result<(), TestCaseError> {
    let mut index = open(&mut home, Start::First);
    let mut groups = 0;
    for step in steps {
        match step {
            Step::Apply(count) => {
                let end = history.groups().min(groups + count);
                apply(&index, history, groups..end)?;
                groups = end;
            }
            Step::Ask(question) => question.check(&index, answers, history, groups)?,
            Step::Close | Step::Crash => {
                let start = match step {
                    Step::Close => Start::AfterClose(index),
                    _ => Start::AfterCrash(index),
                };
                index = open(&mut home, start);
                groups = kept(&index, history, groups)?;
            }
        }
        let end = history.start(groups);
        check_everything(&index, answers, history, end, history.end(end))?;
    }
    apply(&index, history, groups..history.groups())?;
    let end = history.events.len();
    check_everything(&index, answers, history, end, history.end(end))
}

fn apply(index: &impl Index, history: &History, groups: std::ops::Range<usize>) -> Result<(), TestCaseError> {
    for group in groups {
        history.apply(index, history.group(group))?;
    }
    Ok(())
}

/// How many of the groups applied an index still has, by its watermark.
fn kept(index: &impl Index, history: &History, applied: usize) -> Result<usize, TestCaseError> {
    let watermark = index.watermark()?;
    let kept = (0..=applied).rev().find(|groups| history.watermark(history.start(*groups)) == watermark);
    prop_assert!(kept.is_some(), "{:?} after {} groups and a restart", watermark, applied);
    Ok(kept.unwrap_or_default())
}

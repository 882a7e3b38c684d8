//! The conformance suite: what every backend must hold, for the tests of backends.
//!
//! Random histories, regions and questions are put to a backend and to a model too simple to be wrong: a vector,
//! filtered by `Region::matches`. [`conformance!`](crate::conformance!) makes the tests; each is also a function
//! here, to be called alone. A failure names the smallest history and question found that show it.
//!
//! Every test draws 256 cases, or as many as the environment variable `PROPTEST_CASES` says. Every case makes an
//! index of its own, which begins empty and is given groups from position 0.
//!
//! # Example
//!
//! ```
//! mod memory {
//!     causelog_index::conformance!(
//!         causelog_index::MemoryIndex::new(),
//!         causelog_index::conformance::Answers::Exact
//!     );
//! }
//! # fn main() {}
//! ```

mod draw;
mod history;
mod model;
mod question;
mod restarts;
mod script;
mod threads;

use proptest::prelude::any;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::Index;
use question::Question;

/// Makes the tests of the conformance suite for a backend: `conformance!(new_index)`, or
/// `conformance!(new_index, answers)`.
///
/// The first argument is an expression that makes an empty index; it is evaluated for every case. What the index
/// needs beside it, such as a temporary directory, it has to own. The second is an
/// [`Answers`](crate::conformance::Answers); without it false matches are allowed, as the contract does. The
/// tests bear fixed names, so give each backend a module.
#[macro_export]
macro_rules! conformance {
    ($index:expr $(,)?) => {
        $crate::conformance!($index, $crate::conformance::Answers::MayBeFalse);
    };
    ($index:expr, $answers:expr $(,)?) => {
        $crate::conformance!(@tests $index, $answers,
            selects, pages, finds_heads, looks_up, follows_effects, counts, follows_scripts, refuses_gaps,
            tells_what_was_lost, refuses_other_stores, forgets, shows_readers_whole_groups
        );
    };
    (@tests $index:expr, $answers:expr, $($name:ident),*) => {
        $(
            #[test]
            fn $name() {
                $crate::conformance::$name(|| $index, $answers);
            }
        )*
    };
}

/// Makes the test of restarts for a backend that keeps something: `conformance_restarts!(new_home, open)`, or
/// `conformance_restarts!(new_home, open, answers)`.
///
/// The first argument is an expression that makes what outlives an index, such as a directory; it is evaluated for
/// every case. The second is a function that opens an index there: `fn(&mut Home, Start<MyIndex>) -> MyIndex`, see
/// [`Start`](crate::conformance::Start). The third is as in [`conformance!`](crate::conformance!).
#[macro_export]
macro_rules! conformance_restarts {
    ($home:expr, $open:expr $(,)?) => {
        $crate::conformance_restarts!($home, $open, $crate::conformance::Answers::MayBeFalse);
    };
    ($home:expr, $open:expr, $answers:expr $(,)?) => {
        #[test]
        fn survives_restarts() {
            $crate::conformance::survives_restarts(|| $home, $open, $answers);
        }
    };
}

/// What an index is opened after.
#[derive(Debug)]
pub enum Start<I> {
    /// Nothing: its home is new, and the index must begin empty.
    First,
    /// An index that ended in order, which is to be dropped.
    AfterClose(I),
    /// An index that ended by a crash. It is for the function that opens to act one out: to forget the index and go
    /// on with what a power cut leaves of the home, or to drop it like any other.
    AfterCrash(I),
}

/// What a backend's selections hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// Matches alone.
    Exact,
    /// All matches, and others that a reader would tell from the events themselves.
    MayBeFalse,
}

/// Selections answer as the model does.
pub fn selects<I: Index>(make: impl Fn() -> I, answers: Answers) {
    check_questions(&make, answers, question::selects());
}

/// Selections asked page by page give every match once.
pub fn pages<I: Index>(make: impl Fn() -> I, answers: Answers) {
    check_questions(&make, answers, question::pages());
}

/// Heads are those of the moment asked for.
pub fn finds_heads<I: Index>(make: impl Fn() -> I, answers: Answers) {
    check_questions(&make, answers, question::heads());
}

/// Lookups find what stood at the moment asked for.
pub fn looks_up<I: Index>(make: impl Fn() -> I, answers: Answers) {
    check_questions(&make, answers, question::lookups());
}

/// Effects are those of the moment asked for.
pub fn follows_effects<I: Index>(make: impl Fn() -> I, answers: Answers) {
    check_questions(&make, answers, question::effects());
}

/// Counts are those of the moment asked for.
pub fn counts<I: Index>(make: impl Fn() -> I, answers: Answers) {
    check_questions(&make, answers, question::counts());
}

/// Groups applied once, again and in part again, groups refused, resets and questions, in any order.
pub fn follows_scripts<I: Index>(make: impl Fn() -> I, answers: Answers) {
    run(&(draw::history(), script::steps()), |(history, steps)| {
        script::check(&make(), answers, &history.build()?, &steps)
    });
}

/// A group that begins after the watermark is refused and changes nothing.
pub fn refuses_gaps<I: Index>(make: impl Fn() -> I, answers: Answers) {
    run(&(draw::history(), any::<u16>()), |(history, drawn)| {
        script::check_gap(&make(), answers, &history.build()?, drawn)
    });
}

/// A gap has no events, is told, and changes no answer about the others.
pub fn tells_what_was_lost<I: Index>(make: impl Fn() -> I, answers: Answers) {
    run(&(draw::history(), any::<u16>(), 1..50_u64), |(history, drawn, positions)| {
        script::check_lost(&make(), answers, history.build()?, drawn, positions)
    });
}

/// A group of another store is refused and changes nothing.
pub fn refuses_other_stores<I: Index>(make: impl Fn() -> I, answers: Answers) {
    run(&(draw::history(), any::<u16>()), |(history, drawn)| {
        script::check_other_store(&make(), answers, &history.build()?, drawn)
    });
}

/// A reset index knows nothing, and takes another store.
pub fn forgets<I: Index>(make: impl Fn() -> I, answers: Answers) {
    run(&(draw::history(), draw::history()), |(old, new)| {
        script::check_reset(&make(), answers, &old.build()?, &new.build()?)
    });
}

/// Readers that ask as of the published position, while the writer goes on, see exactly what was published.
pub fn shows_readers_whole_groups<I: Index>(make: impl Fn() -> I, answers: Answers) {
    let failure = threads::check(&make(), answers).err();
    assert!(failure.is_none(), "{failure:?}");
}

/// An index that is opened again has a watermark that it had before, answers as of then, and can be brought up to the
/// log from there.
pub fn survives_restarts<H, I: Index>(
    make: impl Fn() -> H,
    open: impl Fn(&mut H, Start<I>) -> I,
    answers: Answers,
) {
    run(&(draw::history(), restarts::steps()), |(history, steps)| {
        restarts::check(make(), &open, answers, &history.build()?, &steps)
    });
}

/// Applies a history and asks questions as of any moment of it.
fn check_questions<I: Index>(
    make: &impl Fn() -> I,
    answers: Answers,
    questions: impl Strategy<Value = Question>,
) {
    let cases = (draw::history(), proptest::collection::vec(questions, 1..16));
    run(&cases, |(history, questions)| {
        let (index, history) = (make(), history.build()?);
        for group in 0..history.groups() {
            history.apply(&index, history.group(group))?;
        }
        questions.iter().try_for_each(|question| question.check(&index, answers, &history, history.groups()))
    });
}

fn run<S: Strategy>(cases: &S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = Config { failure_persistence: None, ..Config::default() };
    let failure = TestRunner::new(config).run(cases, test).err();
    assert!(failure.is_none(), "{}", failure.map(|failure| failure.to_string()).unwrap_or_default());
}

#[cfg(test)]
mod tests;

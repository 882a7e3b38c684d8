//! Makes a failing history short.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::history::{History, Part};
use crate::simulation::{self, STEPS, Tally};

/// Runs a history; a panic is a failure too.
///
/// # Errors
/// A promise was broken, or the product panicked.
pub fn attempt(history: &History) -> anyhow::Result<Tally> {
    let ran = catch_unwind(AssertUnwindSafe(|| simulation::run(history)));
    ran.unwrap_or_else(|panic| Err(anyhow::anyhow!("it panicked: {}", message(&*panic))))
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

/// Leaves out of a failing history what it fails without: later lives, whole lives, faults, steps. The last one
/// that failed, and how it fails. A history that does not fail comes back as it is.
#[must_use]
pub fn shrink(history: &History) -> (History, Option<anyhow::Error>) {
    let (mut short, mut error) = (history.clone(), None);
    let mut try_one = |short: &mut History, candidate: History| {
        let failed = attempt(&candidate).err();
        let fails = failed.is_some();
        if fails {
            (*short, error) = (candidate, failed);
        }
        fails
    };
    // A shorter history is the beginning of a longer one: the first length that fails ends where it goes wrong.
    let lengths = (1..=history.lives).map(|lives| History { lives, ..history.clone() });
    if !lengths.into_iter().any(|candidate| try_one(&mut short, candidate)) {
        return (short, error);
    }
    loop {
        let before = short.without.len();
        for parts in groups(&short) {
            let mut candidate = short.clone();
            candidate.without.extend(parts);
            if candidate != short {
                try_one(&mut short, candidate);
            }
        }
        if short.without.len() == before {
            return (short, error);
        }
    }
}

/// What may be left out together, the greatest first.
fn groups(history: &History) -> Vec<Vec<Part>> {
    let lives: Vec<usize> = (0..history.lives).filter(|life| history.has(Part::Life(*life))).collect();
    let mut groups: Vec<Vec<Part>> = lives.iter().map(|life| vec![Part::Life(*life)]).collect();
    for life in lives {
        groups.push(vec![Part::Faults(life)]);
        groups.push(vec![Part::Recovery(life)]);
        let steps: Vec<Part> = (0..STEPS).map(|step| Part::Step(life, step)).collect();
        let mut size = STEPS;
        while size > 0 {
            groups.extend(steps.chunks(size).map(<[Part]>::to_vec));
            size /= 2;
        }
    }
    groups
}

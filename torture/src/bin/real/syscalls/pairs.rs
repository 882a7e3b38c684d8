//! Two system calls that fail in one life, drawn by lot: what the first leaves behind meets the second.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, ensure};
use causelog_torture::draw::Draw;
use causelog_torture::oracle::Loss;
use causelog_torture::until::Until;

use super::{Bench, Call, Fault};
use crate::history::Tally;

/// Pairs, dealt out to threads; how many.
pub(super) fn run(work: &Path, seed: u64, until: Until, threads: u64) -> anyhow::Result<(u64, Tally)> {
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let tally = crate::in_parallel(threads, |worker| {
        let mut tally = Tally::default();
        if until.is_over(worker) {
            return Ok(tally);
        }
        let mut benches = Bench::all(work, &format!("pairs-{worker}"), seed)?;
        benches.iter_mut().for_each(|(_, calls)| calls.retain(|call| !call.path.is_empty()));
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if until.is_over(n) {
                return Ok(tally);
            }
            let draw = Draw::new(seed).part(usize::try_from(n)?);
            let (bench, calls) = &benches[draw.below(benches.len())];
            let pair = Pair::draw(calls, &draw).context("a life with fewer than two calls")?;
            let context = || format!("pair {n}, beginning {:?}: {pair:?}", bench.beginning);
            tally += pair.run(bench, calls).with_context(context)?;
            done.fetch_add(1, Ordering::Relaxed);
        }
    })?;
    Ok((done.into_inner(), tally))
}

/// Two calls, in the order in which they came without a fault, and what befalls each.
#[derive(Debug)]
struct Pair<'a> {
    first: (&'a Call, Fault),
    second: (&'a Call, Fault),
}

impl<'a> Pair<'a> {
    fn draw(calls: &'a [Call], draw: &Draw) -> Option<Self> {
        loop {
            let before = draw.below(calls.len().checked_sub(1)?);
            // Mostly close by: after a failed write or sync not much comes any more.
            let ahead = if draw.once_in(3) { calls.len() - before - 1 } else { 8 };
            let Some(second) = calls.get(before + 1 + draw.below(ahead)) else { continue };
            let first = calls.get(before)?;
            let fault = |call: &Call| draw.of(&Fault::all(&call.name));
            let (first, second) = ((first, fault(first)?), (second, fault(second)?));
            // Behind a kill nothing comes; and one name takes one sort of error.
            let names_differ = first.0.name != second.0.name;
            let alike =
                matches!((first.1, second.1), (Fault::Error(one), Fault::Error(other)) if one == other);
            let same_thread = first.0.thread == second.0.thread;
            if first.1 != Fault::Kill && (names_differ || alike && same_thread) {
                return Some(Self { first, second });
            }
        }
    }

    /// A life with both.
    fn run(&self, bench: &Bench, calls: &[Call]) -> anyhow::Result<Tally> {
        let ((first, one), (second, other)) = (self.first, self.second);
        let paths = [first.path.as_str(), second.path.as_str()];
        // Calls are counted over both files.
        let nth = |call: &Call| {
            let counts = |known: &&Call| {
                (&known.name, &known.thread) == (&call.name, &call.thread)
                    && paths.contains(&known.path.as_str())
            };
            let before = calls.iter().take_while(|known| *known != call).filter(counts).count();
            u32::try_from(before + 1)
        };
        let injections = if first.name == second.name {
            let (a, b) = (nth(first)?, nth(second)?);
            let Fault::Error(error) = one else { anyhow::bail!("one name with two sorts of faults") };
            ensure!(a < b, "the second call is before the first");
            vec![(first.name.as_str(), format!("error={error}:when={a}..{b}+{}", b - a))]
        } else {
            let both = [(first, one), (second, other)];
            let injection = |(call, fault): (&'a Call, Fault)| -> anyhow::Result<(&'a str, String)> {
                Ok((call.name.as_str(), fault.injection(nth(call)?)))
            };
            both.into_iter().map(injection).collect::<anyhow::Result<_>>()?
        };
        let (mut history, _, log) = bench.live(&paths, &injections)?;
        let injected = |name: &str| {
            let call = format!(" {name}");
            log.lines().filter(|line| line.contains("(INJECTED)") && line.contains(&call)).count()
        };
        let came = match first.name == second.name {
            true => injected(&first.name) > 1,
            false => {
                let killed = other == Fault::Kill && history.tally.kills > 0;
                injected(&first.name) > 0 && (killed || injected(&second.name) > 0)
            }
        };
        history.tally.faults = u64::from(came);
        history.check(Loss::Nothing)?;
        history.settle()?;
        Ok(history.tally)
    }
}

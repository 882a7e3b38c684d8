//! What a store says of damage, and whether that is right.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use causelog::{MemoryStorage, Position, Store, inspect_index_files, verify, verify_against};

use crate::matrix::changes::{Case, cases};
use crate::matrix::expected;
use crate::matrix::reading::{read, write_on};
use crate::matrix::said::{Said, rank};
use crate::matrix::samples::{Files, Left, Sample, environment};
use crate::rescue::{By, Salvaged, Whole};

/// Counts by what happened, to which sort of file, and what was said.
pub type Table = BTreeMap<(&'static str, String, &'static str), u64>;

/// What came of the cases of one store.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// By class, file and verdict.
    pub table: Table,
    /// All cases.
    pub cases: u64,
    /// Those in which something was said of the log.
    pub detected: u64,
    /// Those in which an index file was named as of no use, and nothing was said of the log.
    pub derived: u64,
    /// Those in which nothing readable had changed, and nothing was said.
    pub unchanged: u64,
    /// Those in which the end is missing, and nothing in the files can show it.
    pub untold: u64,
    /// What could still be had.
    pub salvaged: Salvaged,
}

/// Everything that is said of a damaged store.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// By a verification, the worst first.
    pub(crate) findings: Vec<Said>,
    /// By a verification, of an end that nothing shows to have been synced.
    pub(crate) torn: Option<Said>,
    /// By an open or by a read.
    pub(crate) reader: Option<Said>,
    /// By a look at the index files.
    pub(crate) derived: Vec<Said>,
    /// The end is missing, and nothing in the files can show it.
    pub(crate) untold: bool,
}

/// Goes through the cases of a store, one of `threads` shares of them; the first that is judged wrong is an error.
///
/// # Errors
/// A wrong answer, a wrong verdict, a loss that nobody is told of, a panic.
pub fn run(sample: &Sample, step: usize, share: usize, threads: usize) -> Result<Tally> {
    let whole = Whole::new(&sample.files, sample.events.clone())?;
    let mut tally = Tally::default();
    for (n, case) in cases(sample, step).iter().enumerate().skip(share).step_by(threads.max(1)) {
        let files = case.apply(&sample.files);
        let by = if case.class() == "forged" { By::Forger } else { By::Accident };
        let judged = catch_unwind(AssertUnwindSafe(|| {
            tally.salvaged += whole.judge(&files, by)?;
            let told = look(sample, case, &files, n)?;
            expected::check(sample, case, &files, &told)?;
            Ok(told.verdict(sample))
        }));
        let shown = || format!("{}: {} {:?}", sample.left.name(), case.file, brief(case));
        let verdict = match judged {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(error)) => return Err(anyhow::Error::context(error, shown())),
            Err(_) => bail!("{}: it panicked", shown()),
        };
        tally.add(case, verdict);
    }
    Ok(tally)
}

/// How many cases there are.
#[must_use]
pub fn count(sample: &Sample, step: usize) -> usize {
    cases(sample, step).len()
}

fn brief(case: &Case) -> String {
    format!("{:?}", case.change).chars().take(100).collect()
}

/// Verifies, opens, reads and writes on.
fn look(sample: &Sample, case: &Case, files: &Files, n: usize) -> Result<Told> {
    let disk = MemoryStorage::from_files(files.clone());
    let mut told = verified(sample, &disk)?;
    if case.class() == "forged" && !case.place().contains("slot") {
        return Ok(told);
    }
    let opened = Store::options().open_read_only_in(environment(&disk, 7));
    ensure!(disk.files() == *files, "an open or a verification has changed the files");
    let mut served = None;
    match &opened {
        Ok(store) => {
            let read = read(sample, store)?;
            let torn = store.report().torn_tail.as_ref().map(Said::torn);
            told.reader = read.said.or(torn);
            served = Some(read.events);
        }
        Err(error) => told.reader = Some(Said::by_open(error)),
    }
    if let Some(said) = &told.reader {
        // Whatever stops a reader, the full walk finds as well.
        let found = !told.findings.is_empty() || told.torn.is_some();
        ensure!(found, "verify finds nothing where a reader is told {said:?}");
    }
    let Some(served) = served else { return Ok(told) };
    if n.is_multiple_of(16) || !matches!(case.class(), "bit flipped" | "byte zeroed" | "truncated") {
        write_on(sample, files, served)?;
    }
    let silent = told.findings.is_empty() && told.torn.is_none() && told.reader.is_none();
    if silent && served < sample.events.len() {
        let at = Position(u64::try_from(served)?);
        ensure!(
            sample.left != Left::CutKept
                && (at >= sample.proven(files) || case.class() == "directory rolled back"),
            "events from position {at} on are missing, and nobody is told"
        );
        told.untold = true;
    }
    Ok(told)
}

/// What a verification says of the log, and a look at the index files of those.
fn verified(sample: &Sample, disk: &MemoryStorage) -> Result<Told> {
    let report = match sample.left {
        Left::CutKept => verify_against(Arc::new(disk.clone()), sample.head),
        _ => verify(Arc::new(disk.clone())),
    };
    let derived = inspect_index_files(Arc::new(disk.clone()))?;
    ensure!(derived.more_findings == 0, "too many index files");
    let mut told = Told { derived: derived.findings.iter().map(Said::derived).collect(), ..Told::default() };
    match report {
        Err(error) => told.findings.push(Said::by_log(&error)),
        Ok(mut report) => {
            report.findings.sort_by_key(|finding| rank(&finding.kind));
            told.findings = report.findings.iter().map(Said::finding).collect();
            told.torn = report.torn_tail.as_ref().map(Said::torn);
        }
    }
    Ok(told)
}

impl Told {
    /// The worst of it; of index files what was not said of them before the damage.
    fn verdict(&self, sample: &Sample) -> &'static str {
        let torn = self.torn.as_ref();
        let derived = self.derived.iter().find(|said| !sample.derived.contains(said));
        match self.findings.first().or(torn).or(self.reader.as_ref()) {
            Some(said) => said.name,
            None if self.untold => "cannot be told",
            None => derived.map_or("unchanged", |said| said.name),
        }
    }
}

impl Tally {
    fn add(&mut self, case: &Case, verdict: &'static str) {
        self.cases += 1;
        *match verdict {
            "unchanged" => &mut self.unchanged,
            "cannot be told" => &mut self.untold,
            derived if derived.starts_with("derived_") => &mut self.derived,
            _ => &mut self.detected,
        } += 1;
        *self.table.entry((case.class(), case.place(), verdict)).or_default() += 1;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cases, detected, derived, unchanged, untold, salvaged, .. } = self;
        write!(
            f,
            "{cases} cases: {detected} detected, {derived} index files named as of no use, {unchanged} changed nothing \
             readable, {untold} cannot be told; 0 wrong, 0 silent, 0 panics; {salvaged}"
        )
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.cases += other.cases;
        self.detected += other.detected;
        self.derived += other.derived;
        self.unchanged += other.unchanged;
        self.untold += other.untold;
        self.salvaged += other.salvaged;
        for (key, count) in other.table {
            *self.table.entry(key).or_default() += count;
        }
    }
}

//! What a store says of damage, and whether that is right.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use causelog::{
    Event, FindingKind, LogError, MemoryStorage, NewEvent, OpenError, Position, ReadError, Region, Store,
    VerifyReport, verify, verify_against,
};

use crate::matrix::changes::{Case, cases};
use crate::matrix::samples::{Files, Left, SEGMENT_BYTES, Sample, environment};
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
    /// Those in which something was said.
    pub detected: u64,
    /// Those in which nothing readable had changed, and nothing was said.
    pub unchanged: u64,
    /// Those in which the end is missing, and nothing in the files can show it.
    pub untold: u64,
    /// What could still be had.
    pub salvaged: Salvaged,
}

/// Goes through the cases of a store, one of `threads` shares of them; the first that is judged wrong is an error.
///
/// # Errors
/// A wrong answer, a loss that nobody is told of, a panic.
pub fn run(sample: &Sample, step: usize, share: usize, threads: usize) -> Result<Tally> {
    let whole = Whole::new(&sample.files, sample.events.clone())?;
    let mut tally = Tally::default();
    for (n, case) in cases(sample, step).iter().enumerate().skip(share).step_by(threads.max(1)) {
        let files = case.apply(&sample.files);
        let by = if case.class() == "forged" { By::Forger } else { By::Accident };
        let judged = catch_unwind(AssertUnwindSafe(|| {
            tally.salvaged += whole.judge(&files, by)?;
            judge(sample, case, &files, n)
        }));
        let shown = || format!("{}: {} {:?}", sample.left.name(), case.file, brief(case));
        let verdict = match judged {
            Ok(Ok(verdict)) if may_be(case, verdict) || is_untouched(sample, &files, verdict) => verdict,
            Ok(Ok(verdict)) => bail!("{}: {verdict} is said of it", shown()),
            Ok(Err(error)) => return Err(error.context(shown())),
            Err(_) => bail!("{}: it panicked", shown()),
        };
        tally.cases += 1;
        match verdict {
            "unchanged" => tally.unchanged += 1,
            "cannot be told" => tally.untold += 1,
            _ => tally.detected += 1,
        }
        *tally.table.entry((case.class(), case.place(), verdict)).or_default() += 1;
    }
    Ok(tally)
}

fn brief(case: &Case) -> String {
    format!("{:?}", case.change).chars().take(100).collect()
}

/// Whether zeros have been put on zeros, and nothing is said of it.
fn is_untouched(sample: &Sample, files: &Files, verdict: &str) -> bool {
    *files == sample.files && verdict == "unchanged"
}

/// Whether a verdict is one of those that fit.
fn may_be(case: &Case, verdict: &str) -> bool {
    /// What is said of an end that is not there, by what is known of it.
    const END_GONE: [&str; 4] = ["changed_after_close", "cut_off", "head_cut_off", "cannot be told"];
    /// What is said of bytes.
    const BYTES: [&str; 4] = ["corrupt", "incomplete", "torn_tail", "segment_short"];
    let place = case.place();
    let gone = END_GONE.contains(&verdict);
    let bytes = BYTES.contains(&verdict);
    match (case.class(), place.as_str()) {
        ("forged", _) => verdict != "cannot be told",
        (_, "index") => verdict == "unchanged",
        ("directory rolled back", _) => gone || verdict == "unchanged",
        ("duplicated", "segment") => verdict == "segment_misnamed",
        ("renamed", "segment") => matches!(verdict, "segment_misnamed" | "segment_missing"),
        ("deleted", "segment") => gone || verdict == "segment_missing",
        ("deleted", "store") => verdict == "identity_missing",
        ("deleted", "closed") => matches!(verdict, "unchanged" | "torn_tail"),
        ("of another store", "segment" | "store" | "closed") => verdict == "segment_foreign",
        (_, "store" | "closed") => matches!(verdict, "corrupt" | "incomplete"),
        (_, "lock") => bytes || verdict == "unchanged",
        // Zeros on zeros, bytes behind the end, a copy from after the last event.
        (_, "segment") => bytes || gone || verdict == "unchanged",
        _ => false,
    }
}

/// What was read of a store.
struct Served {
    /// How many events, from the first on.
    events: usize,
    /// What stopped the reading.
    said: Option<&'static str>,
}

/// What nothing rests on that a forger could gain by: which opening wrote a group, up to where it knew of a sync,
/// when the store was made.
const FREE: [&str; 3] = ["group header: epoch", "group header: synced_to", "store: created_ms"];

fn judge(sample: &Sample, case: &Case, files: &Files, n: usize) -> Result<&'static str> {
    let disk = MemoryStorage::from_files(files.clone());
    let report = match sample.left {
        Left::CutKept => verify_against(Arc::new(disk.clone()), sample.head),
        _ => verify(Arc::new(disk.clone())),
    };
    if case.class() == "forged" {
        let said = said_by_verify(&report);
        let free = FREE.contains(&case.place().as_str());
        ensure!(said.is_some() || free, "{}: verify finds nothing", case.place());
        return Ok(said.unwrap_or("unchanged"));
    }
    let opened = Store::options().open_read_only_in(environment(&disk, 7));
    ensure!(disk.files() == *files, "an open or a verification has changed the files");
    let verified = said_by_verify(&report);
    let (served, said) = match &opened {
        Ok(store) => {
            let served = read(sample, store)?;
            let torn = store.report().torn_tail.as_ref().map(|_| "torn_tail");
            let said = served.said.or(torn);
            (Some(served), said)
        }
        Err(error) => (None, Some(said_by_open(error))),
    };
    if case.is_derived() {
        ensure!(said.is_none() && verified.is_none(), "a derived file stops {said:?} {verified:?}");
    }
    if sample.left != Left::CutKept || said.is_some() {
        // Whatever stops a reader, the full walk finds as well.
        ensure!(said.is_none() || verified.is_some(), "verify finds nothing where a reader is told {said:?}");
    }
    let Some(served) = served else { return Ok(verified.or(said).unwrap_or("unchanged")) };
    if n.is_multiple_of(16) || !matches!(case.class(), "bit flipped" | "byte zeroed" | "truncated") {
        write_on(sample, files, served.events)?;
    }
    if let Some(said) = verified.or(said) {
        return Ok(said);
    }
    let whole = served.events == sample.events.len();
    if whole {
        return Ok("unchanged");
    }
    let at = Position(u64::try_from(served.events)?);
    ensure!(
        sample.left != Left::CutKept
            && (at >= sample.proven(files) || case.class() == "directory rolled back"),
        "events from position {at} on are missing, and nobody is told"
    );
    Ok("cannot be told")
}

/// What a verification says: damage first, then a torn tail.
fn said_by_verify(report: &Result<VerifyReport, LogError>) -> Option<&'static str> {
    match report {
        Err(error) => Some(said_by_log(error)),
        Ok(report) => {
            let worst = report.findings.iter().map(|finding| &finding.kind).min_by_key(|kind| rank(kind));
            worst.map(FindingKind::name).or(report.torn_tail.as_ref().map(|_| "torn_tail"))
        }
    }
}

/// A head that does not fit says less than what is wrong.
fn rank(kind: &FindingKind) -> u8 {
    match kind {
        FindingKind::Damage(_) => 0,
        FindingKind::HeadCutOff { .. } | FindingKind::HeadChanged(_) | FindingKind::HeadUnreadable(_) => 2,
        _ => 1,
    }
}

fn said_by_open(error: &OpenError) -> &'static str {
    match error {
        OpenError::Log(error) => said_by_log(error),
        _ => "other",
    }
}

fn said_by_log(error: &LogError) -> &'static str {
    match error {
        LogError::Damaged(damage) => damage.kind.name(),
        LogError::NotAStore { .. } => "not_a_store",
        _ => "other",
    }
}

/// Reads everything in every way. What comes must be what was appended.
fn read(sample: &Sample, store: &Store) -> Result<Served> {
    let mut served = Served { events: 0, said: None };
    for event in store.read(Region::all().with_library_events()) {
        match event {
            Ok(event) => {
                check(sample, served.events, &event)?;
                served.events += 1;
            }
            Err(error) => {
                served.said = Some(said_by_read(&error));
                break;
            }
        }
    }
    for (position, known) in sample.events.iter().enumerate() {
        match store.get(known.header.id) {
            Ok(Some(event)) => check(sample, position, &event)?,
            Ok(None) => {
                ensure!(position >= served.events || served.said.is_some(), "{position} is not found by id");
            }
            Err(error) => served.said = served.said.or(Some(said_by_read(&error))),
        }
    }
    for event in &sample.events {
        let stream = &event.header.coordinate;
        match store.head(stream) {
            Ok(Some(head)) => {
                let known = sample.events.iter().find(|known| known.header.position == head.position);
                ensure!(known.is_some_and(|known| known.hash() == head.hash), "a wrong head of {stream}");
            }
            Ok(None) => {}
            Err(error) => served.said = served.said.or(Some(said_by_read(&error))),
        }
    }
    Ok(served)
}

fn check(sample: &Sample, position: usize, event: &Event) -> Result<()> {
    ensure!(sample.events.get(position) == Some(event), "another event is served at position {position}");
    Ok(())
}

fn said_by_read(error: &ReadError) -> &'static str {
    match error {
        ReadError::Log(error) => said_by_log(error),
        ReadError::PayloadChanged { .. } => "payload_changed",
        ReadError::Lost { .. } => "lost",
        _ => "stale",
    }
}

/// A writer that opens it adds to what a reader is served, and takes nothing away.
fn write_on(sample: &Sample, files: &Files, served: usize) -> Result<()> {
    let disk = MemoryStorage::from_files(files.clone());
    let options = || Store::options().segment_bytes(SEGMENT_BYTES);
    let Ok(store) = options().open_in(environment(&disk, 8)) else { return Ok(()) };
    let Some(first) = sample.events.first() else { bail!("the sample is empty") };
    let event = NewEvent::new(&first.header.coordinate, first.header.kind, "on")?;
    let Ok(receipt) = store.append(event) else { return Ok(()) };
    store.close()?;
    let store = options().open_in(environment(&disk, 9))?;
    let again = read_prefix(sample, &store, served)?;
    ensure!(again == served, "a writer has made {again} events of {served}");
    ensure!(receipt.position.0 >= u64::try_from(served)?, "a position is given twice");
    ensure!(store.get(receipt.id)?.is_some(), "what was appended is not there");
    Ok(())
}

/// How many of the first events are still what they were.
fn read_prefix(sample: &Sample, store: &Store, served: usize) -> Result<usize> {
    let mut same = 0;
    for event in store.read(Region::all().with_library_events()).take(served) {
        let Ok(event) = event else { break };
        check(sample, same, &event)?;
        same += 1;
    }
    Ok(same)
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.cases += other.cases;
        self.detected += other.detected;
        self.unchanged += other.unchanged;
        self.untold += other.untold;
        self.salvaged += other.salvaged;
        for (key, count) in other.table {
            *self.table.entry(key).or_default() += count;
        }
    }
}

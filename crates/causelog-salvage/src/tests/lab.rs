//! Stores to be damaged, and what their salvage must give.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use causelog::{
    Coordinate, Event, EventId, EventKind, MemoryStorage, NewEvent, Options, Query, Region, Store, verify,
};
use causelog_io::{Environment, ManualClock, SeededRandom};
use causelog_segment::open_reader;
use causelog_types::{Position, StoreHead};

use crate::{Salvage, SalvageError, SalvageReport};

/// A store before it is damaged: its files, its events, and where its groups stand.
pub(super) struct Whole {
    pub(super) files: Vec<(String, Vec<u8>)>,
    pub(super) events: Vec<Event>,
    pub(super) groups: Vec<Placed>,
    pub(super) head: StoreHead,
}

/// Where a group stands.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) file: String,
    pub(super) bytes: Range<usize>,
    pub(super) positions: Range<u64>,
}

static OPENS: AtomicU64 = AtomicU64::new(1);

pub(super) fn environment(storage: &MemoryStorage) -> Environment {
    Environment {
        storage: Arc::new(storage.clone()),
        clock: Arc::new(ManualClock::new(1_700_000_000_000)),
        random: Arc::new(SeededRandom::new(OPENS.fetch_add(1, Ordering::SeqCst))),
    }
}

pub(super) fn open(storage: &MemoryStorage) -> Store {
    Options::default().segment_bytes(4096).open_in(environment(storage)).unwrap()
}

/// The n-th event: of one of three streams, caused by the two before it, some with tags.
fn event(n: u64, bytes: usize) -> NewEvent {
    let stream =
        Coordinate::new(["door:1", "lamp:2", "siren"][usize::try_from(n % 3).unwrap()], "home").unwrap();
    let causes = (n.saturating_sub(2)..n).map(|cause| EventId::from_u128(u128::from(cause) + 100));
    let event = NewEvent::new(&stream, EventKind::of::<0x1001>(), &(n, "x".repeat(bytes))).unwrap();
    let event = event.with_id(EventId::from_u128(u128::from(n) + 100)).caused_by(causes).unwrap();
    if n.is_multiple_of(2) { event.with_tags(["even"]).unwrap() } else { event }
}

impl Whole {
    /// A store of groups of so many events each, with payloads of so many bytes.
    pub(super) fn new(groups: &[usize], bytes: usize, closed: bool) -> Self {
        let disk = MemoryStorage::new();
        let store = open(&disk);
        let mut numbers = 0_u64..;
        for count in groups {
            let batch: Vec<NewEvent> = numbers.by_ref().take(*count).map(|n| event(n, bytes)).collect();
            store.append_batch(batch).unwrap();
        }
        let head = store.end();
        let disk = match closed {
            true => {
                store.close().unwrap();
                disk
            }
            false => {
                let killed = disk.kill();
                drop(store);
                killed
            }
        };
        let files = disk.files();
        let (log, snapshot, _) = open_reader(&environment(&disk.kill())).unwrap();
        let groups = log.groups(&snapshot, Position(0)).map(|group| {
            let group = group.unwrap();
            let start = usize::try_from(group.location.offset.0).unwrap();
            Placed {
                file: format!("{:020}.seg", group.location.segment.0),
                bytes: start..start + usize::try_from(group.location.bytes).unwrap(),
                positions: group.header.base.0..group.header.next().0,
            }
        });
        Self { groups: groups.collect(), events: events(&disk.kill()), files, head }
    }

    /// Three segments of four or five groups, some of several events.
    pub(super) fn usual(closed: bool) -> Self {
        Self::new(&[1, 2, 1, 3, 1, 1, 2, 1, 4, 1, 1, 1], 500, closed)
    }

    pub(super) fn disk(&self) -> MemoryStorage {
        MemoryStorage::from_files(self.files.clone())
    }

    pub(super) fn copied(&self) -> Self {
        Self {
            files: self.files.clone(),
            events: self.events.clone(),
            groups: self.groups.clone(),
            head: self.head,
        }
    }

    /// The files with one changed, or taken away.
    pub(super) fn with(&self, name: &str, change: impl FnOnce(&mut Vec<u8>) -> bool) -> Self {
        let mut copied = self.copied();
        let at = copied.files.iter().position(|(found, _)| found == name).unwrap();
        if !change(&mut copied.files[at].1) {
            copied.files.remove(at);
        }
        copied
    }

    pub(super) fn flipped(&self, name: &str, at: usize) -> Self {
        self.with(name, |bytes| {
            bytes[at] ^= 0x10;
            true
        })
    }

    pub(super) fn without(&self, name: &str) -> Self {
        self.with(name, |_| false)
    }

    pub(super) fn segments(&self) -> Vec<String> {
        self.files.iter().map(|(name, _)| name.clone()).filter(|name| name.ends_with(".seg")).collect()
    }
}

/// All events of a directory.
pub(super) fn events(disk: &MemoryStorage) -> Vec<Event> {
    all(&Options::default().open_read_only_in(environment(disk)).unwrap())
}

/// All events, the library's too, over any gap.
pub(super) fn all(store: &Store) -> Vec<Event> {
    let everything = Query::new(Region::all().with_library_events()).over_gaps();
    store.read(everything).collect::<Result<_, _>>().unwrap()
}

/// Salvages, and holds that the damaged directory is as it was.
pub(super) fn salvage(whole: &Whole) -> Result<(MemoryStorage, SalvageReport), SalvageError> {
    let (damaged, new) = (whole.disk(), MemoryStorage::new());
    let report = Salvage::read(Arc::new(damaged.clone()))?.write(&environment(&new))?;
    assert_eq!((damaged.mutations(), damaged.files()), (0, whole.files.clone()));
    Ok((new, report))
}

/// That just these positions are lost, and that everything else is there as it was; what a salvage said.
#[track_caller]
pub(super) fn check(whole: &Whole, lost: &[Range<u64>]) -> SalvageReport {
    let (new, report) = salvage(whole).unwrap();
    let told: Vec<Range<u64>> = report.lost.iter().map(|gap| gap.start.0..gap.end.0).collect();
    assert_eq!(told, lost, "{:?}", report.findings);
    let is_lost = |event: &&Event| lost.iter().any(|gap| gap.contains(&event.header.position.0));
    let kept: Vec<Event> = whole.events.iter().filter(|event| !is_lost(event)).cloned().collect();
    assert_eq!(events(&new), kept);
    assert_eq!(report.events, u64::try_from(kept.len()).unwrap());
    let found = verify(Arc::new(new.kill())).unwrap();
    assert!(found.is_sound(), "{:?}", found.findings);
    assert_eq!((found.head, found.events, found.lost), (report.head, report.events, report.lost_events()));
    check_read_only(whole, &report, &kept);
    check_goes_on(&new, &report, &kept);
    report
}

/// That the damaged store itself serves the same read-only, and says what is wrong.
fn check_read_only(whole: &Whole, report: &SalvageReport, kept: &[Event]) {
    let damaged = whole.disk();
    let store = Options::default().open_damaged_in(environment(&damaged)).unwrap();
    assert_eq!((&store.gaps().unwrap(), store.end()), (&report.lost, report.head));
    let damage: Vec<String> = store.report().damage.iter().map(ToString::to_string).collect();
    assert!(damage.iter().all(|damage| report.findings.iter().any(|found| found.to_string() == *damage)));
    assert_eq!(store.report().torn_tail, report.torn_tail);
    assert_eq!(all(&store), kept);
    for event in kept {
        assert_eq!(store.get(event.header.id).unwrap().as_ref(), Some(event));
    }
    // Spec: VERIFY-5
    let compared = store.compare_index().unwrap();
    assert!(compared.questions > 0 && compared.findings.is_empty(), "{:?}", compared.findings);
    drop(store);
    assert_eq!((damaged.mutations(), damaged.files()), (0, whole.files.clone()));
}

/// That the new store takes appends behind its end, and verifies after them.
fn check_goes_on(new: &MemoryStorage, report: &SalvageReport, kept: &[Event]) {
    let store = open(new);
    assert_eq!((store.end(), store.id()), (report.head, report.store));
    assert_eq!(store.gaps().unwrap(), report.lost);
    let stream = Coordinate::new("door:1", "home").unwrap();
    let last = kept.iter().rfind(|event| event.header.coordinate == stream);
    let due = last.map_or(0, |last| last.header.revision.0 + 1);
    for n in 0..3 {
        let appended =
            store.append(NewEvent::new(&stream, EventKind::of::<0x1001>(), "on").unwrap()).unwrap();
        assert_eq!((appended.position.0, appended.revision.0), (report.head.position.0 + n, due + n));
    }
    store.close().unwrap();
    let found = verify(Arc::new(new.kill())).unwrap();
    assert!(found.is_sound(), "{:?}", found.findings);
    // What index files say is what frames say.
    let by_files = events(new);
    let bare = new.files().into_iter().filter(|(name, _)| !name.ends_with(".idx")).collect();
    assert_eq!(by_files, events(&MemoryStorage::from_files(bare)));
}

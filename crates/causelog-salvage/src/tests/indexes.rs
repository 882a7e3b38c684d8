//! Index files beside gaps: what is made again of one says the same of streams whose beginnings are lost.

use std::collections::BTreeSet;

use causelog::{Counts, MemoryStorage, Options, Store};
use causelog_wire::layout::INDEX_BLOCK_BYTES;

use super::lab::{Whole, all, environment, open, salvage};

/// What happens to an index file.
#[derive(Clone, Copy, Debug)]
enum Harm {
    Gone,
    Header,
    /// Every block behind the header: seen by the first question that reads one.
    Blocks,
}

impl Harm {
    fn done_to(self, bytes: &mut [u8]) -> bool {
        let places = match self {
            Self::Gone => return false,
            Self::Header => 8..9,
            Self::Blocks => INDEX_BLOCK_BYTES + 8..bytes.len(),
        };
        places.step_by(INDEX_BLOCK_BYTES).for_each(|at| bytes[at] ^= 0x10);
        true
    }
}

/// A salvaged store that has lost these groups of twenty, with all that it has left in index files.
fn salvaged(lost: &[usize]) -> Whole {
    let mut whole = Whole::new(&[1; 20], 500, true);
    for group in lost {
        let group = whole.groups[*group].clone();
        whole = whole.flipped(&group.file, group.bytes.start + 50);
    }
    let (new, report) = salvage(&whole).unwrap();
    assert_eq!(report.lost_events(), u64::try_from(lost.len()).unwrap());
    open(&new).close().unwrap();
    Whole { files: new.files(), ..whole }
}

/// The directory with this done to some of its index files, by their places.
fn harmed(whole: &Whole, files: u32, harm: Harm) -> MemoryStorage {
    let mut place = 0;
    let mut kept = whole.files.clone();
    kept.retain_mut(|(name, bytes)| {
        if !name.ends_with(".idx") {
            return true;
        }
        place += 1;
        files >> (place - 1) & 1 == 0 || harm.done_to(bytes)
    });
    MemoryStorage::from_files(kept)
}

/// How many events and streams there are, by a scan of the log.
fn scanned(whole: &Whole) -> Counts {
    let bare = whole.files.iter().filter(|(name, _)| !name.ends_with(".idx")).cloned().collect();
    let events = super::lab::events(&MemoryStorage::from_files(bare));
    let streams: BTreeSet<String> = events.iter().map(|event| event.header.coordinate.to_string()).collect();
    Counts { events: u64::try_from(events.len()).unwrap(), streams: u64::try_from(streams.len()).unwrap() }
}

/// The question that comes first decides which file is made again first.
const FIRST: [fn(&Store, &Whole); 3] = [
    |_, _| (),
    |store, whole| {
        let last = &whole.events[19];
        assert_eq!(store.get(last.header.id).unwrap().as_ref(), Some(last));
    },
    |store, whole| {
        for event in &whole.events[17..] {
            let head = store.head(&event.header.coordinate).unwrap().unwrap();
            assert_eq!(head.position, event.header.position);
        }
    },
];

#[track_caller]
fn check(whole: &Whole, disk: &MemoryStorage, first: fn(&Store, &Whole), due: Counts) {
    for store in [Options::default().open_read_only_in(environment(disk)).unwrap(), open(disk)] {
        first(&store, whole);
        assert_eq!(store.counts().unwrap(), due);
        assert_eq!(u64::try_from(all(&store).len()).unwrap(), due.events);
        let compared = store.compare_index().unwrap();
        assert!(compared.findings.is_empty(), "{:?}", compared.findings);
    }
    // What the writer has made again.
    assert_eq!(open(disk).counts().unwrap(), due);
}

/// Any of the files, any two and all of them, found to be of no use at the open or by a question.
///
/// Spec: INDEX-10, INDEX-11, STORE-5
#[test]
fn what_is_made_again_beside_a_gap_counts_the_same() {
    for lost in [&[0, 1][..], &[9], &[0, 6, 7, 14]] {
        let whole = salvaged(lost);
        let files = whole.files.iter().filter(|(name, _)| name.ends_with(".idx")).count();
        assert!((3..=6).contains(&files), "{files} index files");
        let due = scanned(&whole);
        assert_eq!((due.events, due.streams), (20 - u64::try_from(lost.len()).unwrap(), 3));
        let all = (1_u32 << files) - 1;
        for which in (1..all).filter(|which| which.count_ones() <= 2).chain([all]) {
            for harm in [Harm::Gone, Harm::Header, Harm::Blocks] {
                for first in FIRST {
                    check(&whole, &harmed(&whole, which, harm), first, due);
                }
            }
        }
    }
}

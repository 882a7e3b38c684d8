//! Tests of the suite itself: it lets pass what the contract allows, and sees what it forbids.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use causelog_types::{Coordinate, EventId, Position, Region};

use super::{Answers, Start, survives_restarts};
use crate::{
    AppliedGroup, Counts, Index, IndexEntry, IndexError, IndexedHead, MemoryIndex, Selection, Watermark,
};

/// An index that does not answer quite what it is asked.
struct Altered {
    index: MemoryIndex,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Selects every event: allowed, as false matches are.
    EveryEvent,
    /// Shows what has been applied, published or not.
    TooNew,
    /// Leaves out the first of several matches.
    Missing,
    /// Applies nothing that it partly knows.
    Overlap,
}

impl Altered {
    fn as_of(&self, as_of: Position) -> Position {
        match self.fault {
            Fault::TooNew => Position(u64::MAX),
            _ => as_of,
        }
    }
}

impl Index for Altered {
    fn watermark(&self) -> Result<Option<Watermark>, IndexError> {
        self.index.watermark()
    }

    fn reset(&self) -> Result<(), IndexError> {
        self.index.reset()
    }

    fn apply(&self, group: &AppliedGroup<'_>) -> Result<(), IndexError> {
        let known = self.index.watermark()?.map(|known| known.next);
        let first = group.events.first().map(|event| event.position);
        match self.fault {
            Fault::Overlap if first < known => Ok(()),
            _ => self.index.apply(group),
        }
    }

    fn heads(
        &self,
        streams: &[&Coordinate],
        as_of: Position,
    ) -> Result<Vec<Option<IndexedHead>>, IndexError> {
        self.index.heads(streams, self.as_of(as_of))
    }

    fn lookup(&self, ids: &[EventId], as_of: Position) -> Result<Vec<Option<IndexEntry>>, IndexError> {
        self.index.lookup(ids, self.as_of(as_of))
    }

    fn select(&self, selection: &Selection<'_>) -> Result<Vec<IndexEntry>, IndexError> {
        let everything = Region::all().with_library_events();
        let region = if self.fault == Fault::EveryEvent { &everything } else { selection.region };
        let as_of = self.as_of(selection.as_of);
        let mut found = self.index.select(&Selection { region, as_of, ..*selection })?;
        if self.fault == Fault::Missing && found.len() > 1 {
            found.remove(0);
        }
        Ok(found)
    }

    fn effects(
        &self,
        cause: EventId,
        from: Position,
        limit: usize,
        as_of: Position,
    ) -> Result<Vec<IndexEntry>, IndexError> {
        self.index.effects(cause, from, limit, self.as_of(as_of))
    }

    fn counts(&self, as_of: Position) -> Result<Counts, IndexError> {
        self.index.counts(self.as_of(as_of))
    }

    fn gaps(&self, as_of: Position) -> Result<Vec<Range<Position>>, IndexError> {
        self.index.gaps(self.as_of(as_of))
    }
}

type Test = fn(fn() -> Altered, Answers);

/// Whether a test of the suite passes an index with a fault.
fn passes(test: Test, make: fn() -> Altered, answers: Answers) -> bool {
    catch_unwind(AssertUnwindSafe(|| test(make, answers))).is_ok()
}

#[test]
fn false_matches_are_allowed_unless_ruled_out() {
    let make = || Altered { index: MemoryIndex::new(), fault: Fault::EveryEvent };
    let tests: [Test; 3] = [super::selects, super::pages, super::follows_scripts];
    for test in tests {
        assert!(passes(test, make, Answers::MayBeFalse));
        assert!(!passes(test, make, Answers::Exact));
    }
    assert!(passes(super::shows_readers_whole_groups, make, Answers::MayBeFalse));
}

#[test]
fn what_is_not_published_must_not_show() {
    let make = || Altered { index: MemoryIndex::new(), fault: Fault::TooNew };
    let tests: [Test; 7] = [
        super::selects,
        super::pages,
        super::finds_heads,
        super::looks_up,
        super::follows_effects,
        super::counts,
        super::follows_scripts,
    ];
    for test in tests {
        assert!(!passes(test, make, Answers::MayBeFalse));
    }
}

#[test]
fn no_match_may_be_missing() {
    let make = || Altered { index: MemoryIndex::new(), fault: Fault::Missing };
    let tests: [Test; 3] = [super::selects, super::pages, super::follows_scripts];
    for test in tests {
        assert!(!passes(test, make, Answers::MayBeFalse));
    }
}

#[test]
fn a_group_known_in_part_must_be_applied() {
    let make = || Altered { index: MemoryIndex::new(), fault: Fault::Overlap };
    assert!(!passes(super::follows_scripts, make, Answers::MayBeFalse));
}

/// Whether the suite passes an index of which restarts leave this.
fn restarts_pass(left: fn(MemoryIndex) -> MemoryIndex) -> bool {
    let open = |_: &mut (), start| match start {
        Start::First => MemoryIndex::new(),
        Start::AfterClose(index) | Start::AfterCrash(index) => left(index),
    };
    catch_unwind(AssertUnwindSafe(|| survives_restarts(|| (), open, Answers::Exact))).is_ok()
}

#[test]
fn a_restart_may_lose_what_the_watermark_does_not_claim() {
    assert!(restarts_pass(|index| index));
    assert!(restarts_pass(|_| MemoryIndex::new()));
    let claims_too_much = |index: MemoryIndex| {
        let claimed = MemoryIndex::new();
        if let Some(after) = index.watermark().unwrap() {
            claimed.apply(&AppliedGroup { events: &[], after }).unwrap();
        }
        claimed
    };
    assert!(!restarts_pass(claims_too_much));
}

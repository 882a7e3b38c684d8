//! Comparing indexes that lie, and some that do not, with their logs.

use std::sync::Arc;

use causelog_types::{Causes, Depth, Root, Tags};

use super::forge::{Forge, id};
use super::indexes::{Answer, Change, Changed};
use crate::{FindingKind, IndexQuestion, IndexReport};

/// Two streams, causes, tags, and a gap in the middle.
fn forge() -> Forge {
    let mut forge = Forge::new();
    let (last, hash) = forge.chain("door", 5);
    let mut forge = forge.gap(3, Root([7; 32]));
    let mut event = forge.event(0, "door", Some((last, hash)));
    event.header.dag.causes = Causes::new([id(1), id(6)]).unwrap();
    event.header.dag.depth = Depth(1);
    event.header.tags = Tags::new(["night"]).unwrap();
    forge.write(&[event]);
    forge.chain("lamp", 2);
    forge
}

fn compared(forge: &Forge, change: Change) -> IndexReport {
    forge.reader(|index| Arc::new(Changed { index, change })).compare_index().unwrap()
}

/// Spec: VERIFY-5, READ-5
#[test]
fn an_index_that_answers_as_the_log_does_is_right() {
    let forge = forge();
    // Counts, gaps, 8 ids, 8 events and one lost cause with effects, 2 heads, 2 entities, a scope, a kind, a tag, and
    // all in both directions.
    let due = IndexReport { questions: 2 + 8 + 9 + 2 + 5 + 2, findings: Vec::new() };
    assert_eq!(forge.reader(|index| Arc::new(index)).compare_index().unwrap(), due);
    // What the contract allows is no difference.
    for change in [Change::FalseMatches, Change::NoHashes] {
        assert_eq!(compared(&forge, change), due, "{change:?}");
    }
    assert!(
        forge.reader(|index| Arc::new(Changed { index, change: Change::Fails })).compare_index().is_err()
    );
}

/// Spec: VERIFY-5
#[test]
fn every_wrong_answer_is_found() {
    let forge = forge();
    let first = |answer| {
        let report = compared(&forge, Change::Wrong(answer));
        let FindingKind::IndexDiffers(question) = report.findings[0].kind.clone() else { panic!() };
        assert_eq!(report.findings[0].kind.name(), "index_differs");
        (question, report.findings.len())
    };
    assert_eq!(first(Answer::Counts), (IndexQuestion::Counts, 1));
    assert_eq!(first(Answer::Gaps), (IndexQuestion::Gaps, 1));
    assert_eq!(first(Answer::Lookups), (IndexQuestion::Event(id(0)), 1));
    assert_eq!(first(Answer::Effects), (IndexQuestion::Effects(id(1)), 2));
    assert_eq!(first(Answer::Selections), (IndexQuestion::Entity("door".into()), 7));
    assert!(matches!(first(Answer::Heads), (IndexQuestion::Head(_), 2)));
    assert_eq!(compared(&forge, Change::WrongPlaces).findings.len(), 8 + 7);
}

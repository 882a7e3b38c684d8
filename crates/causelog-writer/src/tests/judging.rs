//! The judge alone, with several commands in one group.

use causelog_index::{Index, MemoryIndex};
use causelog_io::MemoryStorage;
use causelog_segment::{AppenderSettings, open_writer};
use causelog_types::{ExpectedRevision, Position, limits};

use super::helpers::{command, environment, event};
use crate::error::AppendErrorKind;
use crate::judge::{Judge, StagedGroup, Verdict};

/// A command that is refused half-way leaves the group as it was.
///
/// Spec: COND-5, GROUP-10
#[test]
fn a_refused_command_leaves_nothing_in_the_group() {
    let (log, snapshot, _, _) =
        open_writer(&environment(&MemoryStorage::new()), AppenderSettings::default()).unwrap();
    let index = MemoryIndex::new();
    let mut judge = Judge {
        index: &index,
        frames: &mut log.frames(&snapshot),
        committed: Position(0),
        hlc: snapshot.end.hlc,
        now_ms: 5,
        frame_bytes_max: limits::FRAME_BYTES_DEFAULT,
    };
    let mut group = StagedGroup::default();
    let empty = group.buffer.len();
    let fails = vec![event(1, "x"), event(2, "x"), event(3, "x").expecting(ExpectedRevision::Empty)];
    let Err(refused) = judge.judge(&command(fails), &mut group) else { panic!("it was staged") };
    assert!(matches!(refused, AppendErrorKind::WrongRevision { index: 2, .. }), "{refused}");
    assert_eq!((group.events.len(), group.buffer.frames().len(), group.buffer.len()), (0, 0, empty));
    let Ok(Verdict::Staged) = judge.judge(&command(vec![event(4, "x")]), &mut group) else {
        panic!("it was not staged")
    };
    let staged = &group.events;
    assert_eq!((staged.len(), staged[0].header.position, staged[0].start), (1, Position(0), empty));
    assert_eq!(index.watermark().unwrap(), None);
}

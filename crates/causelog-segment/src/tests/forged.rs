//! Groups whose checksums fit, but which break a rule: at the end of the log they are not served, and before it
//! they are damage.

use causelog_types::{Position, Root};
use causelog_wire::{GroupBuffer, GroupMeta};

use super::support::*;
use crate::{DamageKind, open_reader};

/// What a forger can choose.
struct Forged {
    group: GroupBuffer,
    meta: GroupMeta,
    /// What is changed in the group's header, whose checksum is then mended.
    edit: fn(&mut [u8]),
}

/// A store with one group, and one that was forged behind it; what `inspect` finds when it is sealed.
fn with_forged(forge: impl FnOnce(&mut Forged)) -> (Store, Vec<DamageKind>) {
    let store = Store::new();
    store.append_and_drop(&["a"]);
    let end = open_reader(&store.environment).unwrap().1.end;
    let salt = store.segment_header(1).salt;
    let meta = GroupMeta { epoch: 1, base: Position(1), root_before: end.root, synced_to: Position(1) };
    let mut forged = Forged { group: group(Position(1), &["b", "c"]).0, meta, edit: |_| {} };
    forge(&mut forged);
    let mut bytes = forged.group.seal(salt, end.offset, &forged.meta).unwrap().to_vec();
    (forged.edit)(&mut bytes[..112]);
    mend(&mut bytes[..112], salt, end.offset.0);
    let at = usize::try_from(end.offset.0).unwrap();
    let store = store.edited(&segment(1), |content| content[at..at + bytes.len()].copy_from_slice(&bytes));

    // A successor that records it makes it part of the log.
    let sealed = store.edited(&segment(1), |content| content.truncate(at + bytes.len()));
    let mut header = store.segment_header(1);
    header.number.0 = 2;
    header.base = Position(3);
    header.previous = Some(causelog_wire::Predecessor {
        number: causelog_types::SegmentNumber(1),
        length: end.offset.0 + u64::try_from(bytes.len()).unwrap(),
        root: header.base_root,
    });
    let sealed = sealed.with_file(&segment(2), Some(header.encode().to_vec()));
    let findings = sealed.inspect().findings.into_iter().map(|found| found.kind).collect();
    (store, findings)
}

fn check(forge: impl FnOnce(&mut Forged), is_expected: fn(&DamageKind) -> bool) {
    let (store, findings) = with_forged(forge);
    assert_eq!(store.texts(), ["a"]);
    assert!(store.report().torn_tail.is_some());
    assert!(is_expected(&findings[0]), "{findings:?}");
}

#[test]
fn the_forger_s_tools_make_a_right_group() {
    let (store, findings) = with_forged(|_| {});
    assert_eq!(store.texts(), ["a", "b", "c"]);
    // Only the root that the successor records is not its own.
    assert_eq!(findings[0], DamageKind::RootBroken(Position(3)));
}

#[test]
fn a_group_stands_at_the_position_and_root_that_are_due() {
    // Spec: GROUP-5, GROUP-1
    check(
        |forged| forged.meta.base = Position(2),
        |kind| matches!(kind, DamageKind::OutOfOrder { expected: Position(1), found: Position(2) }),
    );
    check(
        |forged| forged.meta.root_before = Root([1; 32]),
        |kind| matches!(kind, DamageKind::RootBroken(Position(1))),
    );
    check(
        |forged| forged.edit = |header| header[80] ^= 1,
        |kind| matches!(kind, DamageKind::RootBroken(Position(3))),
    );
}

#[test]
fn the_frames_of_a_group_are_as_many_and_where_its_header_says() {
    // Spec: GROUP-3
    check(|forged| forged.edit = |header| header[12] = 1, |kind| matches!(kind, DamageKind::Rule(_)));
    check(
        |forged| forged.edit = |header| header[8] -= 1,
        |kind| matches!(kind, DamageKind::Incomplete { .. }),
    );
    check(
        |forged| forged.group = group(Position(2), &["b", "c"]).0,
        |kind| matches!(kind, DamageKind::OutOfOrder { expected: Position(1), found: Position(2) }),
    );
}

#[test]
fn a_batch_is_whole() {
    // Spec: FRAME-17, GROUP-10
    let broken = |kind: &DamageKind| matches!(kind, DamageKind::BatchBroken(_));
    check(|forged| forged.group.truncate(1), broken);
    check(
        |forged| {
            // "b, and one that follows" is followed by the same of another batch.
            forged.group = GroupBuffer::new();
            for (i, remaining) in [(0, 2), (1, 0)] {
                let (header, payload) = event(Position(1 + i), "b", remaining);
                forged.group.push(&header, payload.as_bytes()).unwrap();
            }
        },
        broken,
    );
}

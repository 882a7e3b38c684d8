//! Random stores, random damage.

use std::sync::Arc;

use causelog::{Event, Options, verify};
use proptest::prelude::*;

use super::lab::{Whole, all, environment, events, salvage};

#[derive(Clone, Debug)]
enum Harm {
    /// Flips a bit of a byte of a file.
    Flip(u16, u32, u8),
    /// Cuts a file.
    Cut(u16, u32),
    /// Deletes a segment.
    Delete(u16),
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        6 => (any::<u16>(), any::<u32>(), 0..8_u8).prop_map(|(file, at, bit)| Harm::Flip(file, at, bit)),
        2 => (any::<u16>(), any::<u32>()).prop_map(|(file, at)| Harm::Cut(file, at)),
        1 => any::<u16>().prop_map(Harm::Delete),
    ]
}

fn pick<T: Clone>(all: &[T], drawn: impl Into<u64>) -> Option<T> {
    all.get(usize::try_from(drawn.into() % u64::try_from(all.len()).ok()?.max(1)).ok()?).cloned()
}

/// Does harm; which groups may be lost by it.
fn apply(whole: &Whole, harm: &Harm, hurt: &mut [bool]) -> Whole {
    let names: Vec<String> = whole.files.iter().map(|(name, _)| name.clone()).collect();
    let mut mark = |name: &str, is_hurt: &dyn Fn(&std::ops::Range<usize>) -> bool| {
        for (group, hurt) in whole.groups.iter().zip(&mut *hurt) {
            *hurt |= group.file == name && is_hurt(&group.bytes);
        }
    };
    match harm {
        Harm::Flip(file, at, bit) => {
            let Some(name) = pick(&names, *file) else { return whole.copied() };
            whole.with(&name, |bytes| {
                if !bytes.is_empty() {
                    let at = usize::try_from(*at).unwrap() % bytes.len();
                    bytes[at] ^= 1 << bit;
                    mark(&name, &|group| group.contains(&at) || (88..96).contains(&at));
                }
                true
            })
        }
        Harm::Cut(file, at) => {
            let Some(name) = pick(&names, *file) else { return whole.copied() };
            whole.with(&name, |bytes| {
                let at = usize::try_from(*at).unwrap() % (bytes.len() + 1);
                bytes.truncate(at);
                mark(&name, &|group| group.end > at);
                true
            })
        }
        Harm::Delete(file) => {
            let Some(name) = pick(&whole.segments(), *file) else { return whole.copied() };
            mark(&name, &|_| true);
            whole.without(&name)
        }
    }
}

/// Whether anything says for sure which store it was: a small file, a segment's header, or the first group behind the
/// parts of a header that are needed.
fn is_named(whole: &Whole, damaged: &Whole, hurt: &[bool]) -> bool {
    damaged.files.iter().any(|(name, now)| {
        let then = &whole.files.iter().find(|(then, _)| then == name).unwrap().1;
        let same =
            |range: std::ops::Range<usize>| now.get(range.clone()).is_some_and(|now| *now == then[range]);
        match name.as_str() {
            "store" | "closed" => now == then,
            _ if !name.ends_with(".seg") => false,
            _ => same(0..148) || (same(12..28) && same(88..96) && *name == whole.groups[0].file && !hurt[0]),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is done to a store, salvage takes every event whose group is undamaged, byte for byte, makes nothing
    /// up, and what it writes verifies.
    ///
    /// Spec: SALVAGE-1, SALVAGE-2, WIRE-6, RECOVER-7, RECOVER-9
    #[test]
    fn every_undamaged_event_is_saved_and_nothing_else(
        groups in proptest::collection::vec(1..4_usize, 1..20),
        bytes in 0..600_usize,
        closed: bool,
        harms in proptest::collection::vec(harm(), 1..6),
    ) {
        let whole = Whole::new(&groups, bytes, closed);
        let mut hurt = vec![false; whole.groups.len()];
        let mut damaged = whole.copied();
        for harm in &harms {
            damaged = apply(&damaged, harm, &mut hurt);
        }
        let Ok((new, report)) = salvage(&damaged) else {
            prop_assert!(!is_named(&whole, &damaged, &hurt), "it could be told which store it was");
            return Ok(());
        };
        let found = verify(Arc::new(new.kill())).unwrap();
        prop_assert!(found.is_sound(), "{:?}", found.findings);
        let saved = events(&new);
        prop_assert_eq!(u64::try_from(saved.len()).unwrap(), report.events);
        let store = Options::default().open_damaged_in(environment(&damaged.disk())).unwrap();
        prop_assert_eq!(&all(&store), &saved);
        prop_assert_eq!(store.gaps().unwrap(), report.lost.clone());
        for event in &saved {
            let then: Option<&Event> = whole.events.get(usize::try_from(event.header.position.0).unwrap());
            prop_assert_eq!(Some(event), then, "made up");
        }
        for (group, hurt) in whole.groups.iter().zip(&hurt) {
            for position in group.positions.clone() {
                let is_saved = saved.iter().any(|event| event.header.position.0 == position);
                prop_assert!(is_saved || *hurt, "position {} of an undamaged group is lost: {:?}", position, report);
            }
        }
    }
}

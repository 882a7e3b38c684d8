//! Long random histories with reopenings, lost and damaged files: always the answers of an index of memory alone.

use causelog_index::Index;
use causelog_io::MemoryStorage;
use causelog_segment::{AppenderSettings, open_writer};
use causelog_types::Position;
use proptest::prelude::*;

use super::files::check_same;
use super::log::{append_group, bytes_of, environment, names, tell, whole};
use crate::shared::Settings;
use crate::{IndexFiles, SealedIndex};

#[derive(Clone, Debug)]
enum Step {
    Append(u64),
    /// Opens anew; with the writer's close before it, or as after a kill.
    Reopen {
        closed: bool,
    },
    Remove(prop::sample::Index),
    Damage(prop::sample::Index, prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..6_u64).prop_map(Step::Append),
        2 => any::<bool>().prop_map(|closed| Step::Reopen { closed }),
        1 => any::<prop::sample::Index>().prop_map(Step::Remove),
        1 => any::<(prop::sample::Index, prop::sample::Index)>().prop_map(|(a, b)| Step::Damage(a, b)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Spec: INDEX-11, INDEX-12, READ-5
    #[test]
    fn answers_stay_right(steps in prop::collection::vec(step(), 1..40), tail_events in 1..9_usize) {
        let mut storage = MemoryStorage::new();
        let settings = AppenderSettings { segment_bytes: 4096 };
        let index_settings = Settings { tail_events, ..Settings::new(IndexFiles::MaintainedInline, u64::MAX) };
        let mut events = 0;
        let mut steps = steps.into_iter().peekable();
        while steps.peek().is_some() {
            let (log, snapshot, mut appender, _) = open_writer(&environment(&storage), settings).unwrap();
            let index = SealedIndex::open_with(&log, &snapshot, index_settings);
            let from = index.watermark().unwrap().map_or(Position(0), |watermark| watermark.next);
            tell(&log, &snapshot, &*index, from);
            for step in steps.by_ref() {
                match step {
                    Step::Append(count) => {
                        append_group(&log, &mut appender, &*index, count);
                        events += count;
                    }
                    Step::Reopen { closed } => {
                        if closed {
                            index.close().unwrap();
                            check_same(&*index, &whole(&log, &appender.synced()), events);
                        }
                        break;
                    }
                    Step::Remove(which) => {
                        let names = names(&storage, ".idx");
                        if !names.is_empty() {
                            causelog_io::Storage::remove(&storage, &names[which.index(names.len())]).unwrap();
                        }
                    }
                    Step::Damage(which, at) => {
                        let names = names(&storage, ".idx");
                        if !names.is_empty() {
                            let name = &names[which.index(names.len())];
                            let mut bytes = bytes_of(&storage, name);
                            let at = at.index(bytes.len());
                            bytes[at] ^= 0x10;
                            let file = causelog_io::Storage::open(&storage, name, causelog_io::Access::OpenOrCreate);
                            file.unwrap().write_at(&bytes[at..=at], u64::try_from(at).unwrap()).unwrap();
                        }
                    }
                }
            }
            check_same(&*index, &whole(&log, &appender.synced()), events);
            drop(appender);
            storage = storage.kill();
        }
    }
}

//! The bugs, from the lowest layer to the highest, each with the cheapest test that catches it.

use std::fmt;

use Catcher::{Schedules, Scripts, Simulator, Test};

/// How many histories the simulator goes through at most, from seed 1; it ends with the first that fails.
pub(super) const HISTORIES: u64 = 500;

/// A bug on purpose.
pub(super) struct Bug {
    pub(super) name: &'static str,
    pub(super) catcher: Catcher,
}

/// What catches a bug.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Catcher {
    /// Random histories on a simulated disk.
    Simulator,
    /// Short scripts, cut at every operation, on the same disk.
    Scripts,
    /// A test of a package, below its `tests`.
    Test(&'static str, &'static str),
    /// A test of the writer that tries schedules of threads.
    Schedules(&'static str),
}

const fn bug(name: &'static str, catcher: Catcher) -> Bug {
    Bug { name, catcher }
}

/// All of them.
#[rustfmt::skip]
pub(super) const BUGS: &[Bug] = &[
    bug("clock-goes-back", Simulator),
    bug("checksum-without-its-place", Test("causelog-segment", "hostile::a_header_counts_as_evidence_only_at_its_own_place")),
    bug("trust-a-group-header", Test("causelog-segment", "hostile::garbage_of_any_length_is_a_torn_tail")),
    bug("skip-the-data-sync", Simulator),
    bug("try-a-failed-sync-again", Simulator),
    bug("skip-the-directory-sync", Simulator),
    bug("skip-the-sync-of-the-parent", Simulator),
    bug("skip-the-sync-of-a-new-segment", Simulator),
    bug("skip-the-sync-of-a-full-segment", Simulator),
    bug("ignore-a-short-write", Simulator),
    bug("try-a-failed-write-again", Test("causelog-segment", "poison::after_a_short_write_the_next_group_stands_in_a_new_segment")),
    bug("go-on-after-a-failure", Test("causelog-segment", "poison::a_failed_sync_is_never_tried_again_and_its_group_never_acknowledged")),
    bug("wrong-synced-to", Simulator),
    bug("publish-before-the-sync", Simulator),
    bug("leave-the-mark-of-a-close", Simulator),
    bug("adopt-a-tail-without-a-sync", Simulator),
    bug("adopt-a-name-without-a-sync", Scripts),
    bug("overwrite-a-torn-tail", Test("causelog-segment", "poison::after_a_short_write_the_next_group_stands_in_a_new_segment")),
    bug("cut-a-torn-tail", Test("causelog-segment", "poison::after_a_short_write_the_next_group_stands_in_a_new_segment")),
    bug("cut-at-damage", Test("causelog-segment", "recovery::a_later_group_shows_that_an_earlier_one_was_synced")),
    bug("ignore-the-published-end", Test("causelog-segment", "recovery::a_slot_ahead_of_the_log_or_with_another_root_shows_a_log_cut_off")),
    bug("read-beyond-the-published-end", Simulator),
    bug("half-a-batch-is-a-batch", Test("causelog-segment", "forged::a_batch_is_whole")),
    bug("two-writers", Test("causelog-segment", "locks::a_second_writer_is_refused_at_once_and_the_directory_named")),
    bug("trust-an-index-file", Test("causelog-index-sealed", "files::a_file_of_events_that_were_replaced_is_not_used")),
    bug("leave-an-id-out-of-the-filter", Test("causelog-index-sealed", "conformance::looks_up")),
    bug("trust-an-index", Test("causelog-writer", "catching_up::an_index_that_the_log_does_not_confirm_is_made_again")),
    bug("acknowledge-before-the-sync", Scripts),
    bug("durable-without-a-sync", Simulator),
    bug("keep-what-a-refused-batch-began", Simulator),
    bug("forget-ids-in-flight", Simulator),
    bug("forget-ids-that-are-stored", Simulator),
    bug("condition-misses-what-is-staged", Test("causelog-writer", "judging::append_conditions_are_judged_against_what_is_committed_and_what_is_staged")),
    bug("revision-misses-what-is-in-flight", Simulator),
    bug("refuse-before-the-sync", Test("causelog-writer", "judging::a_rejection_that_rests_on_a_staged_event_is_told_after_its_sync")),
    bug("chain-not-linked", Simulator),
    bug("wake-one-that-waits-for-room", Schedules("schedules::whoever_waits_for_room_gets_it_behind_one_that_needs_none")),
    bug("wake-no-leader", Schedules("schedules::callers_share_syncs_and_each_is_answered")),
    bug("serve-a-changed-payload", Test("causelog-reader", "reading::a_changed_payload_is_not_served")),
];

impl fmt::Display for Catcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simulator => write!(f, "the simulator"),
            Self::Scripts => write!(f, "the simulator's scripts"),
            Self::Test(package, test) => write!(f, "{package} {test}"),
            Self::Schedules(test) => write!(f, "causelog-writer {test}"),
        }
    }
}

//! The machine against a model: offers, jobs and what goes wrong with them in any order, compared at every step.

mod driver;
mod model;

use causelog_io::Fault;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use self::driver::Run;
use self::model::Scope;
use crate::Durability;

/// One event to offer, with choices that are made when the history is known.
#[derive(Clone, Debug)]
struct Draft {
    stream: usize,
    kind: usize,
    night: bool,
    payload: usize,
    causes: Vec<Cause>,
    expect: Expect,
}

#[derive(Clone, Debug)]
enum Cause {
    Known(Index),
    Batch(usize),
    Unknown,
}

#[derive(Clone, Copy, Debug)]
enum Expect {
    Any,
    Empty,
    Exists,
    /// What the stream's last revision is by all that is accepted, this one's batch included.
    Right,
    Exactly(u64),
}

/// From where on nothing may have come.
#[derive(Clone, Copy, Debug)]
enum Since {
    Ever,
    /// So many before the end of what is accepted.
    Recently(u64),
    Later,
}

/// What a retry changes.
#[derive(Clone, Copy, Debug)]
enum Change {
    Nothing,
    Payload,
    Half,
    Also,
    Twice,
}

/// What a job meets.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    None,
    NoSpace,
    Fault(u64, Fault),
}

/// How a machine ends before the log is opened again.
#[derive(Clone, Copy, Debug)]
enum End {
    Close,
    Abandon,
    Kill,
    PowerCut,
    /// A power cut that leaves some of what was not synced, drawn from a seed.
    PartialPowerCut(u64),
}

#[derive(Clone, Debug)]
enum Step {
    Offer { drafts: Vec<Draft>, conditions: Vec<(Scope, Since)>, durable: bool },
    Retry { which: Index, change: Change, durable: bool },
    Sync,
    RequestSync,
    Job,
    Run(Trouble),
    Finish,
    Clock(u64),
    Reopen { end: End, same_index: bool },
}

fn draft() -> impl Strategy<Value = Draft> {
    let cause = prop_oneof![
        8 => any::<Index>().prop_map(Cause::Known),
        3 => (0..4_usize).prop_map(Cause::Batch),
        1 => Just(Cause::Unknown),
    ];
    let expect = prop_oneof![
        5 => Just(Expect::Any),
        2 => Just(Expect::Empty),
        2 => Just(Expect::Exists),
        5 => Just(Expect::Right),
        1 => (0..4_u64).prop_map(Expect::Exactly),
    ];
    let payload = prop_oneof![4 => 0..30_usize, 1 => 500..1500_usize];
    (0..3_usize, 0..2_usize, any::<bool>(), payload, vec(cause, 0..3), expect).prop_map(
        |(stream, kind, night, payload, causes, expect)| Draft {
            stream,
            kind,
            night,
            payload,
            causes,
            expect,
        },
    )
}

fn condition() -> impl Strategy<Value = (Scope, Since)> {
    let scope = prop_oneof![
        Just(Scope::All),
        Just(Scope::Night),
        (0..3_usize).prop_map(Scope::Stream),
        (0..2_usize).prop_map(Scope::Kind),
    ];
    let since = prop_oneof![
        1 => Just(Since::Ever),
        5 => (0..4_u64).prop_map(Since::Recently),
        1 => Just(Since::Later),
    ];
    (scope, since)
}

fn step() -> impl Strategy<Value = Step> {
    let offer = (vec(draft(), 0..4), vec(condition(), 0..3), proptest::bool::weighted(0.2));
    let offer = offer.prop_map(|(drafts, conditions, durable)| Step::Offer { drafts, conditions, durable });
    let change = select(
        &[Change::Nothing, Change::Nothing, Change::Payload, Change::Half, Change::Also, Change::Twice][..],
    );
    let retry = (any::<Index>(), change, any::<bool>()).prop_map(|(which, change, durable)| Step::Retry {
        which,
        change,
        durable,
    });
    let fault = select(
        &[Fault::Error(std::io::ErrorKind::Other), Fault::ShortWrite(90), Fault::SyncFailsAndDrops][..],
    );
    let trouble = prop_oneof![
        12 => Just(Trouble::None),
        1 => Just(Trouble::NoSpace),
        2 => (0..6_u64, fault).prop_map(|(nth, fault)| Trouble::Fault(nth, fault)),
    ];
    let end = prop_oneof![
        3 => select(&[End::Close, End::Abandon, End::Kill][..]),
        1 => Just(End::PowerCut),
        2 => any::<u64>().prop_map(End::PartialPowerCut),
    ];
    let reopen = (end, any::<bool>()).prop_map(|(end, same_index)| Step::Reopen { end, same_index });
    prop_oneof![
        9 => offer,
        5 => retry,
        1 => Just(Step::Sync),
        1 => Just(Step::RequestSync),
        5 => Just(Step::Job),
        5 => trouble.prop_map(Step::Run),
        5 => Just(Step::Finish),
        1 => (0..2000_u64).prop_map(Step::Clock),
        1 => reopen,
    ]
}

fn check_history(durability: Durability, steps: Vec<Step>) {
    let mut run = Run::new(durability);
    for step in steps {
        run.step(step);
        run.check();
    }
    for end in [End::PowerCut, End::Kill, End::Close] {
        run.reopen(end, false);
        run.check();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Offers, retries, jobs, failures and crashes in any order: every verdict, receipt and fate is as the model
    /// says, and what is found after a crash is what the callers were told.
    ///
    /// Spec: COMMIT-1, COMMIT-2, COMMIT-3, COMMIT-4, COMMIT-5, COMMIT-6, COMMIT-8, COMMIT-13, COMMIT-14, COMMIT-16, COND-1, COND-2, COND-3, COND-4, COND-5, IDEM-1, IDEM-2, IDEM-3, IDEM-4, IDEM-5, TYPE-4, TYPE-8, TYPE-9, TYPE-10
    #[test]
    fn any_history_in_the_mode_sync_is_as_the_model_says(steps in vec(step(), 1..80)) {
        check_history(Durability::Sync, steps);
    }

    /// Spec: COMMIT-1, COMMIT-2, COMMIT-3, COMMIT-6, COMMIT-14, COMMIT-15, COMMIT-16
    #[test]
    fn any_history_in_the_mode_interval_is_as_the_model_says(steps in vec(step(), 1..80)) {
        check_history(Durability::Interval { max_ms: 10, max_events: 5 }, steps);
    }

    /// Spec: COMMIT-1, COMMIT-2, COMMIT-3, COMMIT-6, COMMIT-14, COMMIT-15, COMMIT-16
    #[test]
    fn any_history_in_the_mode_os_is_as_the_model_says(steps in vec(step(), 1..80)) {
        check_history(Durability::Os, steps);
    }
}

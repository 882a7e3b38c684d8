//! Tests of the gates, by the rules of SPEC.md.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use causelog_types::{Coordinate, EventKind, Evidence, NewEvent, limits};

use crate::*;

/// What a gate of these tests does when asked.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    Admit,
    Deny,
    Panic,
}

/// The gates asked so far, in order.
#[derive(Default)]
struct Asked(Mutex<Vec<&'static str>>);

impl Asked {
    fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A gate that notes that it was asked, and then acts.
struct Probe(&'static str, Act);

impl Gate<Asked> for Probe {
    fn name(&self) -> &str {
        self.0
    }

    fn evaluate(&self, asked: &Asked, _: &Proposal) -> Result<(), Denial> {
        asked.0.lock().unwrap().push(self.0);
        match self.1 {
            Act::Admit => Ok(()),
            Act::Deny => Err(Denial::new("refused", "not today")),
            Act::Panic => panic!("{} broke", self.0),
        }
    }
}

fn pipeline(mode: Mode, probes: &[(&'static str, Act)]) -> Pipeline<Asked> {
    let builder = probes.iter().fold(GateSet::builder(), |set, (name, act)| set.push(Probe(name, *act)));
    Pipeline::new(builder.build().unwrap(), mode)
}

fn event(entity: &str) -> NewEvent {
    NewEvent::new(&Coordinate::new(entity, "home").unwrap(), EventKind::of::<0x1001>(), entity).unwrap()
}

fn pair() -> Proposal {
    Proposal::batch(vec![event("a"), event("b")]).unwrap()
}

fn open(name: impl Into<String>) -> impl Gate<()> {
    gate_fn(name, |_: &(), _: &Proposal| Ok(()))
}

fn build(names: impl IntoIterator<Item = String>) -> Result<GateSet<()>, GateError> {
    names.into_iter().fold(GateSet::builder(), |set, name| set.push(open(name))).build()
}

fn check_refused<T: std::fmt::Debug>(result: Result<T, GateError>, expected: &str) {
    assert_eq!(result.unwrap_err().to_string(), expected);
}

/// Which gates denied, and with which code.
fn reasons(denied: &Denied) -> Vec<(&str, &str)> {
    denied.denials().iter().map(|denial| (&*denial.gate, &*denial.code)).collect()
}

/// Spec: GATE-1
#[test]
fn a_proposal_holds_from_one_event_to_a_whole_batch() {
    check_refused(Proposal::batch(vec![]), "a proposal needs at least one event; none was given");
    let mut events = vec![event("a"); limits::BATCH_EVENTS_MAX];
    assert_eq!(Proposal::batch(events.clone()).unwrap().events(), events);
    events.push(event("a"));
    check_refused(
        Proposal::batch(events),
        "16385 events proposed together; at most 16384 fit into one batch; split them",
    );
    assert_eq!(Proposal::new(event("a")).into_events(), [event("a")]);
}

/// Spec: GATE-2
#[test]
fn a_set_needs_a_gate() {
    check_refused(
        build([]),
        "a gate set needs at least one gate; add one, or bypass the gates with a reason",
    );
    assert_eq!(build(["a".into()]).unwrap().names().collect::<Vec<_>>(), ["a"]);
}

/// Spec: GATE-3
#[test]
fn gates_have_names_of_their_own() {
    check_refused(
        build(["a".into(), "".into()]),
        "gate 1, counted from 0, cannot be named in evidence: the gate's name is empty; give at least one character",
    );
    check_refused(
        build(["a\n".into()]),
        "gate 0, counted from 0, cannot be named in evidence: \
         the gate's name has a control character at byte 1; remove it",
    );
    check_refused(
        build(["a".into(), "b".into(), "a".into()]),
        "gate a is in the set twice; give each gate a name of its own",
    );
}

/// Spec: GATE-3. A gate that changes its name later does not change what the evidence says.
#[test]
fn a_name_is_read_once() {
    struct Fickle(Mutex<u8>);
    impl Gate<()> for Fickle {
        fn name(&self) -> &str {
            let mut reads = self.0.lock().unwrap();
            *reads += 1;
            ["never", "first", "later"][usize::from(*reads).min(2)]
        }
        fn evaluate(&self, (): &(), _: &Proposal) -> Result<(), Denial> {
            Ok(())
        }
    }
    let set = GateSet::builder().push(Fickle(Mutex::new(0))).build().unwrap();
    let receipt = set.evaluate(&(), pair()).unwrap();
    assert_eq!(receipt.evidence(), &Evidence::Admitted { gates: vec!["first".into()] });
}

/// Spec: GATE-4
#[test]
fn the_names_of_a_set_fit_into_evidence() {
    let numbered = |count: usize| (0..count).map(|number| format!("gate {number}"));
    assert!(build(numbered(64)).is_ok());
    check_refused(
        build(numbered(65)),
        "the names of the gates do not fit into an event's evidence: 65 gates given; at most 64 are allowed",
    );
    let full = build(["x".repeat(4000), "y".repeat(96)]).unwrap();
    assert!(full.evaluate(&(), pair()).unwrap().evidence().check().is_ok());
    check_refused(
        build(["x".repeat(4000), "y".repeat(97)]),
        "the names of the gates do not fit into an event's evidence: \
         gate evidence has 4097 bytes; at most 4096 are allowed",
    );
}

/// Spec: GATE-5
#[test]
fn fail_fast_asks_in_order_and_stops_at_the_first_denial() {
    let asked = Asked::default();
    let gates = [("a", Act::Admit), ("b", Act::Deny), ("c", Act::Admit), ("d", Act::Deny)];
    let denied = pipeline(Mode::FailFast, &gates).admit(&asked, pair()).unwrap_err();
    assert_eq!(asked.take(), ["a", "b"]);
    assert_eq!(reasons(&denied), [("b", "refused")]);
}

/// Spec: GATE-6
#[test]
fn evaluate_all_asks_every_gate_once_and_collects_every_denial() {
    let asked = Asked::default();
    let gates = [("a", Act::Deny), ("b", Act::Admit), ("c", Act::Panic), ("d", Act::Deny)];
    let denied = pipeline(Mode::EvaluateAll, &gates).admit(&asked, pair()).unwrap_err();
    assert_eq!(asked.take(), ["a", "b", "c", "d"]);
    assert_eq!(reasons(&denied), [("a", "refused"), ("c", Denial::GATE_PANICKED), ("d", "refused")]);
}

/// Spec: GATE-7. Every combination of four gates, against a model of one line.
#[test]
fn both_modes_admit_the_same() {
    const ACTS: [Act; 3] = [Act::Admit, Act::Deny, Act::Panic];
    let asked = Asked::default();
    let mut admitted = 0;
    for combination in 0..81_usize {
        let act = |place: u32| ACTS[combination / 3_usize.pow(place) % 3];
        let gates = [("a", act(0)), ("b", act(1)), ("c", act(2)), ("d", act(3))];
        let model: Vec<_> =
            gates.iter().filter(|(_, act)| *act != Act::Admit).map(|(name, _)| *name).collect();
        for (mode, denials) in [(Mode::FailFast, 1), (Mode::EvaluateAll, 4)] {
            let said = match pipeline(mode, &gates).admit(&asked, pair()) {
                Ok(_) => vec![],
                Err(denied) => denied.denials().iter().map(|denial| denial.gate.clone()).collect(),
            };
            assert_eq!(said, model[..model.len().min(denials)], "{mode:?} {gates:?}");
            admitted += usize::from(said.is_empty());
        }
    }
    assert_eq!(admitted, 2, "only four gates that all admit do so, in either mode");
}

/// Spec: GATE-8
#[test]
fn a_panic_is_a_denial() {
    let asked = Asked::default();
    let broken = pipeline(Mode::FailFast, &[("a", Act::Panic), ("b", Act::Admit)]);
    for _again in 0..2 {
        let denied = broken.admit(&asked, pair()).unwrap_err();
        assert_eq!(denied.to_string(), "denied by gate a: gate_panicked: a broke");
        assert_eq!(asked.take(), ["a"]);
    }
}

fn check_panic(gate: impl Gate<()> + 'static, message: &str) {
    let set = GateSet::builder().push(gate).push(open("after")).build().unwrap();
    // What gets out is leaked: dropped, it might panic again, and the test would hang in place of failing.
    let caught = catch_unwind(AssertUnwindSafe(|| set.evaluate_all(&(), pair()))).map_err(std::mem::forget);
    let denied = caught.expect("no panic gets out of a set").unwrap_err();
    assert_eq!(reasons(&denied), [("broken", Denial::GATE_PANICKED)]);
    assert_eq!(denied.denials()[0].message, message);
}

/// Spec: GATE-8. Whatever a panic carries, even what panics again when it is dropped.
#[test]
fn every_panic_is_a_denial() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            std::panic::panic_any(Bomb);
        }
    }
    let not_text = "the gate panicked with a value that is not text";
    check_panic(gate_fn("broken", |_: &(), _: &Proposal| panic!("fixed text")), "fixed text");
    check_panic(gate_fn("broken", |_: &(), p: &Proposal| panic!("{} events", p.events().len())), "2 events");
    check_panic(gate_fn("broken", |_: &(), _: &Proposal| std::panic::panic_any(7_u8)), not_text);
    check_panic(gate_fn("broken", |_: &(), _: &Proposal| std::panic::panic_any(Bomb)), not_text);
}

/// Spec: GATE-9. Whatever name a gate writes into its denial.
#[test]
fn a_denial_names_its_gate_and_keeps_what_the_gate_said() {
    let liar = gate_fn("liar", |_: &(), _: &Proposal| {
        let denial = Denial::new("too_large", "a payload is too large").with_detail("limit", 1);
        Err(Denial { gate: "somebody else".into(), ..denial.with_detail("bytes", 9).with_detail("limit", 4) })
    });
    let denied = GateSet::builder().push(liar).build().unwrap().evaluate(&(), pair()).unwrap_err();
    let [denial] = denied.denials() else { panic!("{denied}") };
    assert_eq!(
        (&*denial.gate, &*denial.code, &*denial.message),
        ("liar", "too_large", "a payload is too large")
    );
    assert_eq!(denial.details["bytes"], "9");
    assert_eq!(denial.to_string(), "gate liar: too_large: a payload is too large (bytes=9, limit=4)");
    assert_eq!(Denial::new("code", "message").to_string(), "code: message");
}

/// Spec: GATE-10
#[test]
fn the_denied_get_their_proposal_back() {
    for mode in [Mode::FailFast, Mode::EvaluateAll] {
        let gates = [("a", Act::Deny), ("b", Act::Deny)];
        let denied = pipeline(mode, &gates).admit(&Asked::default(), pair()).unwrap_err();
        assert!(!denied.denials().is_empty());
        assert_eq!(denied.proposal(), &pair());
        assert_eq!(denied.into_proposal(), pair());
    }
}

/// Spec: GATE-11, GATE-13
#[test]
fn a_receipt_holds_the_events_and_the_gates_in_order() {
    let expected = Evidence::Admitted { gates: ["b", "c", "a"].map(String::from).to_vec() };
    for mode in [Mode::FailFast, Mode::EvaluateAll] {
        let gates = [("b", Act::Admit), ("c", Act::Admit), ("a", Act::Admit)];
        let asked = Asked::default();
        let receipt = pipeline(mode, &gates).admit(&asked, pair()).unwrap();
        assert_eq!(asked.take(), ["b", "c", "a"]);
        assert_eq!((receipt.events(), receipt.evidence()), (pair().events(), &expected));
        assert_eq!(receipt.into_parts(), (pair().into_events(), expected.clone()));
    }
}

/// Spec: GATE-14
#[test]
fn a_bypass_asks_no_gate_and_says_why() {
    let asked = Asked::default();
    let shut = pipeline(Mode::EvaluateAll, &[("a", Act::Deny)]);
    let (events, evidence) = shut.bypass(pair(), "backfill", "from the old house").unwrap().into_parts();
    assert!(asked.take().is_empty());
    assert_eq!(events, pair().into_events());
    let (reason, justification) = ("backfill".into(), "from the old house".into());
    assert_eq!(evidence, Evidence::Bypassed { reason, justification });
}

/// Spec: GATE-14
#[test]
fn a_bypass_without_an_explanation_is_refused() {
    let shut = pipeline(Mode::FailFast, &[("a", Act::Deny)]);
    check_refused(
        shut.bypass(pair(), "", "because"),
        "the bypass cannot be recorded: the reason of a bypass is empty; give at least one character",
    );
    check_refused(
        shut.bypass(pair(), "backfill", ""),
        "the bypass cannot be recorded: the justification of a bypass is empty; give at least one character",
    );
    assert!(shut.bypass(pair(), "x", "y".repeat(4095)).is_ok());
    check_refused(
        shut.bypass(pair(), "x", "y".repeat(4096)),
        "the bypass cannot be recorded: gate evidence has 4097 bytes; at most 4096 are allowed",
    );
}

/// Spec: GATE-15
#[test]
fn a_dry_run_asks_every_gate_whatever_the_mode() {
    for mode in [Mode::FailFast, Mode::EvaluateAll] {
        let asked = Asked::default();
        let pipeline = pipeline(mode, &[("a", Act::Panic), ("b", Act::Admit), ("c", Act::Deny)]);
        let said = pipeline.explain(&asked, &pair());
        assert_eq!(asked.take(), ["a", "b", "c"]);
        let denial = |gate: &str, code, message| Denial { gate: gate.into(), ..Denial::new(code, message) };
        let expected = [
            ("a", Err(denial("a", Denial::GATE_PANICKED, "a broke"))),
            ("b", Ok(())),
            ("c", Err(denial("c", "refused", "not today"))),
        ];
        assert_eq!(said, expected);
    }
}

/// One gate may stand in several sets, a context may be unsized, and pipelines may be shared by threads.
#[test]
fn gates_and_pipelines_can_be_shared() {
    let named = gate_fn("named", |context: &str, _: &Proposal| match context {
        "yes" => Ok(()),
        _ => Err(Denial::new("no", "no")),
    });
    let gate: Arc<dyn Gate<str>> = Arc::new(named);
    let set = |mode| Pipeline::new(GateSet::builder().push(Arc::clone(&gate)).build().unwrap(), mode);
    let pipelines = [set(Mode::FailFast), set(Mode::EvaluateAll)];
    std::thread::scope(|threads| {
        for pipeline in &pipelines {
            threads.spawn(move || {
                assert!(pipeline.admit("yes", pair()).is_ok());
                assert!(pipeline.admit("perhaps", pair()).is_err());
            });
        }
    });
    assert_eq!(format!("{:?}", pipelines[0]), r#"Pipeline { gates: ["named"], mode: FailFast }"#);
}

//! Tests of the vocabulary's limits and of the one matcher.

use proptest::prelude::*;

use crate::*;

fn check_refused<T: std::fmt::Debug>(result: Result<T, InvalidValue>, expected: &str) {
    assert_eq!(result.map(|value| format!("{value:?}")).unwrap_err().to_string(), expected);
}

/// Spec: TYPE-1
#[test]
fn coordinates_have_limits() {
    assert!(Coordinate::new("e".repeat(512), "s".repeat(255)).is_ok());
    check_refused(Coordinate::new("", "s"), "entity is empty; give at least one character");
    check_refused(Coordinate::new("e", ""), "scope is empty; give at least one character");
    check_refused(Coordinate::new("e".repeat(513), "s"), "entity has 513 bytes; at most 512 are allowed");
    check_refused(Coordinate::new("e", "s".repeat(256)), "scope has 256 bytes; at most 255 are allowed");
    check_refused(Coordinate::new("ab\n", "s"), "entity has a control character at byte 2; remove it");
    check_refused(Coordinate::new("a", "\u{85}"), "scope has a control character at byte 0; remove it");
}

/// Spec: TYPE-1. Two names that read the same when put together are two streams.
#[test]
fn coordinates_are_pairs() {
    let (one, two) = (Coordinate::new("ab", "c").unwrap(), Coordinate::new("a", "bc").unwrap());
    assert_ne!(one, two);
    assert_eq!((one.entity(), one.scope()), ("ab", "c"));
    assert_eq!((two.entity(), two.scope()), ("a", "bc"));
    assert!(two < one);
}

/// Spec: TYPE-2
#[test]
fn reserved_kinds_are_refused() {
    for bits in 0..=u16::MAX {
        let reserved = matches!(bits >> 12, 0x0 | 0xD);
        assert_eq!(EventKind::new(bits).is_err(), reserved, "{bits:#x}");
        assert_eq!(EventKind::from_bits(bits).bits(), bits);
    }
    assert_eq!("0x1001".parse(), Ok(EventKind::of::<0x1001>()));
    assert_eq!("4097".parse(), Ok(EventKind::of::<0x1001>()));
    assert!("0x10011".parse::<EventKind>().is_err());
    assert!(Category::new(16).is_err());
}

/// Spec: TYPE-3
#[test]
fn ids_are_version_7_and_print_as_uuids() {
    let id = EventId::from_time(0x0123_4567_89ab, [0xff; 10]);
    assert_eq!(id.to_string(), "01234567-89ab-7fff-bfff-ffffffffffff");
    assert_eq!(id.to_string().parse(), Ok(id));
    assert!("0123456789ab7fffbfffffffffffffff".parse::<EventId>().is_err());
    assert!("{01234567-89ab-7fff-bfff-ffffffffffff}".parse::<EventId>().is_err());
}

#[test]
fn hashes_print_as_hex() {
    let root = Root([0xa5; 32]);
    assert_eq!(root.to_string(), "a5".repeat(32));
    assert_eq!(root.to_string().parse(), Ok(root));
    assert!("+5".repeat(32).parse::<Root>().is_err());
    assert!("a5".parse::<Root>().is_err());
}

/// Spec: TYPE-4. The clock goes on whatever the system's clock does.
#[test]
fn the_clock_never_goes_backwards() {
    let start = Hlc { wall_ms: 1000, counter: 0 };
    assert_eq!(start.next(2000), Ok(Hlc { wall_ms: 2000, counter: 0 }));
    assert_eq!(start.next(1000), Ok(Hlc { wall_ms: 1000, counter: 1 }));
    assert_eq!(start.next(0), Ok(Hlc { wall_ms: 1000, counter: 1 }));
    let full = Hlc { wall_ms: 1000, counter: u32::MAX };
    assert_eq!(full.next(5), Ok(Hlc { wall_ms: 1001, counter: 0 }));
    assert!(Hlc { wall_ms: u64::MAX, counter: u32::MAX }.next(7).is_err());
}

/// Spec: TYPE-5
#[test]
fn causes_and_tags_have_limits() {
    let ids = |n: u128| (0..n).map(EventId::from_u128);
    assert_eq!(Causes::new(ids(256)).unwrap().len(), 256);
    check_refused(Causes::new(ids(257)), "257 causes given; at most 256 are allowed");
    assert!(matches!(Causes::new(ids(3).chain(ids(1))), Err(InvalidValue::Duplicate { .. })));
    assert!(matches!(Causes::new(ids(30).chain(ids(1))), Err(InvalidValue::Duplicate { .. })));
    let names = |n: usize| (0..n).map(|i| format!("t{i}"));
    assert!(Tags::new(names(16)).is_ok());
    check_refused(Tags::new(names(17)), "17 tags given; at most 16 are allowed");
    check_refused(Tags::new(["b", "a", "b"]), "tag b is given twice; give it once");
    check_refused(Tags::new([""]), "tag is empty; give at least one character");
    check_refused(Tags::new(["x".repeat(129)]), "tag has 129 bytes; at most 128 are allowed");
    assert_eq!(Tags::new(["b", "a"]).unwrap().iter().collect::<Vec<_>>(), ["a", "b"]);
}

/// Spec: TYPE-6
#[test]
fn evidence_has_limits() {
    let admitted = |gates: usize, bytes: usize| Evidence::Admitted { gates: vec!["g".repeat(bytes); gates] };
    assert!(admitted(64, 64).check().is_ok());
    assert!(admitted(0, 1).check().is_err());
    assert!(admitted(65, 1).check().is_err());
    assert!(admitted(1, 4097).check().is_err());
    let bypass = |reason: &str, justification: &str| Evidence::Bypassed {
        reason: reason.into(),
        justification: justification.into(),
    };
    assert!(bypass("r", "j").check().is_ok());
    assert!(bypass("", "j").check().is_err());
    assert!(bypass("r", "").check().is_err());
    assert!(bypass("r", &"j".repeat(4096)).check().is_err());
}

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Reading {
    sensor: String,
    raw: Vec<u8>,
    value: Option<f64>,
}

/// Spec: TYPE-7. Field names are stored, and bytes are bytes (an array of integers would be half as long again).
#[test]
fn payloads_are_maps_with_names_and_bytes_stay_bytes() {
    let reading = Reading { sensor: "a".into(), raw: vec![200; 100], value: Some(0.5) };
    let payload = Payload::encode(&reading).unwrap();
    assert!(payload.as_bytes().windows(6).any(|w| w == b"sensor"));
    assert!(payload.as_bytes().len() < 150, "{}", payload.as_bytes().len());
    assert_eq!(payload.decode::<Reading>().unwrap(), reading);
    assert!(payload.decode::<u8>().is_err());
}

/// Spec: TYPE-7
#[test]
fn ready_made_payloads_are_one_value() {
    assert!(Payload::from_msgpack(&[0x93, 1, 2, 3]).is_ok());
    assert!(Payload::from_msgpack(&[0x93, 1, 2]).is_err());
    assert!(Payload::from_msgpack(&[1, 2]).is_err());
    assert!(Payload::from_msgpack(&[]).is_err());
    let deep = |levels: usize| [vec![0x91; levels], vec![1]].concat();
    assert!(Payload::from_msgpack(&deep(100)).is_ok());
    assert!(Payload::from_msgpack(&deep(1_000_000)).is_err());
    assert!(Payload::from_stored(&deep(1_000_000)).decode::<serde::de::IgnoredAny>().is_err());
    // A length that promises far more than there is allocates nothing.
    assert!(Payload::from_msgpack(&[0xdd, 0xff, 0xff, 0xff, 0xff]).is_err());
}

const KIND: EventKind = EventKind::of::<0x1001>();

fn event(entity: &str, scope: &str, kind: EventKind, tags: &[&str]) -> NewEvent {
    let coordinate = Coordinate::new(entity, scope).unwrap();
    NewEvent::new(&coordinate, kind, &()).unwrap().with_tags(tags).unwrap()
}

/// Spec: REGION-1. An exact name is never taken as a prefix.
#[test]
fn exact_names_are_not_prefixes() {
    let region = Region::entity("user:1").unwrap();
    assert!(region.matches(&event("user:1", "a", KIND, &[]).facts()));
    assert!(region.matches(&event("user:1", "b", KIND, &[]).facts()));
    assert!(!region.matches(&event("user:10", "a", KIND, &[]).facts()));
    let prefix = Region::from(Clause::new().entity_prefix("user:1").unwrap());
    assert!(prefix.matches(&event("user:10", "a", KIND, &[]).facts()));
    let stream = Region::stream(&Coordinate::new("user:1", "a").unwrap());
    assert!(stream.matches(&event("user:1", "a", KIND, &[]).facts()));
    assert!(!stream.matches(&event("user:1", "b", KIND, &[]).facts()));
}

/// Spec: REGION-2. Library events are hidden unless asked for.
#[test]
fn library_events_are_hidden() {
    let library_kind = EventKind::from_bits(0xD001);
    for (entity, kind) in [("$progress", KIND), ("user", library_kind)] {
        let event = event(entity, "s", kind, &[]);
        assert!(!Region::all().matches(&event.facts()));
        assert!(Region::all().with_library_events().matches(&event.facts()));
        assert!(Region::stream(event.coordinate()).matches(&event.facts()));
    }
}

/// Spec: REGION-3. Any clause, and within a clause all of it; any kind, all tags.
#[test]
fn clauses_are_alternatives() {
    let one = Clause::new().scope("home").unwrap().kind(KIND).unwrap().category(Category::new(2).unwrap());
    let two = Clause::new().tag("a").unwrap().tag("b").unwrap();
    let region = Region::any_of([one.unwrap(), two]).unwrap();
    let other = EventKind::of::<0x2fff>();
    assert!(region.matches(&event("x", "home", KIND, &[]).facts()));
    assert!(region.matches(&event("x", "home", other, &[]).facts()));
    assert!(!region.matches(&event("x", "away", KIND, &["a"]).facts()));
    assert!(region.matches(&event("x", "away", KIND, &["a", "b", "c"]).facts()));
    assert!(!region.matches(&event("x", "home", EventKind::of::<0x1002>(), &[]).facts()));
}

/// Spec: REGION-4
#[test]
fn ranges_hold_over_the_whole_region() {
    let event = event("x", "s", KIND, &[]);
    let facts = Facts { position: Position(5), revision: Revision(2), recorded_ms: 100, ..event.facts() };
    let all = Region::all;
    for (region, expected) in [
        (all().positions(Position(5)..), true),
        (all().positions(..Position(5)), false),
        (all().positions(..=Position(5)), true),
        (all().revisions(Revision(3)..), false),
        (all().revisions(Revision(2)..Revision(3)), true),
        (all().recorded_ms(..100), false),
        (all().recorded_ms(100..=100), true),
    ] {
        assert_eq!(region.as_ref().unwrap().matches(&facts), expected, "{region:?}");
    }
    let reversed = (std::ops::Bound::Included(5), std::ops::Bound::Excluded(4));
    assert!(matches!(all().recorded_ms(reversed), Err(InvalidValue::ReversedRange { .. })));
    assert!(Region::any_of([]).is_err());
    assert!(Region::any_of(vec![Clause::new(); 17]).is_err());
}

/// Spec: TYPE-12
#[test]
fn a_head_is_kept_as_text() {
    let head = StoreHead { position: Position(26), root: Root([0xab; 32]) };
    assert_eq!(head.to_string(), format!("26:{}", "ab".repeat(32)));
    assert_eq!(head.to_string().parse(), Ok(head));
    let root = "ab".repeat(32);
    let wrong = [":", "26", &root, &format!("+26:{root}"), &format!("26:{root}0"), &format!("26 :{root}")];
    for text in wrong.into_iter().chain([&*format!(":{root}"), &format!("18446744073709551616:{root}")]) {
        let refused = text.parse::<StoreHead>().unwrap_err();
        assert!(matches!(refused, InvalidValue::Syntax { .. }), "{text}: {refused}");
    }
}

proptest! {
    /// Spec: TYPE-4
    #[test]
    fn the_clock_strictly_increases(steps in proptest::collection::vec(any::<u64>(), 1..50)) {
        let mut hlc = Hlc::default();
        for now_ms in steps {
            let next = hlc.next(now_ms.min(u64::MAX - 1)).unwrap();
            prop_assert!(next > hlc);
            prop_assert!(next.wall_ms >= now_ms.min(u64::MAX - 1));
            hlc = next;
        }
    }

    /// Spec: TYPE-7. Whatever bytes a log holds, decoding them is an error or a value, never a panic.
    #[test]
    fn any_bytes_can_be_offered_as_a_payload(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let payload = Payload::from_stored(&bytes);
        let valid = Payload::from_msgpack(&bytes).is_ok();
        prop_assert!(!valid || payload.decode::<serde::de::IgnoredAny>().is_ok());
    }
}

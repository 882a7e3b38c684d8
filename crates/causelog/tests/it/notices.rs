//! Subscribers: what they are told, what they miss, and that nobody waits for them.

use std::thread;
use std::time::Duration;

use causelog::{
    Causes, Clause, Event, MemoryStorage, NewEvent, Notice, Notification, Notifications, Position, Query,
    ReceiveError, Region, RestartPolicy, Store,
};
use causelog_io::Fault;

use crate::helpers::{CLOSED, Lab, all, door, event, id, options, read, stream};

#[track_caller]
fn told(notices: &Notifications) -> Vec<u64> {
    std::iter::from_fn(|| notices.try_receive().ok())
        .map(|notice| match notice {
            Notice::Event(event) => event.position.0,
            Notice::Missed(missed) => panic!("{missed} were missed"),
        })
        .collect()
}

#[track_caller]
fn subscribe(store: &Store, region: Region, capacity: usize) -> Notifications {
    store.notifications(region, capacity).unwrap()
}

/// What is told of an event is what stands in it.
///
/// Spec: COMMIT-19
#[test]
fn a_notification_says_what_the_event_says() {
    let lab = Lab::new();
    let store = lab.open(&MemoryStorage::new());
    let notices = subscribe(&store, Region::all(), 4);
    let first = store.append(event(&door(), "x").with_id(id(1)).with_correlation(id(9))).unwrap();
    let caused = NewEvent::new(&stream("siren", "home"), CLOSED, "y").unwrap().with_id(id(2));
    store.append(caused.caused_by([id(1)]).unwrap()).unwrap();
    let due = |coordinate, event: &Event, causes: Causes| {
        let (position, kind) = (event.header.position, event.header.kind);
        let (id, correlation_id) = (event.header.id, event.header.dag.correlation_id);
        Ok(Notice::Event(Notification { position, id, coordinate, kind, correlation_id, causes }))
    };
    let events = all(&store);
    assert_eq!(notices.receive(), due(door(), &events[0], Causes::none()));
    let causes = events[1].header.dag.causes.clone();
    assert_eq!(causes.as_slice(), [first.id]);
    assert_eq!(notices.receive(), due(stream("siren", "home"), &events[1], causes));
    assert_eq!(notices.try_receive(), Err(ReceiveError::Empty));
    assert_eq!(notices.receive_timeout(Duration::ZERO), Err(ReceiveError::Empty));
}

/// Spec: COMMIT-19, REGION-5
#[test]
fn events_are_filtered_before_the_channel() {
    let lab = Lab::new();
    let store = lab.open(&MemoryStorage::new());
    store.append(event(&door(), "before")).unwrap();
    // Room for what matches alone.
    let doors = subscribe(&store, Region::stream(&door()), 10);
    let night = subscribe(&store, Region::from(Clause::new().tag("night").unwrap()), 5);
    let none = subscribe(&store, Region::entity("nobody").unwrap(), 1);
    for number in 0..10 {
        let siren = event(&stream("siren", "home"), "x");
        let siren = if number % 2 == 0 { siren.with_tags(["night"]).unwrap() } else { siren };
        store.append_batch(vec![event(&door(), "x"), siren]).unwrap();
    }
    assert!(told(&doors).into_iter().eq((1..21).step_by(2)));
    assert!(told(&night).into_iter().eq((2..21).step_by(4)));
    assert_eq!(told(&none), [0; 0]);
}

/// A stuck subscriber delays no append, and is told exactly how many it missed, once.
///
/// Spec: COMMIT-19, READ-3
#[test]
fn a_full_channel_is_told_how_many_it_missed() {
    let lab = Lab::new();
    let store = lab.open(&MemoryStorage::new());
    let stuck = subscribe(&store, Region::all(), 3);
    for _ in 0..40 {
        store.append(event(&door(), "x")).unwrap();
    }
    store.append_batch((0..60).map(|_| event(&door(), "x")).collect::<Vec<_>>()).unwrap();
    assert_eq!(stuck.receive(), Ok(Notice::Missed(97)));
    assert_eq!(told(&stuck), [0, 1, 2]);
    store.append(event(&door(), "x")).unwrap();
    assert_eq!(told(&stuck), [100]);
}

/// A subscriber may be dropped at any time, full or not.
///
/// Spec: READ-3
#[test]
fn a_dropped_subscriber_is_forgotten() {
    let lab = Lab::new();
    let store = lab.open(&MemoryStorage::new());
    let stays = subscribe(&store, Region::all(), 200);
    for round in 0..100 {
        let region = if round % 2 == 0 { Region::all() } else { Region::entity("nobody").unwrap() };
        let dropped = subscribe(&store, region, 1);
        store.append(event(&door(), "x")).unwrap();
        drop(dropped);
    }
    assert!(told(&stays).into_iter().eq(0..100));
}

/// Appends by many callers and tickets, each in groups as they come: told in the order of the log.
///
/// Spec: COMMIT-19
#[test]
fn notifications_come_in_the_order_of_the_log() {
    let lab = Lab::new();
    let store = lab.open(&MemoryStorage::new());
    let notices = subscribe(&store, Region::all(), 1000);
    thread::scope(|scope| {
        for caller in 0..8 {
            let store = &store;
            scope.spawn(move || {
                for number in 0..50 {
                    match (caller + number) % 3 {
                        0 => drop(store.submit(event(&door(), "x")).unwrap()),
                        1 => _ = store.append(event(&door(), "x")).unwrap(),
                        _ => {
                            store.append_batch(vec![event(&door(), "x"), event(&door(), "y")]).unwrap();
                        }
                    }
                }
            });
        }
    });
    let last = store.append(event(&door(), "last")).unwrap().position.0;
    // The last append's own notification comes behind its answer.
    let mut positions = Vec::new();
    while positions.last() != Some(&last) {
        match notices.receive().unwrap() {
            Notice::Event(event) => positions.push(event.position.0),
            Notice::Missed(missed) => panic!("{missed} were missed"),
        }
    }
    assert!(positions.into_iter().eq(0..=last));
}

/// A slow subscriber catches up from the log: it sees every event once, in order.
///
/// Spec: READ-3, COMMIT-19
#[test]
fn who_missed_some_catches_up_from_the_log() {
    let lab = Lab::new();
    let store = lab.open(&MemoryStorage::new());
    let notices = subscribe(&store, Region::all(), 2);
    let seen: Vec<u64> = thread::scope(|scope| {
        let reader = scope.spawn(|| follow(&store, &notices));
        for caller in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for _ in 0..100 {
                    store.append(event(&stream("caller", &caller.to_string()), "x")).unwrap();
                }
            });
        }
        reader.join().unwrap()
    });
    assert!(seen.into_iter().eq(0..400));
}

/// Reads on from where it is whenever there is a notice, whichever it is.
fn follow(store: &Store, notices: &Notifications) -> Vec<u64> {
    let mut seen: Vec<u64> = Vec::new();
    while seen.len() < 400 {
        let next = Position(u64::try_from(seen.len()).unwrap());
        match notices.receive().unwrap() {
            Notice::Event(event) if event.position < next => {}
            Notice::Event(event) if event.position == next => seen.push(event.position.0),
            Notice::Event(_) | Notice::Missed(_) => {
                let events = read(store, Query::new(Region::all()).from(next));
                seen.extend(events.iter().map(|event| event.header.position.0));
            }
        }
    }
    seen
}

/// Spec: COMMIT-17, COMMIT-19
#[test]
fn notices_end_with_the_close() {
    for end in [|store: Store| store.close().unwrap(), drop] {
        let lab = Lab::new();
        let store = lab.open(&MemoryStorage::new());
        let (notices, waits) = (subscribe(&store, Region::all(), 1), subscribe(&store, Region::all(), 9));
        let waiting = thread::spawn(move || std::iter::from_fn(|| waits.receive().ok()).count());
        for _ in 0..3 {
            store.append(event(&door(), "x")).unwrap();
        }
        end(store);
        // What had been told before is there still.
        assert_eq!(notices.receive(), Ok(Notice::Missed(2)));
        assert!(matches!(notices.receive(), Ok(Notice::Event(event)) if event.position.0 == 0));
        assert_eq!(notices.receive(), Err(ReceiveError::Closed));
        assert_eq!(notices.try_receive(), Err(ReceiveError::Closed));
        assert_eq!(notices.receive_timeout(Duration::from_secs(600)), Err(ReceiveError::Closed));
        assert_eq!(waiting.join().unwrap(), 3);
    }
}

/// Events that a restart found in the log have become visible like any others: there is no gap in what is told.
///
/// Spec: COMMIT-10, COMMIT-19
#[test]
fn what_a_restart_makes_visible_is_told_too() {
    for nth in 0..3 {
        let (lab, disk) = (Lab::new(), MemoryStorage::new());
        let policy = RestartPolicy::Bounded { max_restarts: 9, within_ms: 9 };
        let store = options().restart_policy(policy).open_in(lab.environment(&disk)).unwrap();
        store.append(event(&door(), "first")).unwrap();
        let notices = subscribe(&store, Region::all(), 9);
        let nobody = subscribe(&store, Region::entity("nobody").unwrap(), 9);
        disk.fail(nth, Fault::Panic);
        store.append_batch(vec![event(&door(), "x"), event(&door(), "y")]).unwrap_err();
        store.append(event(&door(), "last")).unwrap();
        assert!(told(&notices).into_iter().eq(1..store.end().position.0), "a panic at operation {nth}");
        assert_eq!(told(&nobody), [0; 0]);
    }
}

/// Spec: COMMIT-19
#[test]
fn a_store_that_is_open_read_only_tells_nothing() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    drop(lab.open(&disk));
    let store = lab.try_open_read_only(&disk).unwrap();
    assert!(store.notifications(Region::all(), 1).is_none());
}

//! Racers with the same condition: of each round exactly one wins, by receipts and by the log.

use std::sync::Barrier;
use std::thread;

use causelog::{
    AppendErrorKind, Batch, Clause, Coordinate, ExpectedRevision, MemoryStorage, Position, Region, Revision,
    Store,
};

use crate::helpers::{Lab, all, event, id, refusal, stream};

/// How racers say what must not have happened.
#[derive(Clone, Copy, Debug)]
enum Rule {
    /// The stream is as it was after the last round.
    Revision,
    /// Each round has a stream of its own.
    Empty,
    /// Nothing has come in several streams since the end that all have read.
    Witness,
}

const STREAMS: [&str; 3] = ["left", "middle", "right"];

/// What a racer appends in a round, on its condition. Racers of one round write to different streams where the
/// condition does not need the same one.
fn batch(store: &Store, rule: Rule, racer: usize, round: u64) -> Batch {
    let number = u128::from(round) << 64 | u128::try_from(racer).unwrap();
    let of = |coordinate: &Coordinate| event(coordinate, "x").with_id(id(number + 1));
    match rule {
        Rule::Revision => {
            let expected = match round.checked_sub(1) {
                None => ExpectedRevision::Empty,
                Some(last) => ExpectedRevision::Exactly(Revision(last)),
            };
            Batch::from(of(&stream("race", "home")).expecting(expected))
        }
        Rule::Empty => {
            Batch::from(of(&stream("race", &round.to_string())).expecting(ExpectedRevision::Empty))
        }
        Rule::Witness => {
            let clauses = STREAMS.map(|name| Clause::new().entity(name).unwrap());
            let witness = store.read(Region::any_of(clauses).unwrap()).witness();
            Batch::from(of(&stream(STREAMS[racer % 3], "home"))).if_unchanged(&witness)
        }
    }
}

/// Runs rounds of racers that start together; the winner of each round.
fn race(store: &Store, rule: Rule, racers: usize, rounds: u64) -> Vec<usize> {
    let start = Barrier::new(racers);
    let run = |racer: usize| {
        (0..rounds).map(|round| {
            // All make their conditions before any appends, and all have appended before any goes on.
            let batch = batch(store, rule, racer, round);
            start.wait();
            let result = store.append_batch(batch);
            // Whoever has lost is told no sooner than the winner can be seen.
            assert_eq!(store.end().position, Position(round + 1));
            let won = result.is_ok();
            if !won {
                let kind = refusal(result);
                let due = match rule {
                    Rule::Revision | Rule::Empty => matches!(kind, AppendErrorKind::WrongRevision { .. }),
                    Rule::Witness => {
                        matches!(kind, AppendErrorKind::ConditionFailed { position, .. } if position.0 == round)
                    }
                };
                assert!(due, "{kind}");
            }
            start.wait();
            won
        })
        .collect::<Vec<bool>>()
    };
    let won: Vec<Vec<bool>> = thread::scope(|scope| {
        let run = &run;
        let threads: Vec<_> = (0..racers).map(|racer| scope.spawn(move || run(racer))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let winner = |round: usize| {
        let winners: Vec<usize> = (0..racers).filter(|racer| won[*racer][round]).collect();
        assert_eq!(winners.len(), 1, "round {round}: {winners:?}");
        winners[0]
    };
    (0..usize::try_from(rounds).unwrap()).map(winner).collect()
}

#[track_caller]
fn check_race(store: &Store, rule: Rule, racers: usize, rounds: u64) {
    let winners = race(store, rule, racers, rounds);
    let events = all(store);
    assert_eq!(events.len(), winners.len(), "{rule:?}, {racers} racers");
    for (round, (event, winner)) in events.iter().zip(winners).enumerate() {
        let number = u128::try_from(round << 32).unwrap() << 32 | u128::try_from(winner).unwrap();
        assert_eq!(event.header.id, id(number + 1), "{rule:?}, {racers} racers, round {round}");
    }
}

fn check_races_in_memory(rule: Rule, races: [(usize, u64); 3]) {
    for (racers, rounds) in races {
        let (lab, disk) = (Lab::new(), MemoryStorage::new());
        let store = lab.open(&disk);
        check_race(&store, rule, racers, rounds);
        let end = store.end();
        drop(store);
        assert_eq!(lab.open(&disk.power_cut()).end(), end);
    }
}

/// Spec: COND-1, COND-3, COND-4
#[test]
fn of_racers_for_a_revision_one_wins() {
    check_races_in_memory(Rule::Revision, [(2, 2000), (8, 1000), (64, 170)]);
}

/// Spec: COND-1, COND-3, COND-4
#[test]
fn of_racers_for_an_empty_stream_one_wins() {
    check_races_in_memory(Rule::Empty, [(2, 2000), (8, 1000), (64, 170)]);
}

/// Spec: COND-2, COND-3, COND-4
#[test]
fn of_racers_upon_a_read_over_streams_one_wins() {
    check_races_in_memory(Rule::Witness, [(2, 2000), (8, 1000), (64, 170)]);
}

/// Spec: COND-1, COND-2, COND-3, COMMIT-1
#[test]
fn of_racers_on_a_file_system_one_wins() {
    for rule in [Rule::Revision, Rule::Empty, Rule::Witness] {
        for (racers, rounds) in [(2, 100), (8, 60), (64, 20)] {
            let directory = tempfile::tempdir().unwrap();
            let store = Store::open(directory.path().join("events")).unwrap();
            check_race(&store, rule, racers, rounds);
            store.close().unwrap();
        }
    }
}

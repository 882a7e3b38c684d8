//! Clocks that jump: the order of what is recorded holds all the same.

use causelog::{MemoryStorage, Position, Query, Region};

use crate::helpers::{Lab, START_MS, all, door, event, read};

const HOUR_MS: u64 = 60 * 60 * 1000;
const YEAR_MS: u64 = 365 * 24 * HOUR_MS;

/// Back an hour, forward a year, back again, with and without an open in between: recorded times grow with the
/// positions, and never fall behind what the clock shows.
///
/// Spec: TYPE-4
#[test]
fn recorded_times_grow_whatever_the_clock_does() {
    for reopen in [false, true] {
        let (lab, mut disk) = (Lab::new(), MemoryStorage::new());
        let mut store = lab.open(&disk);
        let times = [START_MS, START_MS - HOUR_MS, START_MS + YEAR_MS, START_MS, 0, START_MS + YEAR_MS + 1];
        for (round, time) in times.into_iter().enumerate() {
            lab.clock.set(time);
            if reopen {
                // A clean close, a kill, a power cut.
                disk = match round % 3 {
                    0 => disk,
                    1 => disk.kill(),
                    _ => disk.power_cut(),
                };
                drop(store);
                store = lab.open(&disk);
            }
            store.append_batch(vec![event(&door(), "x"), event(&door(), "y")]).unwrap();
            store.append(event(&door(), "z")).unwrap();
            let last = all(&store).pop().unwrap().header.dag.hlc;
            assert!(last.wall_ms >= time);
        }
        let events = all(&store);
        assert_eq!(events.len(), 18);
        assert!(events.windows(2).all(|pair| pair[0].header.dag.hlc < pair[1].header.dag.hlc));
        let walls: Vec<u64> = events.iter().step_by(3).map(|event| event.header.dag.hlc.wall_ms).collect();
        let (first, year) = (START_MS, START_MS + YEAR_MS);
        assert_eq!(walls, [first, first, year, year, year, year + 1]);
        assert!(store.verify().unwrap().is_sound());
        // Asking by recorded time finds what was recorded then.
        let later = read(&store, Query::new(Region::all().recorded_ms(year..u64::MAX).unwrap()));
        assert_eq!(later[0].header.position, Position(6));
    }
}

//! Opening a store of 20,000 events: after a clean close, and as the death of its process leaves it.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use causelog::Store;
use causelog_benches::events::Events;
use causelog_benches::place;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

/// All in the segment that is being written, or most in sealed ones with index files.
const LAYOUTS: [(&str, u64); 2] = [("one_segment", 64 * 1024 * 1024), ("segments_of_1_mib", 1024 * 1024)];

fn opens(c: &mut Criterion) {
    let directory = place::directory(None).unwrap();
    let mut group = c.benchmark_group("open_20000");
    group.sample_size(10).measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_millis(500));
    for (name, segment_bytes) in LAYOUTS {
        let closed = directory.path().join(name);
        let killed = directory.path().join(format!("{name}-killed"));
        fill(&closed, &killed, segment_bytes);
        group.bench_function(format!("{name}/closed"), |b| {
            // Each store goes before the next one is opened, and that is not counted.
            b.iter_batched(|| (), |()| Store::open(&closed).unwrap(), BatchSize::PerIteration);
        });
        let copy = directory.path().join("copy");
        group.bench_function(format!("{name}/killed"), |b| {
            b.iter_custom(|turns| (0..turns).map(|_| open_killed(&killed, &copy)).sum());
        });
    }
    group.finish();
}

/// Fills a store; its files are copied before it is closed.
fn fill(closed: &Path, killed: &Path, segment_bytes: u64) {
    let store = Store::options().segment_bytes(segment_bytes).open(closed).unwrap();
    let mut events = Events::new(256, 100).unwrap();
    for _ in 0..20 {
        store.append_batch(events.batch(1_000).unwrap()).unwrap();
    }
    place::copy_files(closed, killed).unwrap();
    store.close().unwrap();
}

/// An opened store is closed when it goes, so each opening has a copy of its own.
fn open_killed(killed: &Path, copy: &Path) -> Duration {
    place::copy_files(killed, copy).unwrap();
    let begun = Instant::now();
    let store = Store::open(copy).unwrap();
    let taken = begun.elapsed();
    drop(store);
    fs::remove_dir_all(copy).unwrap();
    taken
}

criterion_group!(benches, opens);
criterion_main!(benches);

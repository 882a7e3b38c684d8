//! Durable appends beside the bare loop on the same disk. Both sides take turns within each measurement, and each
//! figure counts its own turns, so that a disk that slows down slows down both.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

use std::time::{Duration, Instant};

use causelog::Store;
use causelog_benches::bare::{BareFile, Room};
use causelog_benches::events::Events;
use causelog_benches::place;
use criterion::{Bencher, Criterion, Throughput, criterion_group, criterion_main};
use tempfile::TempDir;

/// Which side of a pair is counted.
#[derive(Clone, Copy)]
enum Side {
    Causelog,
    Bare,
}

/// A store and a bare file on one disk.
struct Pair {
    directory: TempDir,
    store: Store,
    bare: BareFile,
    events: Events,
    batch: usize,
}

impl Pair {
    fn new(batch: usize) -> Self {
        let directory = place::directory(None).unwrap();
        let store = Store::open(directory.path().join("store")).unwrap();
        let bare = BareFile::create(directory.path(), Room::Allocated).unwrap();
        Self { directory, store, bare, events: Events::new(256, 100).unwrap(), batch }
    }

    /// One turn of each: a batch, then the same bytes by a bare write and sync.
    fn turn(&mut self, side: Side) -> Duration {
        let batch = self.events.batch(self.batch).unwrap();
        let begun = Instant::now();
        let receipts = self.store.append_batch(batch).unwrap();
        let ours = begun.elapsed();
        let bytes = place::written_by(&self.directory.path().join("store"), &receipts).unwrap();
        self.bare.reserve(bytes.len().try_into().unwrap()).unwrap();
        let begun = Instant::now();
        self.bare.write_and_sync(&bytes).unwrap();
        let theirs = begun.elapsed();
        match side {
            Side::Causelog => ours,
            Side::Bare => theirs,
        }
    }

    fn measure(&mut self, b: &mut Bencher<'_>, side: Side) {
        b.iter_custom(|turns| (0..turns).map(|_| self.turn(side)).sum());
    }
}

fn appends(c: &mut Criterion) {
    for (name, batch) in [("durable_append_1x256", 1_usize), ("durable_batch_1000x256", 1_000)] {
        let mut pair = Pair::new(batch);
        let mut group = c.benchmark_group(name);
        group.sample_size(20).measurement_time(Duration::from_secs(4)).warm_up_time(Duration::from_secs(1));
        group.throughput(Throughput::Elements(batch.try_into().unwrap()));
        group.bench_function("causelog", |b| pair.measure(b, Side::Causelog));
        group.bench_function("bare", |b| pair.measure(b, Side::Bare));
        group.finish();
    }
}

criterion_group!(benches, appends);
criterion_main!(benches);

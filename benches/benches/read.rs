//! Reads of a store whose files are in the page cache.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

use causelog::{EventId, Query, Region, Store};
use causelog_benches::events::Events;
use causelog_benches::place;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const EVENTS: usize = 20_000;
const STREAMS: u32 = 100;

fn reads(c: &mut Criterion) {
    let directory = place::directory(None).unwrap();
    let store = Store::options().segment_bytes(1024 * 1024).open(directory.path().join("store")).unwrap();
    let mut events = Events::new(256, STREAMS).unwrap();
    let mut ids: Vec<EventId> = Vec::new();
    for _ in 0..EVENTS / 1_000 {
        let receipts = store.append_batch(events.batch(1_000).unwrap()).unwrap();
        ids.extend(receipts.iter().map(|receipt| receipt.id));
    }

    let mut group = c.benchmark_group("read");
    group.throughput(Throughput::Elements(1));
    group.bench_function("get_by_id", |b| {
        let mut next = 0;
        b.iter(|| {
            // A step that is coprime to the number of events visits all of them, far from one another.
            next = (next + 7_919) % ids.len();
            store.get(ids[next]).unwrap().unwrap().header.position
        });
    });
    let per_stream = EVENTS / usize::try_from(STREAMS).unwrap();
    group.throughput(Throughput::Elements(per_stream.try_into().unwrap()));
    group.bench_function("stream_of_200", |b| {
        let region = Region::stream(&events.streams()[7]);
        b.iter(|| assert_eq!(store.read(&region).filter(Result::is_ok).count(), per_stream));
    });
    group.throughput(Throughput::Elements(100));
    group.bench_function("last_100_backwards", |b| {
        let query = Query::new(Region::all()).backwards().limit(100);
        b.iter(|| assert_eq!(store.read(query.clone()).filter(Result::is_ok).count(), 100));
    });
    group.sample_size(20).throughput(Throughput::Elements(EVENTS.try_into().unwrap()));
    group.bench_function("all_20000", |b| {
        b.iter(|| assert_eq!(store.read(Region::all()).filter(Result::is_ok).count(), EVENTS));
    });
    group.finish();
}

criterion_group!(benches, reads);
criterion_main!(benches);

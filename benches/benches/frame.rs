//! Frames: encoding with its checks and hashes, sealing with checksums, decoding.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

use std::hint::black_box;

use causelog_types::{
    ByteOffset, Causes, Coordinate, DagPosition, Depth, EventHash, EventId, EventKind, Header, Hlc, Payload,
    Position, Revision, Root, Tags,
};
use causelog_wire::{GroupBuffer, GroupMeta, Salt, decode_frame, hash};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

const SALT: Salt = Salt(42);
const GROUP_AT: ByteOffset = ByteOffset(148);
const EVENTS: u64 = 1_000;

/// An event as most are: not its stream's first, no optional fields.
fn header(payload: &[u8]) -> Header {
    let id = EventId::from_time(1_700_000_000_000, [7; 10]);
    Header {
        id,
        coordinate: Coordinate::new("device:00042", "plant").unwrap(),
        kind: EventKind::of::<0x1001>(),
        payload_version: 0,
        position: Position(100_000),
        revision: Revision(1_000),
        previous_hash: Some(EventHash([9; 32])),
        payload_hash: hash::payload(payload),
        dag: DagPosition {
            correlation_id: id,
            causes: Causes::none(),
            depth: Depth(0),
            hlc: Hlc { wall_ms: 1_700_000_000_000, counter: 3 },
            occurred_ms: None,
        },
        tags: Tags::none(),
        evidence: None,
        batch_remaining: 0,
        salted: false,
    }
}

fn frames(c: &mut Criterion) {
    let payload = Payload::encode(&"x".repeat(253)).unwrap();
    let payload = payload.as_bytes();
    let header = header(payload);
    let mut group = GroupBuffer::new();
    let pushed = group.push(&header, payload).unwrap();
    let meta =
        GroupMeta { epoch: 1, base: Position(100_000), root_before: Root([1; 32]), synced_to: Position(0) };
    let sealed = group.seal(SALT, GROUP_AT, &meta).unwrap().to_vec();

    let mut bench = c.benchmark_group("frame");
    bench.throughput(Throughput::Elements(1));
    bench.bench_function("payload_hash_256", |b| b.iter(|| hash::payload(black_box(payload))));
    bench.bench_function("encode_256", |b| {
        b.iter(|| {
            group.clear();
            group.push(black_box(&header), black_box(payload)).unwrap()
        });
    });
    bench.bench_function("decode_256", |b| {
        let (frame, at) = (&sealed[pushed.start..], GROUP_AT.plus(pushed.start));
        b.iter(|| decode_frame(black_box(frame), SALT, at).whole().unwrap().bytes);
    });
    bench.throughput(Throughput::Elements(EVENTS));
    bench.bench_function("seal_1000x256", |b| {
        let mut full = GroupBuffer::new();
        for _ in 0..EVENTS {
            full.push(&header, payload).unwrap();
        }
        b.iter_batched_ref(
            || full.clone(),
            |full| full.seal(SALT, GROUP_AT, &meta).unwrap().len(),
            BatchSize::LargeInput,
        );
    });
    bench.finish();
}

criterion_group!(benches, frames);
criterion_main!(benches);

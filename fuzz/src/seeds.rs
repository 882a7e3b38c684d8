//! The seeds of the corpora: inputs that reach the code behind the checksums from the first execution on.
//!
//! `cargo run --example seeds` writes them; a test holds that they are the ones in `corpus/`.

use causelog_types::{Event, EventId, Position};
use causelog_wire::encode_header;
use causelog_wire::layout::{FRAME_PREFIX_BYTES, GROUP_HEADER, GROUP_HEADER_BYTES, SEGMENT_HEADER_BYTES};

use crate::fixture::{Ended, Fixture, kind, segment_header};
use crate::{index_file, mend};

/// A target, a file's name, and its content.
pub type Seed = (&'static str, String, Vec<u8>);

/// All seeds.
#[must_use]
pub fn all() -> Vec<Seed> {
    [frame(), segment_scan(), index_file(), store_ops(), directory(), small_files()].concat()
}

fn seed(target: &'static str, name: &str, parts: &[&[u8]]) -> Seed {
    (target, format!("seed-{name}"), parts.concat())
}

/// Real frames, as they are and with bytes that have to be mended; layouts of zeros.
fn frame() -> Vec<Seed> {
    let place = [7; 16];
    let mut seeds = Vec::new();
    for (i, event) in Fixture::two_segments().events.iter().take(6).enumerate() {
        let bytes = frame_of(event);
        seeds.push(seed("frame", &format!("mended-{i}"), &[&[1], &place, &bytes]));
    }
    // A position that is longer than it must be: of another form, and so refused.
    let event = &Fixture::two_segments().events[1];
    let (short, long) = ([0xa1, b'q', 1], [0xa1, b'q', 0xcc, 1]);
    let bytes = frame_of(event);
    let at = bytes.windows(3).position(|window| window == short).expect("the second event is at position 1");
    let bytes = [&bytes[..at], &long, &bytes[at + 3..]].concat();
    seeds.push(seed("frame", "long-number", &[&[1], &place, &bytes]));
    let payload = Fixture::two_segments().events[0].payload.as_ref().expect("it has one").as_bytes();
    seeds.push(seed("frame", "payload", &[&[0], &place, payload]));
    seeds.push(seed("frame", "header", &[&[2], &place, &[1; 300]]));
    for which in 0..8 {
        seeds.push(seed("frame", &format!("layout-{which}"), &[&[3, which, 1], &place, &[0; 148]]));
    }
    seeds
}

fn frame_of(event: &Event) -> Vec<u8> {
    let mut bytes = vec![0; FRAME_PREFIX_BYTES];
    encode_header(&event.header, &mut bytes);
    bytes.extend_from_slice(event.payload.as_ref().expect("it has one").as_bytes());
    bytes
}

/// Each segment's own bytes in its place, and a few changes.
fn segment_scan() -> Vec<Seed> {
    const MENDED_SEGMENT: u8 = 6;
    let mut seeds = Vec::new();
    for (ended, closed) in [(Ended::Killed, 0), (Ended::Closed, 1)] {
        let fixture = Fixture::three_segments(ended);
        for (place, i) in fixture.segments().into_iter().enumerate() {
            let bytes = &fixture.files[i].1;
            let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            let body = &bytes[SEGMENT_HEADER_BYTES..end];
            let place = u8::try_from(place).expect("there are three");
            for repairs in [0, 7] {
                let name = format!("body-{closed}-{place}-{repairs}");
                let head = [closed | MENDED_SEGMENT, place, repairs];
                seeds.push(seed("segment_scan", &name, &[&head, body]));
            }
        }
        let head = [closed | MENDED_SEGMENT, 2, 0];
        let forged = forged_last_group(ended);
        seeds.push(seed("segment_scan", &format!("span-{closed}"), &[&head, &forged]));
        for attack in [0, 2] {
            seeds.push(seed(
                "segment_scan",
                &format!("kind-{closed}-{attack}"),
                &[&[closed | attack], &changed_kind(fixture)],
            ));
        }
        for attack in [0, 2, 8, 10] {
            let name = format!("changes-{closed}-{attack}");
            let changes = [closed | attack, 2, 0, 0, 9, 3, 200, 1, 4, 0, 3, 1, 4, 2, 0];
            seeds.push(seed("segment_scan", &name, &[&changes]));
        }
    }
    seeds
}

/// The index file that the writer made, whole, and with other bytes here and there.
fn index_file() -> Vec<Seed> {
    use index_file::mode::{BOUND, CHANGES, FORGED, MERGED};
    let mut seeds = Vec::new();
    for (store, fixture) in [(0, Fixture::two_segments()), (MERGED, Fixture::seven_index_files())] {
        let (_, file) = fixture.index_file();
        let mut add = |mode: u8, what: &str, bytes: &[u8]| {
            seeds.push(seed("index_file", &format!("{what}-{}", mode | store), &[&[mode | store], bytes]));
        };
        for mode in [0, FORGED, FORGED | BOUND] {
            add(mode, "whole", &index_file::packed(file));
            add(CHANGES | mode, "same", &[]);
            // A byte of each field of the header, of each part of a row, and wherever the blocks hold something.
            let used = (0..file.len()).filter(|at| file[*at] != 0).step_by(23);
            let used: Vec<usize> = used.collect();
            for (n, some) in used.chunks(if store == 0 { 2 } else { 24 }).enumerate() {
                let change = |at: &usize| {
                    let [low, high] = u16::try_from(*at).unwrap_or(0).to_le_bytes();
                    [low, high, file[*at] ^ 1]
                };
                let changes: Vec<u8> = some.iter().flat_map(change).collect();
                add(CHANGES | mode, &format!("changes-{n}"), &changes);
            }
        }
        // The end in the middle of a block, and of the header.
        let [low, high] = u16::try_from(file.len()).unwrap_or(0).to_le_bytes();
        add(CHANGES, "short", &[low, high, 100]);
        add(0, "header", &[0xb6, 0]);
    }
    seeds
}

/// Histories of every step, with different arguments.
fn store_ops() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for round in 0..8_u8 {
        let mut bytes = Vec::new();
        for step in 0..48_u8 {
            // Every third step appends, so that there is something to ask for.
            let step = if step % 3 == 0 { 3 } else { step.wrapping_mul(7 + 2 * round) };
            bytes.push(step);
            bytes.extend(
                (0..6).map(|i: u8| step.wrapping_mul(31).wrapping_add(round * 17).wrapping_mul(i + 1)),
            );
        }
        seeds.push(seed("store_ops", &format!("round-{round}"), &[&bytes]));
    }
    for (fault, ending) in [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)] {
        seeds.push(seed("store_ops", &format!("fault-{fault}-{ending}"), &[&faults(fault, ending)]));
    }
    seeds
}

/// Each operation of an append fails once, then the process (1) or the power (0) goes; and after every one of them
/// the power goes once more.
fn faults(fault: u8, ending: u8) -> Vec<u8> {
    const APPEND: u8 = 0;
    const FAULT_IN_APPEND: u8 = 7;
    const REOPEN: u8 = 6;
    const POWER_CUT: u8 = 3;
    // Stream, shape, kind, payload, expectation.
    const OFFER: [u8; 5] = [0, 0, 0, 60, 7];
    let short: &[u8] = if fault == 1 { &[100, 0] } else { &[] };
    let step = |nth: u8| {
        let append = [&[APPEND], &OFFER[..]].concat();
        let fails = [&[FAULT_IN_APPEND, 0], &OFFER[..], &[fault], short, &[nth, ending]].concat();
        [append, fails, vec![REOPEN, 0, POWER_CUT]].concat()
    };
    (0..13).flat_map(step).collect()
}

/// One bit of the kind of the last segment's first event.
fn changed_kind(fixture: &Fixture) -> [u8; 5] {
    const FLIP: u8 = 3;
    let last = fixture.segments()[2];
    let key = [0xa1, b'k', 0xcd];
    let at = fixture.files[last].1.windows(3).position(|window| window == key).expect("an event has a kind");
    let [low, high] = u16::try_from(at + 4).expect("segments are short").to_le_bytes();
    [u8::try_from(last).expect("there are few files"), low, high, FLIP, 1]
}

/// The last segment's events as one group, the first of them changed, and one more behind the published end, which
/// then lies inside the group.
fn forged_last_group(ended: Ended) -> Vec<u8> {
    let fixture = Fixture::three_segments(ended);
    let base = segment_header(&fixture.files[fixture.segments()[2]].1).base;
    let last_segment = fixture.events.iter().filter(|event| event.header.position >= base);
    let mut events: Vec<Event> = last_segment.cloned().collect();
    let mut more = fixture.events.last().expect("it has events").clone();
    more.header.position = Position(more.header.position.0 + 1);
    more.header.id = EventId::from_u128(77);
    more.header.dag.correlation_id = more.header.id;
    events[0].header.kind = kind(3);
    events.push(more);
    let mut body = vec![0; GROUP_HEADER_BYTES];
    for event in &mut events {
        event.header.batch_remaining = 0;
        let mut frame = frame_of(event);
        let length = u32::try_from(frame.len() - FRAME_PREFIX_BYTES).expect("it is short");
        frame[..4].copy_from_slice(&length.to_le_bytes());
        body.append(&mut frame);
    }
    let length = u32::try_from(body.len() - GROUP_HEADER_BYTES).expect("it is short");
    mend::put(&mut body, mend::field(&GROUP_HEADER, "length"), &length.to_le_bytes());
    mend::put(&mut body, mend::field(&GROUP_HEADER, "kind"), &[1]);
    body
}

/// Each sort of change alone, to each file, and all of them together.
fn directory() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for what in 0..8_u8 {
        for which in 0..6_u8 {
            let change = [what, which, what, 40, 1, 8, 0xff, 0xff];
            seeds.push(seed("directory", &format!("{what}-{which}"), &[&[which % 2], &change]));
        }
    }
    seeds
}

/// The small files as they are.
fn small_files() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for (closed, ended) in [(0, Ended::Killed), (1, Ended::Closed)] {
        let files = &Fixture::three_segments(ended).files;
        for (which, name) in [(0, "store"), (1, "closed"), (2, "lock")] {
            let Some((_, bytes)) = files.iter().find(|(other, _)| other == name) else { continue };
            seeds.push(seed("small_files", &format!("{name}-{closed}"), &[&[closed, which, 1], bytes]));
        }
    }
    seeds
}

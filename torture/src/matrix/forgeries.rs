//! Changes by somebody who mends the checksums: what the hashes are for.

use causelog::{ByteOffset, StoreId};
use causelog_wire::layout::{
    CLOSED_FILE, FRAME_PREFIX_BYTES, Field, GROUP_HEADER, GROUP_HEADER_BYTES, SEGMENT_HEADER, SLOT,
    SLOT_OFFSETS, STORE_FILE,
};
use causelog_wire::{Decoded, Salt, SegmentHeader, Slot, decode_frame};

use crate::matrix::changes::{Case, Change};
use crate::matrix::samples::Sample;

/// Something under one checksum.
struct Record<'a> {
    file: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// Its fields by name and length, its checksum the last or, of a frame, the second.
    fields: Vec<(&'static str, usize)>,
    what: &'static str,
    salt: Salt,
}

/// Every byte of everything under a checksum, or each `step`-th, changed and its checksum mended.
pub(crate) fn cases(sample: &Sample, step: usize) -> Vec<Case> {
    let records = records(sample, sample.store);
    let bytes = records.iter().flat_map(|record| (0..record.length()).map(move |n| (record, n)));
    bytes.step_by(step.max(1)).filter_map(|(record, n)| record.case(n)).collect()
}

/// In each group every event exchanged with the one behind it, its checksum and all.
pub(crate) fn swapped_frames(sample: &Sample) -> Vec<Case> {
    let records = records(sample, sample.store);
    let ends = |record: &Record<'_>| record.at + record.length();
    let pairs = records.iter().zip(records.iter().skip(1)).filter(|(first, second)| {
        first.what == "event" && second.what == "event" && ends(first) == second.at
    });
    let swap = |(first, second): (&Record<'_>, &Record<'_>)| {
        let change = Change::SwapFrames { first: first.at, second: second.at, end: ends(second) };
        Case { file: first.file.to_owned(), change }
    };
    pairs.map(swap).collect()
}

fn records(sample: &Sample, store: StoreId) -> Vec<Record<'_>> {
    let [_, _, _, _, _, _, _, _, low @ ..] = store.as_u128().to_be_bytes();
    let of_store = Salt(u64::from_be_bytes(low));
    let mut records = Vec::new();
    for (file, bytes) in &sample.files {
        let whole = |fields: &[Field], what, salt| Record {
            file,
            bytes,
            at: 0,
            fields: fields.iter().map(|field| (field.name, field.bytes)).collect(),
            what,
            salt,
        };
        match file.as_str() {
            "store" => records.push(whole(&STORE_FILE, "store", Salt(0))),
            "closed" => records.push(whole(&CLOSED_FILE, "closed", of_store)),
            "lock" => {
                let found =
                    |at: usize| Slot::decode(bytes.get(at..).unwrap_or_default(), store, offset(at)).whole();
                let slots = SLOT_OFFSETS.iter().filter_map(|at| usize::try_from(*at).ok());
                let mut slots: Vec<(usize, Slot)> = slots.filter_map(|at| Some((at, found(at)?))).collect();
                slots.sort_unstable_by_key(|(_, slot)| (slot.position, slot.epoch));
                for ((at, _), what) in slots.iter().rev().zip(["newest slot", "older slot"]) {
                    records.push(Record { at: *at, ..whole(&SLOT, what, of_store) });
                }
            }
            _ => {
                let Some(header) = SegmentHeader::decode(bytes).whole() else { continue };
                records.push(whole(&SEGMENT_HEADER, "segment header", header.salt));
                for group in sample.groups.iter().filter(|group| group.file == *file) {
                    let header_of = whole(&GROUP_HEADER, "group header", header.salt);
                    records.push(Record { at: group.at, ..header_of });
                    frames(&whole(&[], "event", header.salt), group.at + GROUP_HEADER_BYTES, &mut records);
                }
            }
        }
    }
    records
}

/// The frames that stand one behind the other from here on.
fn frames<'a>(like: &Record<'a>, mut at: usize, records: &mut Vec<Record<'a>>) {
    while let Some(rest) = like.bytes.get(at..) {
        let Decoded::Whole(frame) = decode_frame(rest, like.salt, offset(at)) else { return };
        let header = frame.header_bytes.len();
        let fields = vec![
            ("length", 4),
            ("checksum", 4),
            ("header", header),
            ("payload", frame.bytes - FRAME_PREFIX_BYTES - header),
        ];
        records.push(Record { at, fields, file: like.file, ..*like });
        at += frame.bytes;
    }
}

impl Record<'_> {
    fn length(&self) -> usize {
        self.fields.iter().map(|(_, bytes)| bytes).sum()
    }

    /// The field that holds a byte.
    fn field(&self, n: usize) -> &'static str {
        let mut end = 0;
        let holds = |(_, bytes): &&(&str, usize)| {
            end += bytes;
            n < end
        };
        self.fields.iter().find(holds).map_or("", |(name, _)| name)
    }

    /// A byte changed and the checksum mended.
    fn case(&self, n: usize) -> Option<Case> {
        let field = self.field(n);
        if field == "checksum" {
            return None;
        }
        let mut bytes = self.bytes.to_vec();
        bytes[self.at + n] ^= 1 << (n % 8);
        let record = &bytes[self.at..self.at + self.length()];
        let (checksum_at, parts): (usize, [&[u8]; 2]) = match self.what {
            "event" => (4, [&record[..4], &record[FRAME_PREFIX_BYTES..]]),
            _ => (record.len() - 4, [&record[..record.len() - 4], &[]]),
        };
        // A segment's own header is read by the salt that stands in it.
        let salt = match self.what {
            "segment header" => Salt(u64::from_le_bytes(record[88..96].try_into().ok()?)),
            _ => self.salt,
        };
        let checksum = checksum(salt, offset(self.at), parts);
        bytes[self.at + checksum_at..self.at + checksum_at + 4].copy_from_slice(&checksum.to_le_bytes());
        let change = Change::Forge { what: self.what, field, at: self.at, bytes };
        Some(Case { file: self.file.to_owned(), change })
    }
}

fn offset(at: usize) -> ByteOffset {
    ByteOffset::default().plus(at)
}

/// As SPEC.md says it, made by other code than the product's.
fn checksum(salt: Salt, offset: ByteOffset, parts: [&[u8]; 2]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&salt.0.to_le_bytes());
    hasher.update(&offset.0.to_le_bytes());
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}

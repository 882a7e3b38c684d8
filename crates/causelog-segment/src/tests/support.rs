//! A small log to test with: events whose payloads are texts, and stores whose content is a list of texts.

use std::sync::Arc;

use causelog_io::{Environment, ManualClock, MemoryStorage, Operation};
use causelog_types::*;
use causelog_wire::{GroupBuffer, Salt, SegmentHeader, hash};

use crate::{
    Appender, AppenderSettings, Damage, DamageKind, Inspection, LogError, OpenReport, Snapshot, StepError,
    inspect, open_reader, open_writer,
};

/// One group of the small logs is about 230 bytes: three fit into a segment.
pub(super) const SMALL: AppenderSettings = AppenderSettings { segment_bytes: 900 };

/// A store in memory.
pub(super) struct Store {
    pub(super) storage: MemoryStorage,
    pub(super) environment: Environment,
    pub(super) settings: AppenderSettings,
}

impl Store {
    pub(super) fn at(storage: MemoryStorage) -> Self {
        let environment = Environment::memory(storage.clone(), ManualClock::new(1_000), 7);
        Self { storage, environment, settings: AppenderSettings::default() }
    }

    pub(super) fn new() -> Self {
        Self::at(MemoryStorage::created())
    }

    /// One whose segments are full after three groups.
    pub(super) fn small() -> Self {
        Self::new().with(SMALL)
    }

    pub(super) fn with(self, settings: AppenderSettings) -> Self {
        Self { settings, ..self }
    }

    /// The same files in another directory, all durable, as a backup brings them back.
    pub(super) fn copy(&self) -> Self {
        Self::at(MemoryStorage::from_files(self.storage.files())).with(self.settings)
    }

    pub(super) fn after_power_cut(&self) -> Self {
        Self::at(self.storage.power_cut()).with(self.settings)
    }

    pub(super) fn after_kill(&self) -> Self {
        Self::at(self.storage.kill()).with(self.settings)
    }

    pub(super) fn try_open(&self) -> Result<(Snapshot, Appender, OpenReport), LogError> {
        let (_, snapshot, appender, report) = open_writer(&self.environment, self.settings)?;
        Ok((snapshot, appender, report))
    }

    pub(super) fn open(&self) -> (Appender, OpenReport) {
        let (_, appender, report) = self.try_open().unwrap();
        (appender, report)
    }

    /// What opening as a writer finds wrong.
    pub(super) fn damage(&self) -> Damage {
        damage_of(self.try_open().map(|_| ()).unwrap_err())
    }

    /// Appends each of `texts` as a group of its own, and closes.
    pub(super) fn append_and_close(&self, texts: &[&str]) {
        let (mut appender, _) = self.open();
        texts.iter().for_each(|text| append(&mut appender, &[text]).unwrap());
        appender.close().unwrap();
    }

    /// Appends each of `texts` as a group of its own, and goes without closing.
    pub(super) fn append_and_drop(&self, texts: &[&str]) {
        let (mut appender, _) = self.open();
        texts.iter().for_each(|text| append(&mut appender, &[text]).unwrap());
    }

    /// All texts, read as a reader does; every group's place, and the root over all, are checked on the way.
    pub(super) fn try_texts(&self) -> Result<Vec<String>, LogError> {
        let (log, snapshot, report) = open_reader(&self.environment)?;
        let mut frames = log.frames(&snapshot);
        let (mut texts, mut root) = (Vec::new(), hash::first_root(log.store()));
        for group in log.groups(&snapshot, Position(0)) {
            let group = group?;
            assert_eq!(group.header.base, Position(widen(texts.len())));
            assert_eq!(group.header.root_before, root);
            for event in &group.events {
                root = hash::next_root(root, event.hash);
                let read = frames.read_event(event.location)?;
                assert_eq!(read.header, event.header);
                assert_eq!(read.header.position, Position(widen(texts.len())));
                texts.push(read.payload.unwrap().decode::<String>().unwrap());
            }
        }
        assert_eq!(report.head, StoreHead { position: Position(widen(texts.len())), root });
        assert_eq!(snapshot.end.head(), report.head);
        Ok(texts)
    }

    pub(super) fn texts(&self) -> Vec<String> {
        self.try_texts().unwrap()
    }

    pub(super) fn report(&self) -> OpenReport {
        open_reader(&self.environment).unwrap().2
    }

    pub(super) fn inspect(&self) -> Inspection {
        inspect(Arc::new(self.storage.clone()), &mut |_| {}, &mut |_| {}).unwrap()
    }

    pub(super) fn file(&self, name: &str) -> Option<Vec<u8>> {
        self.storage.files().into_iter().find(|(there, _)| there == name).map(|(_, bytes)| bytes)
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.storage.files().into_iter().map(|(name, _)| name).collect()
    }

    /// The same files with one of them changed; `None` removes it.
    pub(super) fn with_file(&self, name: &str, content: Option<Vec<u8>>) -> Self {
        let mut files = self.storage.files();
        files.retain(|(there, _)| there != name);
        files.extend(content.map(|content| (name.to_owned(), content)));
        Self::at(MemoryStorage::from_files(files)).with(self.settings)
    }

    /// The same files with one of them edited.
    pub(super) fn edited(&self, name: &str, edit: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut content = self.file(name).unwrap();
        edit(&mut content);
        self.with_file(name, Some(content))
    }

    pub(super) fn without(&self, name: &str) -> Self {
        self.with_file(name, None)
    }

    /// The same files with a segment under another number, which its header says as well.
    pub(super) fn renumbered(&self, from: u64, to: u64) -> Self {
        let header = SegmentHeader { number: SegmentNumber(to), ..self.segment_header(from) }.encode();
        let renumbered = self.edited(&segment(from), |bytes| bytes[..header.len()].copy_from_slice(&header));
        let content = renumbered.file(&segment(from));
        renumbered.without(&segment(from)).with_file(&segment(to), content)
    }

    /// What was done since `clear_trace`, but for looking and reading.
    pub(super) fn changes(&self) -> Vec<Operation> {
        let mut trace = self.storage.trace();
        trace.retain(Operation::mutates);
        trace
    }

    pub(super) fn segment_header(&self, number: u64) -> SegmentHeader {
        SegmentHeader::decode(&self.file(&segment(number)).unwrap()).whole().unwrap()
    }
}

pub(super) fn segment(number: u64) -> String {
    crate::segment_name(SegmentNumber(number))
}

/// A group of one atomic batch.
pub(super) fn group(base: Position, texts: &[&str]) -> (GroupBuffer, Hlc) {
    let mut group = GroupBuffer::new();
    let mut hlc = Hlc::default();
    for (i, text) in texts.iter().enumerate() {
        let position = base.checked_add(widen(i)).unwrap();
        let remaining = u32::try_from(texts.len() - 1 - i).unwrap();
        let (header, payload) = event(position, text, remaining);
        hlc = header.dag.hlc;
        group.push(&header, payload.as_bytes()).unwrap();
    }
    (group, hlc)
}

/// An event, of which this many of its batch still follow.
pub(super) fn event(position: Position, text: &str, batch_remaining: u32) -> (Header, Payload) {
    let id = EventId::from_u128(u128::from(position.0) + 1);
    let payload = Payload::encode(text).unwrap();
    let header = Header {
        id,
        coordinate: Coordinate::new("door:1", "home").unwrap(),
        kind: EventKind::of::<0x1001>(),
        payload_version: 0,
        position,
        revision: Revision(position.0),
        previous_hash: (position.0 > 0).then_some(EventHash([9; 32])),
        payload_hash: hash::payload(payload.as_bytes()),
        dag: DagPosition {
            correlation_id: id,
            causes: Causes::none(),
            depth: Depth(0),
            hlc: Hlc { wall_ms: 1_000 + position.0, counter: 0 },
            occurred_ms: None,
        },
        tags: Tags::none(),
        evidence: None,
        batch_remaining,
        salted: false,
    };
    (header, payload)
}

/// Places and writes a group, without syncing it.
pub(super) fn write(appender: &mut Appender, texts: &[&str]) -> Result<(), StepError> {
    let (mut group, hlc) = group(appender.end().position, texts);
    appender.place(group.len())?;
    appender.write(&mut group, hlc)
}

/// Appends a group durably, and publishes it.
pub(super) fn append(appender: &mut Appender, texts: &[&str]) -> Result<(), StepError> {
    write(appender, texts)?;
    appender.sync()?;
    // Never a reason to fail an append (SLOT-4).
    let _ = appender.publish();
    Ok(())
}

pub(super) fn damage_of(error: LogError) -> Damage {
    match error {
        LogError::Damaged(damage) => damage,
        other => panic!("expected damage: {other}"),
    }
}

/// Where something is damaged, and how.
pub(super) fn place_of(damage: &Damage) -> (&str, u64, &DamageKind) {
    (damage.file.strip_prefix("memory/").unwrap_or(&damage.file), damage.offset.0, &damage.kind)
}

/// A checksum of the format: CRC-32 over the seeds and the bytes, bit by bit.
pub(super) fn checksum(salt: Salt, offset: u64, bytes: &[u8]) -> u32 {
    let seeds = [salt.0.to_le_bytes(), offset.to_le_bytes()].concat();
    let crc = seeds.iter().chain(bytes).fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    });
    !crc
}

/// Corrects the checksum in the last four bytes of a fixed layout.
pub(super) fn mend(layout: &mut [u8], salt: Salt, offset: u64) {
    let at = layout.len() - 4;
    let checksum = checksum(salt, offset, &layout[..at]);
    layout[at..].copy_from_slice(&checksum.to_le_bytes());
}

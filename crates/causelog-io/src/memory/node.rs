//! One file: what a process sees, what a power cut leaves, and the changes between the two.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use crate::LockKind;
use crate::memory::extents::Extents;

/// The greatest length of a file; it keeps a wild offset from eating the memory of the test.
const BYTES_MAX: u64 = 1 << 30;

/// A file, whatever its names.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// What reads see: the durable bytes with all changes, synced or not.
    pub(super) current: Vec<u8>,
    /// What a power cut leaves.
    durable: Vec<u8>,
    /// Changes since the last sync, in order. A sync applies them to `durable`, so it costs what was changed.
    pending: Vec<Change>,
    /// A failed sync has dropped changes that reads still see.
    lost: bool,
    pub(super) room: Extents,
    /// Open handles.
    pub(super) handles: u64,
    /// By handle.
    pub(super) locks: BTreeMap<u64, LockKind>,
}

#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    SetLen(usize),
}

impl Node {
    /// A file that is durable as it is.
    pub(super) fn synced(bytes: Vec<u8>) -> Self {
        let room = Extents::whole(length(bytes.len()));
        Self { durable: bytes.clone(), current: bytes, room, ..Self::default() }
    }

    /// The file after its process was killed: nobody has it open.
    pub(super) fn after_kill(&self) -> Self {
        Self {
            current: self.current.clone(),
            durable: self.durable.clone(),
            pending: self.pending.clone(),
            lost: self.lost,
            room: self.room.clone(),
            ..Self::default()
        }
    }

    /// The file after the power was cut.
    pub(super) fn after_power_cut(&self) -> Self {
        Self::synced(self.durable.clone())
    }

    /// The file after the power was cut, with some of what was not synced: for each sector, and for the length,
    /// the changes up to one that is drawn. That is what a page cache does: a sector is written as it stands when
    /// its turn comes, and sectors take turns in any order.
    pub(super) fn after_power_cut_by(&self, draw: &mut dyn FnMut(usize) -> usize) -> Self {
        let mut lengths = vec![self.durable.len()];
        let mut sectors: BTreeMap<usize, Vec<&Change>> = BTreeMap::new();
        let mut reached = self.durable.len();
        for change in &self.pending {
            reached = change.length_after(reached);
            lengths.push(reached);
            change.sectors().for_each(|sector| sectors.entry(sector).or_default().push(change));
        }
        lengths.dedup();
        let length = lengths[draw(lengths.len())];
        let mut bytes = self.durable.clone();
        bytes.resize(bytes.len().max(lengths.iter().copied().max().unwrap_or(0)), 0);
        for (sector, changes) in sectors {
            let kept = draw(changes.len() + 1);
            changes[..kept].iter().for_each(|change| change.apply_to_sector(sector, &mut bytes));
        }
        bytes.resize(length, 0);
        Self::synced(bytes)
    }

    pub(super) fn len(&self) -> u64 {
        length(self.current.len())
    }

    pub(super) fn read(&self, buffer: &mut [u8], offset: u64) -> usize {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.current.len());
        let count = buffer.len().min(self.current.len() - start);
        buffer[..count].copy_from_slice(&self.current[start..start + count]);
        count
    }

    pub(super) fn write(&mut self, bytes: &[u8], range: Range<u64>) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        index(range.end)?;
        let change = Change::Write { offset: index(range.start)?, bytes: bytes.to_vec() };
        self.room.add(range);
        self.change(change);
        Ok(())
    }

    pub(super) fn set_len(&mut self, bytes: u64) -> io::Result<()> {
        let change = Change::SetLen(index(bytes)?);
        self.room.cut(bytes);
        self.change(change);
        Ok(())
    }

    pub(super) fn allocate(&mut self, range: Range<u64>) -> io::Result<()> {
        let end = index(range.end)?;
        self.room.add(range);
        if end > self.current.len() {
            self.change(Change::SetLen(end));
        }
        Ok(())
    }

    pub(super) fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// A sync that failed: the system counts the changes as written, and they never reach the device.
    pub(super) fn lose(&mut self) {
        self.lost |= !self.pending.is_empty();
        self.pending.clear();
    }

    /// Reads again from the device what no pending change covers. Only after a failed sync can it differ.
    pub(super) fn drop_cached(&mut self, offset: u64, bytes: u64) {
        if !self.lost {
            return;
        }
        let mut device = self.durable.clone();
        for change in &self.pending {
            change.apply(&mut device);
        }
        device.resize(self.current.len(), 0);
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(device.len());
        let end = usize::try_from(offset.saturating_add(bytes)).unwrap_or(usize::MAX).min(device.len());
        self.current[start..end].copy_from_slice(&device[start..end]);
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.current);
        self.pending.push(change);
    }
}

/// What a disk writes as a whole or not at all.
const SECTOR_BYTES: usize = 512;

impl Change {
    fn length_after(&self, before: usize) -> usize {
        match self {
            Self::Write { offset, bytes } => before.max(offset + bytes.len()),
            Self::SetLen(bytes) => *bytes,
        }
    }

    /// The sectors whose bytes it changes. A change of length changes none.
    fn sectors(&self) -> Range<usize> {
        match self {
            Self::Write { offset, bytes } => {
                offset / SECTOR_BYTES..(offset + bytes.len()).div_ceil(SECTOR_BYTES)
            }
            Self::SetLen(_) => 0..0,
        }
    }

    fn apply_to_sector(&self, sector: usize, file: &mut [u8]) {
        let Self::Write { offset, bytes } = self else { return };
        let start = (sector * SECTOR_BYTES).max(*offset);
        let end = ((sector + 1) * SECTOR_BYTES).min(offset + bytes.len());
        file[start..end].copy_from_slice(&bytes[start - offset..end - offset]);
    }

    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => {
                let end = offset + bytes.len();
                if file.len() < end {
                    file.resize(end, 0);
                }
                file[*offset..end].copy_from_slice(bytes);
            }
            Self::SetLen(bytes) => file.resize(*bytes, 0),
        }
    }
}

/// A length in memory as one on disk.
pub(super) fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn index(end: u64) -> io::Result<usize> {
    if end > BYTES_MAX {
        let message = format!("a file in memory holds at most {BYTES_MAX} bytes, not {end}");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    usize::try_from(end).map_err(|_| io::ErrorKind::FileTooLarge.into())
}

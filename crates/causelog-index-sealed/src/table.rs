//! A walk over the entries of an index file's table, in the order of their keys.

use std::sync::Arc;

use causelog_wire::IndexNode;

use crate::file::{Block, IndexFile, Unusable, Use};

/// An entry of the table, from which one can go on in either direction.
#[derive(Clone)]
pub(crate) struct Entries<'a> {
    file: &'a IndexFile,
    leaf: u32,
    block: Arc<Block>,
    at: usize,
    keep: Keep,
}

/// Whether leaves are kept in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    Yes,
    No,
}

impl<'a> Entries<'a> {
    /// The first entry of all.
    pub(crate) fn first(file: &'a IndexFile, keep: Keep) -> Result<Self, Unusable> {
        Ok(Self { file, leaf: 0, block: leaf(file, 0, keep)?, at: 0, keep })
    }

    /// The last entry whose key is not greater than this one.
    pub(crate) fn last_up_to(file: &'a IndexFile, key: &[u8]) -> Result<Option<Self>, Unusable> {
        let mut number = file.root();
        for _ in 0..file.header().levels {
            let block = file.block(number, Use::Node)?;
            let node = block.node();
            let Some(at) = node.entries_up_to(key).checked_sub(1) else { return Ok(None) };
            number = u64::from(node.child(at)?);
        }
        let leaf = number.checked_sub(file.first_leaf()).and_then(|leaf| u32::try_from(leaf).ok());
        let leaf = leaf.filter(|leaf| *leaf < file.header().leaf_blocks).ok_or(Unusable::NotWhole)?;
        let block = file.block(number, Use::Node)?;
        let Some(at) = block.node().entries_up_to(key).checked_sub(1) else { return Ok(None) };
        Ok(Some(Self { file, leaf, block, at, keep: Keep::Yes }))
    }

    /// The first entry whose key is not less than this one.
    pub(crate) fn first_from(file: &'a IndexFile, key: &[u8]) -> Result<Option<Self>, Unusable> {
        let Some(mut entry) = Self::last_up_to(file, key)? else {
            return Self::first(file, Keep::Yes).map(Some);
        };
        let mut found = Vec::new();
        entry.node().key_into(entry.at, &mut found);
        if found == key || entry.step()? { Ok(Some(entry)) } else { Ok(None) }
    }

    /// Goes to the next entry; `false`, and nowhere, when this is the last.
    pub(crate) fn step(&mut self) -> Result<bool, Unusable> {
        if self.at + 1 < self.node().count() {
            self.at += 1;
            return Ok(true);
        }
        if self.leaf + 1 >= self.file.header().leaf_blocks {
            return Ok(false);
        }
        self.block = leaf(self.file, self.leaf + 1, self.keep)?;
        (self.leaf, self.at) = (self.leaf + 1, 0);
        Ok(true)
    }

    pub(crate) fn key_into(&self, out: &mut Vec<u8>) {
        self.node().key_into(self.at, out);
    }

    pub(crate) fn key_begins_with(&self, beginning: &[u8]) -> bool {
        self.node().key_begins_with(self.at, beginning)
    }

    pub(crate) fn value(&self) -> &[u8] {
        self.block.node().value(self.at)
    }

    fn node(&self) -> IndexNode<'_> {
        self.block.node()
    }
}

fn leaf(file: &IndexFile, number: u32, keep: Keep) -> Result<Arc<Block>, Unusable> {
    let number = file.first_leaf() + u64::from(number);
    match keep {
        Keep::Yes => file.block(number, Use::Node),
        Keep::No => file.read(number, Use::Node).map(Arc::new),
    }
}

/// The rank of a position where they fall, and the position of such a rank. No rank is `u64::MAX`, since no position
/// is.
pub(crate) fn turned(number: u64) -> u64 {
    (u64::MAX - 1).saturating_sub(number)
}

/// Positions of one thing in an index file, found by rank: the position where they rise, the position turned around
/// where they fall, so that the next one is always the least rank from a given one on.
pub(crate) struct Positions<'a> {
    file: &'a IndexFile,
    /// What all keys about the thing begin with.
    key: Vec<u8>,
    falling: bool,
    /// Those of one entry.
    piece: Vec<u64>,
    /// That entry, where they rise.
    entry: Option<Entries<'a>>,
}

impl<'a> Positions<'a> {
    pub(crate) fn new(file: &'a IndexFile, key: &[u8], falling: bool) -> Self {
        Self { file, key: key.to_vec(), falling, piece: Vec::new(), entry: None }
    }

    /// The least rank from this one on.
    pub(crate) fn next_from(&mut self, rank: u64) -> Result<Option<u64>, Unusable> {
        match self.falling {
            false => self.at_or_after(rank),
            true => Ok(self.at_or_before(turned(rank))?.map(turned)),
        }
    }

    fn at_or_after(&mut self, position: u64) -> Result<Option<u64>, Unusable> {
        let bounds = (self.piece.first().copied(), self.piece.last().copied());
        if let (Some(first), Some(last)) = bounds
            && first <= position
        {
            if position <= last {
                let i = self.piece.partition_point(|found| *found < position);
                return Ok(self.piece.get(i).copied());
            }
            // The entry behind it is mostly the one that is asked for.
            if self.step()? && self.piece.last().is_some_and(|last| position <= *last) {
                let i = self.piece.partition_point(|found| *found < position);
                return Ok(self.piece.get(i).copied());
            }
        }
        self.seek(position)?;
        if self.piece.last().is_none_or(|last| *last < position) && !self.step()? {
            return Ok(None);
        }
        let i = self.piece.partition_point(|found| *found < position);
        Ok(self.piece.get(i).copied())
    }

    fn at_or_before(&mut self, position: u64) -> Result<Option<u64>, Unusable> {
        let inside = matches!((self.piece.first(), self.piece.last()),
            (Some(first), Some(last)) if *first <= position && position <= *last);
        if !inside {
            self.seek(position)?;
        }
        let count = self.piece.partition_point(|found| *found <= position);
        Ok(count.checked_sub(1).and_then(|i| self.piece.get(i)).copied())
    }

    /// Takes the entry in which a position must stand, if any holds it.
    fn seek(&mut self, position: u64) -> Result<(), Unusable> {
        self.piece.clear();
        self.key.extend_from_slice(&position.to_be_bytes());
        let found = Entries::last_up_to(self.file, &self.key);
        self.key.truncate(self.key.len() - 8);
        self.entry = found?;
        match &self.entry {
            Some(entry) if entry.key_begins_with(&self.key) => self.take(),
            _ => Ok(()),
        }
    }

    /// Goes to the next entry of the thing.
    fn step(&mut self) -> Result<bool, Unusable> {
        self.piece.clear();
        let there = match &mut self.entry {
            Some(entry) => entry.step()?,
            None => {
                self.entry = Some(Entries::first(self.file, Keep::Yes)?);
                true
            }
        };
        if !there || !self.entry.as_ref().is_some_and(|entry| entry.key_begins_with(&self.key)) {
            return Ok(false);
        }
        self.take()?;
        Ok(true)
    }

    fn take(&mut self) -> Result<(), Unusable> {
        let Some(entry) = &self.entry else { return Ok(()) };
        let mut key = Vec::with_capacity(self.key.len() + 8);
        entry.key_into(&mut key);
        let first = causelog_wire::IndexKey::split_position(&key).filter(|(before, _)| *before == self.key);
        let (_, first) = first.ok_or(Unusable::NotWhole)?;
        causelog_wire::decode_positions(first, entry.value(), &mut self.piece)?;
        let header = self.file.header();
        let within = header.base <= first && self.piece.last().is_none_or(|last| *last < header.next.0);
        if within { Ok(()) } else { Err(Unusable::NotWhole) }
    }
}

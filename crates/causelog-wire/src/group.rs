//! Commit groups: what one sync made durable. A group is there as a whole or not at all.

use causelog_types::{ByteOffset, EventHash, Header, Position, Root, limits, planted, widen};

use crate::checksum::checksum;
use crate::fixed::{FixedReader, FixedWriter};
use crate::frame::check_payload;
use crate::header::check_header;
use crate::layout::{FRAME_PREFIX_BYTES, GROUP_HEADER_BYTES, GROUP_MAGIC};
use crate::{Decoded, Flaw, Rule, Salt, encode_header, hash};

/// The smallest frame there can be: its prefix, a header of the seven keys that are always there, a payload.
pub(crate) const FRAME_BYTES_MIN: u64 = 83;

/// What stands before the frames of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupHeader {
    /// What the group holds.
    pub kind: GroupKind,
    /// The length of what follows, in bytes.
    pub length: u32,
    /// How many positions it takes.
    pub count: u64,
    /// Its first position.
    pub base: Position,
    /// Which opening of the store wrote it.
    pub epoch: u64,
    /// The position up to which a sync had returned when it was written.
    pub synced_to: Position,
    /// The root before its first event.
    pub root_before: Root,
    /// The root after its last event.
    pub root_after: Root,
}

/// What a group holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupKind {
    /// Events, one frame each.
    Events,
    /// Nothing: it stands where events were lost or dropped.
    Gap(GapReason),
}

/// Why there is a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapReason {
    /// Events were damaged, and salvage could not bring them back.
    Lost,
    /// Whole leading segments were dropped on purpose.
    Dropped,
}

impl GroupHeader {
    /// The position after its last event.
    #[must_use]
    pub fn next(&self) -> Position {
        Position(self.base.0.saturating_add(self.count))
    }

    /// The length of the whole group, this header included.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        widen(GROUP_HEADER_BYTES) + u64::from(self.length)
    }

    /// Writes it for this place.
    #[must_use]
    pub fn encode(&self, salt: Salt, offset: ByteOffset) -> [u8; GROUP_HEADER_BYTES] {
        let (kind, reason) = match self.kind {
            GroupKind::Events => (1, 0),
            GroupKind::Gap(GapReason::Lost) => (2, 1),
            GroupKind::Gap(GapReason::Dropped) => (2, 2),
        };
        let fields = FixedWriter::<GROUP_HEADER_BYTES>::new()
            .bytes(&GROUP_MAGIC)
            .u8(kind)
            .u8(0)
            .u8(reason)
            .u8(0)
            .u32(self.length)
            .u64(self.count)
            .u64(self.base.0)
            .u64(self.epoch)
            .u64(self.synced_to.0)
            .bytes(&self.root_before.0)
            .bytes(&self.root_after.0);
        let checksum = checksum(salt, offset, &[fields.written()]);
        fields.u32(checksum).finish()
    }

    /// Reads the one at the beginning of `bytes`, which stand at `offset` in a segment with this salt.
    #[must_use]
    pub fn decode(bytes: &[u8], salt: Salt, offset: ByteOffset) -> Decoded<Self> {
        let Some(bytes) = bytes.get(..GROUP_HEADER_BYTES) else {
            return Decoded::Incomplete { need: GROUP_HEADER_BYTES };
        };
        Self::read(bytes, salt, offset).map_err(|rule| Flaw { rule, offset }).into()
    }

    fn read(bytes: &[u8], salt: Salt, offset: ByteOffset) -> Result<Self, Rule> {
        let mut fields = FixedReader::new(bytes);
        if fields.array() != GROUP_MAGIC {
            return Err(Rule::Magic);
        }
        let (kind, flags, reason, reserved) = (fields.u8(), fields.u8(), fields.u8(), fields.u8());
        let header = Self {
            length: fields.u32(),
            count: fields.u64(),
            base: fields.position(),
            epoch: fields.u64(),
            synced_to: fields.position(),
            root_before: fields.root(),
            root_after: fields.root(),
            kind: GroupKind::Events,
        };
        let (covered, _) = bytes.split_at(GROUP_HEADER_BYTES - 4);
        if fields.u32() != checksum(salt, offset, &[covered]) && !planted!("trust-a-group-header") {
            return Err(Rule::Checksum("group header"));
        }
        if flags != 0 {
            return Err(Rule::Unsupported("group flag"));
        }
        if reserved != 0 {
            return Err(Rule::Reserved);
        }
        let kind = match (kind, reason) {
            (1, 0) => GroupKind::Events,
            (2, 1) => GroupKind::Gap(GapReason::Lost),
            (2, 2) => GroupKind::Gap(GapReason::Dropped),
            _ => return Err(Rule::Unsupported("group kind")),
        };
        Self { kind, ..header }.checked()
    }

    fn checked(self) -> Result<Self, Rule> {
        let length_fits = match self.kind {
            GroupKind::Events => {
                self.total_bytes() <= widen(limits::GROUP_BYTES_MAX)
                    && self.count <= u64::from(self.length) / FRAME_BYTES_MIN
            }
            GroupKind::Gap(_) => self.length == 0,
        };
        if !length_fits {
            return Err(Rule::Range("length or count"));
        }
        if self.count == 0 || self.base.0.checked_add(self.count).is_none_or(|next| next == u64::MAX) {
            return Err(Rule::Range("count"));
        }
        match self.synced_to <= self.base {
            true => Ok(self),
            false => Err(Rule::Range("synced_to")),
        }
    }
}

/// Something that cannot be written because it is beyond a limit of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A header is too long.
    #[error("the event's header has {bytes} bytes; at most {} are allowed", limits::HEADER_BYTES_MAX)]
    HeaderTooLong {
        /// Its length.
        bytes: usize,
    },
    /// A frame is too long.
    #[error("the event's frame has {bytes} bytes; at most {limit} are allowed")]
    FrameTooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A group is too long.
    #[error("the commit group has {bytes} bytes; at most {} are allowed", limits::GROUP_BYTES_MAX)]
    GroupTooLong {
        /// Its length.
        bytes: usize,
    },
    /// A group without an event.
    #[error("a commit group has at least one event")]
    GroupEmpty,
    /// Something that breaks a rule of the format, so that it could not be read back.
    #[error("it cannot be written, since it could not be read back: {0}")]
    Unreadable(Rule),
}

/// Collects the frames of one group. Checksums come last, when the place is known.
#[derive(Clone, Debug, Default)]
pub struct GroupBuffer {
    /// Room for the group's header, then the frames; nothing at all before the first.
    bytes: Vec<u8>,
    frames: Vec<PushedFrame>,
}

/// A frame in a [`GroupBuffer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushedFrame {
    /// Where it begins, from the beginning of the group.
    pub start: usize,
    /// Its length.
    pub bytes: u32,
    /// The hash of its event.
    pub hash: EventHash,
}

/// What a group's header says that its frames do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupMeta {
    /// Which opening of the store writes it.
    pub epoch: u64,
    /// The position of its first event.
    pub base: Position,
    /// The root before its first event.
    pub root_before: Root,
    /// The position up to which a sync has returned.
    pub synced_to: Position,
}

impl GroupBuffer {
    /// An empty group.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an event. `stored_payload` is the payload's MessagePack value, with its salt before it if the
    /// header says so. On an error nothing has been added.
    ///
    /// # Errors
    /// A header, a frame or a group beyond the format's limits, or what a decoder would refuse.
    pub fn push(&mut self, header: &Header, stored_payload: &[u8]) -> Result<PushedFrame, EncodeError> {
        check_header(header).map_err(EncodeError::Unreadable)?;
        check_payload(header.salted, false, stored_payload).map_err(EncodeError::Unreadable)?;
        let start = self.len();
        let pushed = self.try_push(header, stored_payload, start);
        if pushed.is_err() {
            self.bytes.truncate(start);
        }
        pushed
    }

    fn try_push(
        &mut self,
        header: &Header,
        stored_payload: &[u8],
        start: usize,
    ) -> Result<PushedFrame, EncodeError> {
        let body = start + FRAME_PREFIX_BYTES;
        self.bytes.resize(body, 0);
        encode_header(header, &mut self.bytes);
        let header_bytes = self.bytes.len() - body;
        if header_bytes > limits::HEADER_BYTES_MAX {
            return Err(EncodeError::HeaderTooLong { bytes: header_bytes });
        }
        let hash = hash::event(&self.bytes[body..]);
        let frame_bytes = FRAME_PREFIX_BYTES + header_bytes + stored_payload.len();
        let too_long = EncodeError::FrameTooLong { bytes: frame_bytes, limit: limits::FRAME_BYTES_MAX };
        if frame_bytes > limits::FRAME_BYTES_MAX {
            return Err(too_long);
        }
        let group_bytes = start + frame_bytes;
        if group_bytes > limits::GROUP_BYTES_MAX {
            return Err(EncodeError::GroupTooLong { bytes: group_bytes });
        }
        self.bytes.extend_from_slice(stored_payload);
        let bytes = u32::try_from(frame_bytes).map_err(|_| too_long)?;
        let pushed = PushedFrame { start, bytes, hash };
        self.frames.push(pushed);
        Ok(pushed)
    }

    /// The length of the whole group.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len().max(GROUP_HEADER_BYTES)
    }

    /// Whether it holds no event.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// The frames, in order.
    #[must_use]
    pub fn frames(&self) -> &[PushedFrame] {
        &self.frames
    }

    /// The root after the group's last event, if this is the root before its first.
    #[must_use]
    pub fn root_after(&self, root_before: Root) -> Root {
        self.frames.iter().fold(root_before, |root, frame| hash::next_root(root, frame.hash))
    }

    /// Takes events away again, down to `frames` of them.
    pub fn truncate(&mut self, frames: usize) {
        if let Some(first_gone) = self.frames.get(frames) {
            self.bytes.truncate(first_gone.start);
            self.frames.truncate(frames);
        }
    }

    /// Fills in the group's header and every checksum for this place; returns the bytes to write there.
    ///
    /// # Errors
    /// [`EncodeError::GroupEmpty`], or [`EncodeError::Unreadable`] for numbers that no group can have.
    pub fn seal(&mut self, salt: Salt, offset: ByteOffset, meta: &GroupMeta) -> Result<&[u8], EncodeError> {
        if self.frames.is_empty() {
            return Err(EncodeError::GroupEmpty);
        }
        let body = self.bytes.len() - GROUP_HEADER_BYTES;
        let length = u32::try_from(body).map_err(|_| EncodeError::GroupTooLong { bytes: body })?;
        for frame in &self.frames {
            let word = frame.bytes - FRAME_PREFIX_WORD;
            let end = frame.start + FRAME_PREFIX_BYTES + usize::try_from(word).unwrap_or(usize::MAX);
            let content = &self.bytes[frame.start + FRAME_PREFIX_BYTES..end];
            let checksum = checksum(salt, offset.plus(frame.start), &[&word.to_le_bytes(), content]);
            self.bytes[frame.start..frame.start + 4].copy_from_slice(&word.to_le_bytes());
            self.bytes[frame.start + 4..frame.start + 8].copy_from_slice(&checksum.to_le_bytes());
        }
        let header = GroupHeader {
            kind: GroupKind::Events,
            length,
            count: widen(self.frames.len()),
            base: meta.base,
            epoch: meta.epoch,
            synced_to: meta.synced_to,
            root_before: meta.root_before,
            root_after: self.root_after(meta.root_before),
        };
        let header = header.checked().map_err(EncodeError::Unreadable)?;
        self.bytes[..GROUP_HEADER_BYTES].copy_from_slice(&header.encode(salt, offset));
        Ok(&self.bytes)
    }

    /// Empties it, keeping its memory for the next group.
    pub fn clear(&mut self) {
        self.bytes.truncate(GROUP_HEADER_BYTES);
        self.frames.clear();
    }
}

/// The length of a frame's prefix, as a frame's length is counted.
const FRAME_PREFIX_WORD: u32 = 8;

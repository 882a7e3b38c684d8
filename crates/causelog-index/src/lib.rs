//! x
mod contract;
mod error;
pub use contract::{
    AppliedEvent, AppliedGroup, Counts, Direction, Index, IndexEntry, IndexedHead, Selection, Watermark,
};
pub use error::IndexError;

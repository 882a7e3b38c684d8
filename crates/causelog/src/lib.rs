//! An embedded, sync-first, causal event store: open a path, append, read.

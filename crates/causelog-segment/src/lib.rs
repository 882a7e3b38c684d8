//! The log of causelog: segment files, append, seal, scan, recovery and the published end.

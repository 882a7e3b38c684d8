//! The single writer of causelog: judges, numbers, hashes and commits groups.

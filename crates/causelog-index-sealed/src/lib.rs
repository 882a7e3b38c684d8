//! The default index of causelog: index files of sealed segments, memory for the tail.

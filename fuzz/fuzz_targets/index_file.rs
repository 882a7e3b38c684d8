//! See [`causelog_fuzz::index_file`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| causelog_fuzz::index_file::check(data));

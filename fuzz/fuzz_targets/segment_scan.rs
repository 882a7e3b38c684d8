//! See [`causelog_fuzz::segment_scan`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| causelog_fuzz::segment_scan::check(data));

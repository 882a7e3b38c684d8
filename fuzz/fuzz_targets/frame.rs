//! See [`causelog_fuzz::frame`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| causelog_fuzz::frame::check(data));

//! See [`causelog_fuzz::directory`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| causelog_fuzz::directory::check(data));

//! See [`causelog_fuzz::store_ops`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| causelog_fuzz::store_ops::check(data));

#!/usr/bin/env bash
# Fuzzes on a stable toolchain: run.sh TARGET [libFuzzer options]. New inputs go to target/fuzz/TARGET, crashes to
# crashes/TARGET.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
target=${1:?"usage: run.sh frame|segment_scan|index_file|store_ops|directory|small_files [libFuzzer options]"}
shift

host=$(rustc -vV | sed -n 's/^host: //p')
# What `cargo fuzz` sets on nightly, without its sanitizer. The explicit target keeps the flags from build scripts.
export RUSTFLAGS="--cfg fuzzing -Cdebug-assertions -Ccodegen-units=1 -Cpasses=sancov-module \
-Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
cargo build --locked --release --features fuzzing --target "$host" --bin "$target"

built=${CARGO_TARGET_DIR:-target}
found=$built/fuzz/$target
mkdir -p "$found" "crashes/$target"
# The first folder takes what is found; the last is only read. Without a bound an input grows into minutes.
exec "$built/$host/release/$target" -rss_limit_mb=512 -timeout=10 -max_len=16384 \
    -artifact_prefix="crashes/$target/" "$@" "$found" "corpus/$target"

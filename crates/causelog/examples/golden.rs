//! Writes the golden store of this version of the format, `tests/golden/v1`, and what stands in it, in place of
//! what is there:
//! `cargo run -p causelog --example golden`.

#[path = "../tests/it/golden_script.rs"]
mod golden_script;

use std::sync::Arc;

use causelog::{RealStorage, Storage, Store};
use causelog_io::{Access, write_once_at};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
const V1: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/v1");

fn main() -> golden_script::Outcome<()> {
    let storage = RealStorage::create(V1)?;
    for entry in storage.list()? {
        storage.remove(&entry.name)?;
    }
    golden_script::write(Arc::new(storage))?;
    let summary = golden_script::summary(&Store::open_read_only(V1)?)?;
    let file = RealStorage::open(GOLDEN)?.open("v1.events", Access::OpenOrCreate)?;
    file.set_len(0)?;
    Ok(write_once_at(&*file, summary.as_bytes(), 0)?)
}

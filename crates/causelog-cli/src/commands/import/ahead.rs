//! Lines become events on a thread of their own, while the store makes the batch before durable.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::commands::import::lines::Lines;
use crate::commands::import::mapping::{Mapped, Mapping};

/// How much of the input is handed over at once, at most.
const CHUNK_BYTES: u64 = 256 * 1024;
/// How many chunks wait for the store, at most.
const CHUNKS_AHEAD: usize = 8;

/// Lines that follow each other; or why no more can be read.
pub(super) type Chunk = io::Result<Vec<Parsed>>;

/// What became of a line.
pub(super) struct Parsed {
    /// Counted from 1, blank lines included.
    pub(super) number: u64,
    /// How many bytes of the input had been read with it.
    pub(super) bytes_read: u64,
    /// Its event, or why it is none.
    pub(super) event: Result<Mapped, String>,
}

/// Reads lines and makes events of them ahead of whoever takes them. What has come is handed over before the
/// next wait for input, so that a slow source delays nothing.
pub(super) fn parse_ahead<R: Read + Send + 'static>(
    mapping: Mapping,
    lines: Lines<R>,
) -> io::Result<Receiver<Chunk>> {
    let (sender, receiver) = sync_channel(CHUNKS_AHEAD);
    // Not joined: when an import stops early, the thread may be waiting for input that never comes.
    thread::Builder::new().name("import-parse".to_owned()).spawn(move || parse(&mapping, lines, &sender))?;
    Ok(receiver)
}

fn parse<R: Read>(mapping: &Mapping, mut lines: Lines<R>, sender: &SyncSender<Chunk>) {
    let (mut chunk, mut chunk_start) = (Vec::new(), 0);
    loop {
        let (number, bytes_read, event) = match lines.next() {
            Ok(Some(line)) => (line.number, line.bytes_read, line.text.and_then(|text| mapping.event(text))),
            Ok(None) => break,
            Err(error) => {
                // The lines before count; nobody listens any more if sending fails.
                let _ = sender.send(Ok(chunk)).and_then(|()| sender.send(Err(error)));
                return;
            }
        };
        chunk.push(Parsed { number, bytes_read, event });
        if bytes_read - chunk_start >= CHUNK_BYTES || lines.would_wait() {
            chunk_start = bytes_read;
            if sender.send(Ok(std::mem::take(&mut chunk))).is_err() {
                return;
            }
        }
    }
    let _ = sender.send(Ok(chunk));
}

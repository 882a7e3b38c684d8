use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::BareGroupCommit;
use crate::bare::{BareFile, Room};

const HEADER: &[u8] = b"GROUP---";
const CALLERS: u32 = 32;
const RECORDS: u32 = 100;

/// Eight bytes that no other record has, none of them a zero.
fn record(caller: u32, number: u32) -> Vec<u8> {
    format!("{caller:03}:{number:04}").into_bytes()
}

/// Appends from many threads, each record after the one before it is acknowledged.
fn append_all<F: Send>(bare: &BareGroupCommit<F>, acknowledged: impl Fn(&[u8]) + Sync) {
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let acknowledged = &acknowledged;
            scope.spawn(move || {
                for number in 0..RECORDS {
                    let record = record(caller, number);
                    bare.append(&record).unwrap();
                    acknowledged(&record);
                }
            });
        }
    });
}

#[test]
fn every_record_is_in_the_file_whole_and_syncs_are_shared() {
    let directory = tempfile::tempdir().unwrap();
    let file = BareFile::create(directory.path(), Room::Allocated).unwrap();
    let bare = BareGroupCommit::new(file, HEADER, super::Leader::Gathers);
    append_all(&bare, |_| {});

    let written = std::fs::read(directory.path().join("bare-0")).unwrap();
    let parts: Vec<&[u8]> = written.chunks(HEADER.len()).take_while(|part| part[0] != 0).collect();
    let (headers, records): (Vec<&[u8]>, Vec<&[u8]>) = parts.iter().partition(|part| **part == HEADER);
    let all = (0..CALLERS).flat_map(|caller| (0..RECORDS).map(move |number| record(caller, number)));
    assert_eq!(records.len(), all.clone().count());
    let found: HashSet<Vec<u8>> = records.iter().map(|record| record.to_vec()).collect();
    assert_eq!(found, all.collect());
    assert!(written[parts.len() * HEADER.len()..].iter().all(|byte| *byte == 0));

    assert_eq!(bare.syncs(), u64::try_from(headers.len()).unwrap(), "a group has one header and one sync");
    assert!(headers.len() < records.len(), "{} syncs of {} records", headers.len(), records.len());
}

/// What a disk has synced, seen from outside.
#[derive(Clone, Default)]
struct Disk {
    synced: Arc<Mutex<HashSet<Vec<u8>>>>,
    syncs_left: Option<u32>,
}

impl Disk {
    fn write_and_sync(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Long enough for records of the next group to come.
        thread::sleep(Duration::from_micros(200));
        if let Some(left) = &mut self.syncs_left {
            *left = left.checked_sub(1).ok_or_else(|| io::Error::other("out of order"))?;
        }
        let records = bytes.strip_prefix(HEADER).unwrap().chunks(HEADER.len());
        self.synced.lock().unwrap().extend(records.map(<[u8]>::to_vec));
        Ok(())
    }
}

#[test]
fn a_record_is_acknowledged_only_after_a_sync_that_covers_it() {
    let disk = Disk::default();
    let bare = BareGroupCommit::over(disk.clone(), Disk::write_and_sync, HEADER);
    append_all(&bare, |record| {
        assert!(disk.synced.lock().unwrap().contains(record), "{record:?} was not synced");
    });
}

#[test]
fn a_failed_sync_is_told_to_all_who_wait_and_to_all_who_come() {
    let disk = Disk { syncs_left: Some(3), ..Disk::default() };
    let bare = BareGroupCommit::over(disk.clone(), Disk::write_and_sync, HEADER);
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (bare, disk) = (&bare, &disk);
            scope.spawn(move || {
                let mut number = 0;
                let error = loop {
                    let record = record(caller, number);
                    if let Err(error) = bare.append(&record) {
                        assert!(!disk.synced.lock().unwrap().contains(&record));
                        break error;
                    }
                    number += 1;
                };
                assert_eq!(error.to_string(), "out of order");
            });
        }
    });
    assert!(bare.append(b"too late").is_err());
}

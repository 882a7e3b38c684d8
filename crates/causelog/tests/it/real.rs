//! A directory of the file system: locks between processes, directories that are not what they should be.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use causelog::{DamageKind, Event, FindingKind, LogError, OpenError, Position, RealStorage, Store, verify};

use crate::helpers::{all, door, event, fill_segment, options, stream};

fn names_in(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

fn check_locked(result: Result<Store, OpenError>, path: &Path) {
    let error = result.unwrap_err();
    assert!(matches!(error, OpenError::Log(LogError::Locked { .. })), "{error}");
    assert!(error.to_string().contains(path.file_name().unwrap().to_str().unwrap()), "{error}");
}

/// Spec: CLOSE-1, LOCK-1, LOCK-3, RECOVER-5
#[test]
fn a_store_is_opened_closed_and_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events");
    let mut expected: Vec<Event> = Vec::new();
    for round in 0..3 {
        let store = options().open(&path).unwrap();
        assert_eq!(all(&store), expected, "round {round}");
        fill_segment(&store);
        store.append_batch(vec![event(&door(), "a"), event(&stream("b", "home"), "b")]).unwrap();
        expected = all(&store);
        assert!(store.verify().unwrap().is_sound());
        let beside = Store::open_read_only(&path).unwrap();
        assert_eq!(all(&beside), expected);
        assert!(beside.append(event(&door(), "no")).is_err());
        check_locked(options().open(&path), &path);
        match round {
            0 => drop(store),
            _ => store.close().unwrap(),
        }
        // The reader holds no lock and goes on.
        assert_eq!(all(&beside), expected);
    }
    let before: Vec<_> =
        names_in(&path).into_iter().map(|name| (fs::read(path.join(&name)).unwrap(), name)).collect();
    let store = Store::open_read_only(&path).unwrap();
    assert_eq!(all(&store), expected);
    assert!(store.verify().unwrap().is_sound());
    drop(store);
    let after: Vec<_> =
        names_in(&path).into_iter().map(|name| (fs::read(path.join(&name)).unwrap(), name)).collect();
    assert_eq!(before, after, "reading changed a file");
}

/// The variable by which the test starts itself as another process, with the directory to hold.
const CHILD: &str = "CAUSELOG_TEST_HOLDS";

/// Starts this test again, as a process that opens the store, appends one event, says so, and waits.
fn start_holder(path: &Path) -> (Child, String) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "real::a_lock_ends_with_its_process", "--nocapture"])
        .env(CHILD, path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said = lines.map(Result::unwrap).find(|line| line.contains("holding ")).unwrap();
    (child, said)
}

fn hold(path: &Path) {
    let store = options().open(path).unwrap();
    let receipt = store.append(event(&door(), "from another process")).unwrap();
    writeln!(std::io::stdout(), "holding {}", receipt.id).unwrap();
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
}

/// Spec: LOCK-1, LOCK-3, LOCK-5, COMMIT-2
#[test]
fn a_lock_ends_with_its_process() {
    if let Some(path) = std::env::var_os(CHILD) {
        hold(Path::new(&path));
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events");
    for round in 1..4 {
        let (mut child, said) = start_holder(&path);
        check_locked(options().open(&path), &path);
        let beside = Store::open_read_only(&path).unwrap();
        let events = all(&beside);
        assert_eq!(events.len(), round);
        assert!(said.contains(&events[round - 1].header.id.to_string()), "{said}");
        child.kill().unwrap();
        child.wait().unwrap();
        let store = options().open(&path).unwrap();
        assert_eq!(all(&store), events);
        drop(store);
    }
}

/// Spec: RECOVER-5, STORE-1
#[test]
fn reading_what_is_no_store_makes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    let error = Store::open_read_only(&missing).unwrap_err();
    assert!(error.to_string().contains("missing"), "{error}");
    assert!(!missing.exists());
    let error = Store::open(missing.join("deeper")).unwrap_err();
    assert!(error.to_string().contains("parent"), "{error}");
    assert!(!missing.exists());

    let error = Store::open_read_only(directory.path()).unwrap_err();
    assert!(matches!(error, OpenError::Log(LogError::NotAStore { .. })), "{error}");
    fs::write(directory.path().join("notes.txt"), b"not ours").unwrap();
    assert!(Store::open_read_only(directory.path()).is_err());
    assert_eq!(names_in(directory.path()), ["notes.txt"]);

    let file = directory.path().join("notes.txt");
    for error in [Store::open(&file).unwrap_err(), Store::open_read_only(&file).unwrap_err()] {
        assert!(error.to_string().contains("notes.txt"), "{error}");
    }
    assert_eq!(fs::read(&file).unwrap(), b"not ours");

    let store = Store::open(directory.path()).unwrap();
    store.append(event(&door(), "beside it")).unwrap();
    store.close().unwrap();
    assert_eq!(Store::open(directory.path()).unwrap().report().unknown_names, ["notes.txt"]);
    assert_eq!(fs::read(&file).unwrap(), b"not ours");
}

/// Root may write everywhere, so what is asserted is that nothing was written.
///
/// Spec: RECOVER-5, LOCK-3
#[test]
fn a_read_only_directory_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events");
    let store = options().open(&path).unwrap();
    fill_segment(&store);
    let expected = all(&store);
    drop(store);
    fs::remove_file(path.join("lock")).unwrap();
    for name in names_in(&path) {
        fs::set_permissions(path.join(name), fs::Permissions::from_mode(0o444)).unwrap();
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o555)).unwrap();
    let before = names_in(&path);
    let store = Store::open_read_only(&path).unwrap();
    assert_eq!(all(&store), expected);
    assert!(store.verify().unwrap().is_sound());
    assert_eq!(names_in(&path), before);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Puts a directory, or a link to the file itself under another name, in a file's place.
fn replace(path: &Path, with_link: bool) {
    match with_link {
        true => {
            let elsewhere = path.with_file_name("elsewhere");
            fs::rename(path, &elsewhere).unwrap();
            std::os::unix::fs::symlink(elsewhere, path).unwrap();
        }
        false => {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }
    }
}

/// What is no regular file is never opened: an open names it, and a verification walks over all the rest.
///
/// Spec: STORE-1, VERIFY-2, CLOSE-5
#[test]
fn a_file_replaced_by_a_directory_or_a_link_is_damage_and_named() {
    for name in ["store", "closed", "lock", "00000000000000000001.seg", "00000000000000000002.seg"] {
        for with_link in [true, false] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("events");
            let store = options().open(&path).unwrap();
            fill_segment(&store);
            let events = u64::try_from(all(&store).len()).unwrap();
            store.close().unwrap();
            replace(&path.join(name), with_link);
            let before = names_in(&path);

            for error in [Store::open(&path).unwrap_err(), Store::open_read_only(&path).unwrap_err()] {
                let OpenError::Log(LogError::Damaged(damage)) = error else { panic!("{name}: {error}") };
                assert!(damage.file.ends_with(name), "{name}: {damage}");
                assert_eq!(damage.kind, DamageKind::NotAFile, "{name}");
            }
            let report = verify(Arc::new(RealStorage::open(&path).unwrap())).unwrap();
            let named = |found: &causelog::Finding| {
                found.file.ends_with(name) && found.kind == FindingKind::Damage(DamageKind::NotAFile)
            };
            assert!(report.findings.iter().any(named), "{name}: {:?}", report.findings);
            match name.ends_with(".seg") {
                true => assert!((1..events).contains(&report.events), "{name}: {report:?}"),
                false => assert_eq!((report.events, report.head.position), (events, Position(events))),
            }
            assert_eq!(names_in(&path), before, "{name}: something was made or removed");
        }
    }
}

/// A directory that was moved away, or whose lock file was replaced, gets no second writer's segments.
///
/// Spec: LOCK-2, STORE-1
#[test]
fn a_replaced_lock_file_is_seen_at_the_rotation() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events");
    let store = options().open(&path).unwrap();
    fill_segment(&store);
    fs::remove_file(path.join("lock")).unwrap();
    fs::write(path.join("lock"), b"").unwrap();
    let logs = || names_in(&path).into_iter().filter(|name| !name.contains(".idx")).collect::<Vec<_>>();
    let before = logs();
    let mut error = None;
    for _ in 0..6 {
        error = error.or(store.append(crate::helpers::long_event(&door(), 900)).err());
    }
    let error = error.expect("the writer has rotated in a directory that is not its own");
    assert!(error.to_string().contains("lock file was replaced"), "{error}");
    assert_eq!(logs(), before);
}

/// Something that stands under the name of an index file keeps that one from being written, and no other.
///
/// Spec: INDEX-11, VERIFY-8
#[test]
fn a_name_that_is_taken_holds_up_no_other_index_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events");
    let store = options().open(&path).unwrap();
    for _ in 0..3 {
        fill_segment(&store);
    }
    let end = store.end().position.0;
    store.close().unwrap();
    let indexes = || names_in(&path).into_iter().filter(|name| name.ends_with(".idx")).collect::<Vec<_>>();
    let taken = indexes().swap_remove(1);
    fs::remove_file(path.join(&taken)).unwrap();
    fs::create_dir(path.join(&taken)).unwrap();

    let store = options().open(&path).unwrap();
    for _ in 0..20 {
        fill_segment(&store);
    }
    let expected = all(&store);
    store.close().unwrap();
    let behind = |name: &String| name[..20].parse::<u64>().unwrap() >= end;
    assert!(indexes().iter().any(behind), "{:?}", indexes());
    let store = Store::open_read_only(&path).unwrap();
    assert_eq!(all(&store), expected);
    assert!(store.compare_index().unwrap().findings.is_empty());
}

//! The real thing.

use std::io;
use std::thread;
pub(super) use std::thread::yield_now;
use std::time::Duration;

pub(super) use parking_lot::{Condvar, Mutex, MutexGuard};

use super::Wake;

pub(super) type JoinHandle = thread::JoinHandle<()>;

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}

pub(super) fn wait<'a, T>(condvar: &Condvar, mut guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condvar.wait(&mut guard);
    guard
}

pub(super) fn wait_while_ms<'a, T>(
    condvar: &Condvar,
    mut guard: MutexGuard<'a, T>,
    ms: u64,
    condition: impl FnMut(&mut T) -> bool,
) -> (MutexGuard<'a, T>, Wake) {
    let timed_out = condvar.wait_while_for(&mut guard, condition, Duration::from_millis(ms)).timed_out();
    (guard, if timed_out { Wake::TimedOut } else { Wake::Notified })
}

pub(super) fn start(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle> {
    thread::Builder::new().name(name.to_owned()).spawn(body)
}

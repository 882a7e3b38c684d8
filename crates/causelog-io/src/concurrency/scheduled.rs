//! The same under `shuttle`, which decides who runs next.

use std::io;
use std::sync::PoisonError;
use std::time::Duration;

pub(super) use shuttle::sync::{Condvar, Mutex, MutexGuard};
use shuttle::thread;
pub(super) use shuttle::thread::yield_now;

use super::Wake;

pub(super) type JoinHandle = thread::JoinHandle<()>;

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condvar.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn wait_while_ms<'a, T>(
    condvar: &Condvar,
    mut guard: MutexGuard<'a, T>,
    ms: u64,
    mut condition: impl FnMut(&mut T) -> bool,
) -> (MutexGuard<'a, T>, Wake) {
    while condition(&mut guard) {
        let waited = condvar.wait_timeout(guard, Duration::from_millis(ms));
        let (again, result) = waited.unwrap_or_else(PoisonError::into_inner);
        guard = again;
        if result.timed_out() && condition(&mut guard) {
            return (guard, Wake::TimedOut);
        }
    }
    (guard, Wake::Notified)
}

pub(super) fn start(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle> {
    thread::Builder::new().name(name.to_owned()).spawn(body)
}

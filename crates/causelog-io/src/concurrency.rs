//! Mutual exclusion, waiting and threads, in one place so that a test can take their order into its own hands.
//!
//! Built with `--cfg causelog_shuttle`, the same names are those of `shuttle`, which tries schedules at random;
//! then nothing here waits in real time, and a wait with a limit may end at once.

#[cfg(not(causelog_shuttle))]
mod system;
#[cfg(not(causelog_shuttle))]
use system as imp;

#[cfg(causelog_shuttle)]
mod scheduled;
#[cfg(causelog_shuttle)]
use scheduled as imp;

use std::fmt;
use std::io;
use std::ops::{Deref, DerefMut};

/// Mutual exclusion. A panic while it is held leaves it usable.
pub struct Mutex<T>(imp::Mutex<T>);

/// The right to what a [`Mutex`] holds, until it is dropped.
pub struct Guard<'a, T>(imp::MutexGuard<'a, T>);

/// Lets threads wait until another one says that something has changed.
#[derive(Default)]
pub struct Condvar(imp::Condvar);

/// A thread that was started, to be waited for.
pub struct Thread(imp::JoinHandle);

/// How a wait with a limit has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// The condition no longer holds.
    Notified,
    /// The time is over, and the condition still holds.
    TimedOut,
}

impl<T> Mutex<T> {
    /// Protects a value.
    pub fn new(value: T) -> Self {
        Self(imp::Mutex::new(value))
    }

    /// Waits until nobody else holds it.
    pub fn lock(&self) -> Guard<'_, T> {
        Guard(imp::lock(&self.0))
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl Condvar {
    /// Gives up the lock, waits, and takes the lock again. It may return without a notification.
    #[must_use = "the lock is held by what this returns"]
    pub fn wait<'a, T>(&self, guard: Guard<'a, T>) -> Guard<'a, T> {
        Guard(imp::wait(&self.0, guard.0))
    }

    /// Waits as long as a condition holds, for at most so many milliseconds of real time in all.
    #[must_use = "the lock is held by what this returns"]
    pub fn wait_while_ms<'a, T>(
        &self,
        guard: Guard<'a, T>,
        ms: u64,
        condition: impl FnMut(&mut T) -> bool,
    ) -> (Guard<'a, T>, Wake) {
        let (guard, wake) = imp::wait_while_ms(&self.0, guard.0, ms, condition);
        (Guard(guard), wake)
    }

    /// Wakes one of those that wait.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Wakes all that wait.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

impl Thread {
    /// Starts a thread. The name is what a debugger shows; Linux shows its first 15 bytes.
    ///
    /// # Errors
    /// The system has no room for another thread.
    pub fn start(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        imp::start(name, body).map(Self)
    }

    /// Waits until it has ended; `false` if it ended by a panic.
    pub fn join(self) -> bool {
        self.0.join().is_ok()
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").finish_non_exhaustive()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Thread").finish_non_exhaustive()
    }
}

/// Lets other threads run that are ready to.
pub fn yield_now() {
    imp::yield_now();
}

/// Which process this is. A child made by `fork` has another one, and must not use what its parent has opened.
#[must_use]
pub fn process_id() -> u32 {
    std::process::id()
}

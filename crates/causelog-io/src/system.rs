//! The system's clock and randomness, and a clock and a generator that tests steer.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::{Clock, Environment, MemoryStorage, Random, Storage};

/// The system's wall clock. It may jump, in either direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
    }

    fn monotonic_ms(&self) -> u64 {
        static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);
        u64::try_from(BEGINNING.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn sleep_ms(&self, ms: u64) {
        thread::sleep(Duration::from_millis(ms));
    }
}

/// The operating system's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, buffer: &mut [u8]) -> io::Result<()> {
        Ok(getrandom::fill(buffer)?)
    }
}

/// A clock that stands still until it is moved; for tests. Clones show the same time.
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    now_ms: Arc<AtomicU64>,
    monotonic_ms: Arc<AtomicU64>,
}

impl ManualClock {
    /// A clock that shows `ms`, in milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn new(ms: u64) -> Self {
        Self { now_ms: Arc::new(AtomicU64::new(ms)), monotonic_ms: Arc::default() }
    }

    /// Sets the wall time, backwards too. Monotonic time stands still.
    pub fn set(&self, ms: u64) {
        self.now_ms.store(ms, Ordering::SeqCst);
    }

    /// Moves it forward, at most to the greatest time it can show.
    pub fn advance(&self, ms: u64) {
        for time in [&self.now_ms, &self.monotonic_ms] {
            time.update(Ordering::SeqCst, Ordering::SeqCst, |now| now.saturating_add(ms));
        }
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    fn monotonic_ms(&self) -> u64 {
        self.monotonic_ms.load(Ordering::SeqCst)
    }

    /// Returns at once, with the clock moved forward.
    fn sleep_ms(&self, ms: u64) {
        self.advance(ms);
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014): the same bytes for the same seed. For tests only; anyone can
/// foretell them.
#[derive(Debug)]
pub struct SeededRandom {
    state: AtomicU64,
}

impl SeededRandom {
    const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

    /// A generator that starts from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: AtomicU64::new(seed) }
    }

    /// The next 64 bits.
    pub fn next_u64(&self) -> u64 {
        let state = self.state.fetch_add(Self::STEP, Ordering::SeqCst).wrapping_add(Self::STEP);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

impl Random for SeededRandom {
    fn fill(&self, buffer: &mut [u8]) -> io::Result<()> {
        for chunk in buffer.chunks_mut(8) {
            chunk.copy_from_slice(&self.next_u64().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

impl Environment {
    /// A directory with the system's clock and randomness.
    #[must_use]
    pub fn real(storage: Arc<dyn Storage>) -> Self {
        Self { storage, clock: Arc::new(SystemClock), random: Arc::new(SystemRandom) }
    }

    /// A directory in memory, a clock that the test moves, and random bytes that follow from a seed: the same
    /// run every time.
    #[must_use]
    pub fn memory(storage: MemoryStorage, clock: ManualClock, seed: u64) -> Self {
        Self { storage: Arc::new(storage), clock: Arc::new(clock), random: Arc::new(SeededRandom::new(seed)) }
    }
}

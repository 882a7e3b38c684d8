//! Clocks and randomness.

use std::io;
use std::sync::Arc;

use causelog_io::{
    Clock, Environment, ManualClock, MemoryStorage, Random, SeededRandom, SystemClock, SystemRandom,
};

#[test]
fn the_system_clock_goes_on_while_it_sleeps() {
    let before = SystemClock.now_ms();
    SystemClock.sleep_ms(5);
    assert!(before > 1_700_000_000_000, "it is later than 2023");
    assert!(SystemClock.now_ms() > before);
}

#[test]
fn a_manual_clock_moves_only_when_told() {
    let clock = ManualClock::new(100);
    let same = clock.clone();
    assert_eq!(clock.now_ms(), 100);
    clock.advance(5);
    same.sleep_ms(20);
    assert_eq!(clock.now_ms(), 125);
    clock.set(7);
    assert_eq!(same.now_ms(), 7);
    clock.advance(u64::MAX);
    assert_eq!(clock.now_ms(), u64::MAX);
}

#[test]
fn system_randomness_fills_the_whole_buffer() -> io::Result<()> {
    let mut buffer = [0; 64];
    SystemRandom.fill(&mut buffer)?;
    assert!(buffer[..32] != [0; 32] && buffer[32..] != [0; 32]);
    Ok(())
}

#[test]
fn seeded_randomness_is_splitmix64() -> io::Result<()> {
    let random = SeededRandom::new(1_234_567);
    assert_eq!(random.next_u64(), 6_457_827_717_110_365_317);
    assert_eq!(random.next_u64(), 3_203_168_211_198_807_973);
    let mut buffer = [0; 11];
    SeededRandom::new(1_234_567).fill(&mut buffer)?;
    assert_eq!(buffer[..8], 6_457_827_717_110_365_317_u64.to_le_bytes());
    assert_eq!(buffer[8..], 3_203_168_211_198_807_973_u64.to_le_bytes()[..3]);
    Ok(())
}

#[test]
fn environments_hold_the_three_together() -> io::Result<()> {
    let (storage, clock) = (MemoryStorage::new(), ManualClock::new(42));
    let environment = Environment::memory(storage.clone(), clock.clone(), 1);
    environment.storage.sync_dir()?;
    assert_eq!(storage.operations(), 1);
    clock.advance(1);
    assert_eq!(environment.clock.now_ms(), 43);
    let mut bytes = [[0; 8]; 2];
    environment.random.fill(&mut bytes[0])?;
    SeededRandom::new(1).fill(&mut bytes[1])?;
    assert_eq!(bytes[0], bytes[1]);

    let real = Environment::real(Arc::new(storage));
    assert!(real.clock.now_ms() > 1_700_000_000_000);
    real.random.fill(&mut bytes[0])
}

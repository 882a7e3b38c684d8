//! Tickets in two async runtimes at once.

#[cfg(test)]
mod runtimes;

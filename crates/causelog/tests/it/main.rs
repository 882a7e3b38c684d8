//! Stores through the umbrella's own interface: against a model, through crashes and errors, beside others.
#![expect(clippy::disallowed_methods, reason = "the tests prepare directories and start a second process")]

#[cfg(test)]
mod backends;
#[cfg(test)]
mod clocks;
#[cfg(test)]
mod closing;
#[cfg(test)]
mod compare;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod forked;
#[cfg(test)]
mod gates;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod golden_script;
#[cfg(test)]
mod growth;
#[cfg(test)]
mod held;
#[cfg(test)]
mod helpers;
#[cfg(test)]
mod histories;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod index_files;
#[cfg(test)]
mod index_thread;
#[cfg(test)]
mod lessons;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod model;
#[cfg(test)]
mod notices;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod panics;
#[cfg(test)]
mod queue;
#[cfg(test)]
mod racers;
#[cfg(test)]
mod real;
#[cfg(test)]
mod script;
#[cfg(test)]
mod space;
#[cfg(test)]
mod syncs;
#[cfg(test)]
mod telling;
#[cfg(test)]
mod threads;
#[cfg(test)]
mod verifying;
#[cfg(test)]
mod weaker;
#[cfg(test)]
mod witnesses;

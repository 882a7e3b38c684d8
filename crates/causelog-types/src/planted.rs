//! Bugs on purpose, which show that the tests can fail.
//!
//! They are compiled only with `--cfg causelog_planted`, and the environment variable `CAUSELOG_PLANTED` then
//! names the one that is there; `cargo xtask planted` holds that each is caught. Without the flag nothing of them
//! is compiled: `planted!(NAME)` is `false`, and `planted!(NAME => STATEMENT)` is nothing at all.

/// Whether this bug is there, or what it does.
#[cfg(not(causelog_planted))]
#[doc(hidden)]
#[macro_export]
macro_rules! planted {
    ($name:literal) => {
        false
    };
    ($name:literal => $($statement:tt)+) => {};
}

/// Whether this bug is there, or what it does.
#[cfg(causelog_planted)]
#[doc(hidden)]
#[macro_export]
macro_rules! planted {
    ($name:literal) => {
        $crate::is_planted($name)
    };
    ($name:literal => $($statement:tt)+) => {
        if $crate::is_planted($name) {
            $($statement)+;
        }
    };
}

/// Whether this bug is the one that was chosen.
#[cfg(causelog_planted)]
#[must_use]
#[expect(clippy::disallowed_methods, reason = "only builds that are made to be caught at a bug ask for one")]
pub fn is_planted(name: &str) -> bool {
    use std::sync::LazyLock;

    static CHOSEN: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("CAUSELOG_PLANTED").ok());
    CHOSEN.as_deref() == Some(name)
}

//! What a rule reports.

use std::fmt;
use std::path::PathBuf;

/// One place that breaks one rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// Relative to the root of the workspace.
    pub(crate) file: PathBuf,
    /// From 1; 0 speaks of the whole file.
    pub(crate) line: usize,
    /// `R1` and so on.
    pub(crate) rule: &'static str,
    /// What is wrong.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) mend: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, rule, what, mend } = self;
        write!(out, "{}", file.display())?;
        if *line > 0 {
            write!(out, ":{line}")?;
        }
        write!(out, ": {rule}: {what}\n    mend: {mend}")
    }
}

//! Findings, of which whoever made a directory decides how many there are.

/// So many findings are kept; those beyond are counted.
pub const FINDINGS_MAX: usize = 1_000;

/// The first findings, and how many more there were: a hostile directory cannot make a report grow without limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings<T> {
    first: Vec<T>,
    more: u64,
}

impl<T> Default for Findings<T> {
    fn default() -> Self {
        Self { first: Vec::new(), more: 0 }
    }
}

impl<T> Findings<T> {
    /// Keeps a finding, or counts it where there are [`FINDINGS_MAX`] already.
    pub fn push(&mut self, finding: T) {
        match self.first.len() < FINDINGS_MAX {
            true => self.first.push(finding),
            false => self.more = self.more.saturating_add(1),
        }
    }

    /// Keeps a finding of which there is one at the most, in place of the last where there is no room.
    pub fn keep(&mut self, finding: T) {
        if self.first.len() >= FINDINGS_MAX {
            self.first.pop();
            self.more = self.more.saturating_add(1);
        }
        self.first.push(finding);
    }

    /// Counts findings that were not kept elsewhere.
    pub fn count(&mut self, more: u64) {
        self.more = self.more.saturating_add(more);
    }

    /// Those that were kept.
    #[must_use]
    pub fn first(&self) -> &[T] {
        &self.first
    }

    /// Whether there was none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// How many more there were.
    #[must_use]
    pub fn more(&self) -> u64 {
        self.more
    }

    /// Those that were kept, and how many more there were.
    #[must_use]
    pub fn into_parts(self) -> (Vec<T>, u64) {
        (self.first, self.more)
    }
}

impl<T> Extend<T> for Findings<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, findings: I) {
        findings.into_iter().for_each(|finding| self.push(finding));
    }
}

impl<T> FromIterator<T> for Findings<T> {
    fn from_iter<I: IntoIterator<Item = T>>(findings: I) -> Self {
        let mut all = Self::default();
        all.extend(findings);
        all
    }
}

//! Where the way from a row to an entry ends early: the row lets nobody in, or no entry can say it.

use super::verdict::{DropCode, KeepCode, Outcome};

/// Why no entry is made of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stop {
    pub(super) outcome: Outcome,
    pub(super) reason: String,
    pub(super) advice: Option<String>,
}

impl Stop {
    pub(super) fn dropped(code: DropCode, reason: impl Into<String>) -> Self {
        Self { outcome: Outcome::Dropped { code }, reason: reason.into(), advice: None }
    }

    pub(super) fn kept(code: KeepCode, reason: impl Into<String>) -> Self {
        Self { outcome: Outcome::Kept { code }, reason: reason.into(), advice: None }
    }

    /// Adds what a person can do.
    pub(super) fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }

    #[cfg(test)]
    pub(super) fn drop_code(&self) -> Option<DropCode> {
        if let Outcome::Dropped { code } = self.outcome { Some(code) } else { None }
    }

    #[cfg(test)]
    pub(super) fn keep_code(&self) -> Option<KeepCode> {
        if let Outcome::Kept { code } = self.outcome { Some(code) } else { None }
    }
}

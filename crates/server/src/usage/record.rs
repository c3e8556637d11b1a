//! What usage evidence looks like in the store, in parts that the store takes.

use std::collections::BTreeMap;

use doorward_core::aws_auth::Section;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The version of the JSON that this program writes.
pub(super) const SCHEMA: u32 = 1;

/// So many entries or rows in one document, of which only those are written again in which something was counted.
const IN_ONE_DOCUMENT: usize = 40;

/// Longest ARN of a row that is kept: the longest of a real principal, and some.
const LONGEST_ARN: usize = 700;

/// How an entry or a row was used. Times to the second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Since when it is counted.
    pub counting_since: Timestamp,
    /// How often it let somebody in.
    pub logins: u64,
    /// When last; none as long as it never did.
    pub last_login_at: Option<Timestamp>,
}

impl Evidence {
    /// Adds what another server counted of the same.
    pub(super) fn add(&mut self, other: &Self) {
        self.counting_since = self.counting_since.min(other.counting_since);
        self.logins = self.logins.saturating_add(other.logins);
        self.last_login_at = self.last_login_at.max(other.last_login_at);
    }
}

/// How a row of aws-auth was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RowEvidence {
    /// Its section.
    pub section: Section,
    /// Its ARN, or its account, in lower case: rows that differ in nothing else are one.
    pub arn: String,
    /// How it was used.
    #[serde(flatten)]
    pub evidence: Evidence,
}

/// How everything in a cluster was used, or a part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UsageRecord {
    /// Since when entries are counted that were there at that time; others are since they were made. In the first part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counting_since: Option<Timestamp>,
    /// By the ARN of the entry's principal.
    pub entries: BTreeMap<String, Evidence>,
    /// Rows, sorted by section and ARN.
    pub rows: Vec<RowEvidence>,
}

impl UsageRecord {
    /// The record in parts, each of which one document takes. A row whose ARN no principal can have is left out.
    pub(super) fn parts(&self) -> Vec<Self> {
        let mut parts = Vec::new();
        let mut part = Self { counting_since: self.counting_since, ..Self::default() };
        let mut full = |part: &mut Self| {
            if part.entries.len() + part.rows.len() >= IN_ONE_DOCUMENT {
                parts.push(std::mem::take(part));
            }
        };
        for (principal, evidence) in &self.entries {
            part.entries.insert(principal.clone(), evidence.clone());
            full(&mut part);
        }
        for row in self.rows.iter().filter(|row| row.arn.len() <= LONGEST_ARN) {
            part.rows.push(row.clone());
            full(&mut part);
        }
        if part != Self::default() {
            parts.push(part);
        }
        parts
    }

    /// Adds what another server counted.
    pub(super) fn add(&mut self, other: Self) {
        for (principal, evidence) in other.entries {
            match self.entries.get_mut(&principal) {
                Some(known) => known.add(&evidence),
                None => drop(self.entries.insert(principal, evidence)),
            }
        }
        for row in other.rows {
            match self.rows.iter_mut().find(|known| known.section == row.section && known.arn == row.arn) {
                Some(known) => known.evidence.add(&row.evidence),
                None => self.rows.push(row),
            }
        }
    }

    /// Adds another part.
    pub(super) fn extend(&mut self, part: Self) {
        self.counting_since = self.counting_since.or(part.counting_since);
        self.entries.extend(part.entries);
        self.rows.extend(part.rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_small_and_together_the_whole() {
        let evidence = Evidence { counting_since: Timestamp::UNIX_EPOCH, logins: u64::MAX, last_login_at: None };
        let row =
            |at: usize| RowEvidence { section: Section::Users, arn: format!("{at:0>700}"), evidence: evidence.clone() };
        let entry = |at: usize| (format!("{at:0>700}"), evidence.clone());
        let counting_since = Some(Timestamp::UNIX_EPOCH);
        let (entries, rows) = ((0..1_500).map(entry).collect(), (0..1_500).map(row).collect());
        let whole = UsageRecord { counting_since, entries, rows };
        let parts = whole.parts();
        assert_eq!(parts.len(), 75);
        for part in &parts {
            assert!(serde_json::to_string(part).unwrap().len() < 40 * 1_024);
        }
        let mut together = UsageRecord::default();
        parts.into_iter().for_each(|part| together.extend(part));
        assert_eq!(together, whole);
        assert!(UsageRecord::default().parts().is_empty());
    }
}

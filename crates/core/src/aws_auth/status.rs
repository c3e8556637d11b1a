//! What becomes of each row: whether it lets anybody in, and if not, or not as meant, why.

use super::{AwsAuth, Effect, IdentityMapping, Place, Problem, Section};

/// What becomes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RowStatus {
    /// It counts, and says what it seems to say.
    Live,
    /// It counts, and says something else than its author can have meant.
    Hazardous,
    /// It is one of several rows of which one counts at random, request by request.
    Ambiguous,
    /// Another row for the same ARN counts instead.
    Shadowed,
    /// It is kept, and nobody can ever be whom it names.
    Dead,
    /// It is thrown away when aws-auth is read.
    Dropped,
}

impl RowStatus {
    /// All of them, from the best to the worst.
    pub const ALL: [Self; 6] =
        [Self::Live, Self::Hazardous, Self::Ambiguous, Self::Shadowed, Self::Dead, Self::Dropped];

    /// A short name, for metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Hazardous => "hazardous",
            Self::Ambiguous => "ambiguous",
            Self::Shadowed => "shadowed",
            Self::Dead => "dead",
            Self::Dropped => "dropped",
        }
    }

    /// Whether somebody may come in by such a row.
    pub fn counts(self) -> bool {
        matches!(self, Self::Live | Self::Hazardous | Self::Ambiguous)
    }
}

/// A row, whatever becomes of it.
#[derive(Clone, Debug, PartialEq)]
pub struct RowReport<'a> {
    /// Where it stands.
    pub section: Section,
    /// Its place in the section's list, from 0.
    pub index: usize,
    /// Where it begins in the section's text.
    pub place: Place,
    /// What it says, if it was kept.
    pub mapping: Option<&'a IdentityMapping>,
    /// What becomes of it.
    pub status: RowStatus,
    /// Why; empty exactly for a live row.
    pub reasons: Vec<&'a Problem>,
}

impl AwsAuth {
    /// Every row of every section that can be read, in order.
    pub fn rows(&self) -> Vec<RowReport<'_>> {
        let mut rows: Vec<RowReport<'_>> = self
            .mappings()
            .map(|row| RowReport {
                section: row.section,
                index: row.index,
                place: Place { line: row.line, column: row.column },
                mapping: Some(row),
                status: RowStatus::Live,
                reasons: Vec::new(),
            })
            .chain(self.accounts.iter().map(|row| RowReport {
                section: Section::Accounts,
                index: row.index,
                place: Place { line: row.line, column: row.column },
                mapping: None,
                status: RowStatus::Live,
                reasons: Vec::new(),
            }))
            .collect();
        // Both are in order, so that one walk finds each problem's row.
        let mut next = 0;
        let kept = rows.len();
        for problem in &self.problems {
            let (Some(index), Some(status)) = (problem.row, status(problem.kind.effect())) else { continue };
            while rows.get(next).is_some_and(|row| next < kept && (row.section, row.index) < (problem.section, index)) {
                next += 1;
            }
            match rows.get_mut(next).filter(|row| next < kept && (row.section, row.index) == (problem.section, index)) {
                Some(row) => {
                    row.status = row.status.max(status);
                    row.reasons.push(problem);
                }
                None => rows.push(RowReport {
                    section: problem.section,
                    index,
                    place: Place { line: problem.line, column: problem.column },
                    mapping: None,
                    status,
                    reasons: vec![problem],
                }),
            }
        }
        rows.sort_by_key(|row| (row.section, row.index));
        rows
    }
}

fn status(effect: Effect) -> Option<RowStatus> {
    match effect {
        Effect::RowDropped => Some(RowStatus::Dropped),
        Effect::RowDead => Some(RowStatus::Dead),
        Effect::RowShadowed => Some(RowStatus::Shadowed),
        Effect::RowAmbiguous => Some(RowStatus::Ambiguous),
        Effect::RowHazardous => Some(RowStatus::Hazardous),
        Effect::SectionUnreadable | Effect::KeyIgnored | Effect::TextIgnored => None,
    }
}

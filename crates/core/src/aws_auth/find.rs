//! Which row counts for a principal.
//!
//! ARNs are compared without regard to case: IAM's names are unique without it. `mapRoles` is searched before
//! `mapUsers`, whatever the ARN names; within a section the last row counts. Any row comes before `mapAccounts`.

use std::collections::HashMap;

use super::{AwsAuth, Effect, IdentityMapping, MappedAccount, Problem, ProblemKind, Section};
use crate::account_id::AccountId;
use crate::principal::PrincipalArn;

/// Rows by their ARN in lower case, so that a login costs the same in a small aws-auth and a large one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    rows: HashMap<String, (Section, usize)>,
}

/// What in aws-auth decides about a principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match<'a> {
    /// A row of its own.
    Mapping(&'a IdentityMapping),
    /// Its account: it comes in under its canonical ARN, without groups.
    Account(&'a MappedAccount),
}

impl AwsAuth {
    /// What decides about the principal with this canonical ARN, if anything.
    pub fn find(&self, canonical: &PrincipalArn) -> Option<Match<'_>> {
        match self.row(&canonical.as_str().to_ascii_lowercase()) {
            Some(mapping) => Some(Match::Mapping(mapping)),
            None => self.account_mapped(canonical.account()).map(Match::Account),
        }
    }

    /// The row of `mapAccounts` for an account, if there is one.
    pub fn account_mapped(&self, account: AccountId) -> Option<&MappedAccount> {
        self.accounts.iter().find(|row| row.account == account)
    }

    /// The row that counts instead of this one; none if it counts itself.
    pub fn shadowed_by(&self, row: &IdentityMapping) -> Option<&IdentityMapping> {
        self.row(&row.arn.to_ascii_lowercase())
            .filter(|winner| (winner.section, winner.index) != (row.section, row.index))
    }

    fn row(&self, lower_case_arn: &str) -> Option<&IdentityMapping> {
        let (section, at) = self.index.rows.get(lower_case_arn)?;
        if *section == Section::Users { self.users.get(*at) } else { self.roles.get(*at) }
    }

    /// Sorts the rows into the index and reports those that another one hides.
    pub(super) fn rebuild_index(&mut self) {
        let mut rows = HashMap::with_capacity(self.roles.len() + self.users.len());
        // What is put in later wins: the last row of a section, and roles over users.
        for (section, mappings) in [(Section::Users, &self.users), (Section::Roles, &self.roles)] {
            for (at, row) in mappings.iter().enumerate() {
                rows.insert(row.arn.to_ascii_lowercase(), (section, at));
            }
        }
        self.index = Index { rows };
        let shadowed: Vec<Problem> = self
            .mappings()
            .filter_map(|row| {
                let winner = self.shadowed_by(row)?;
                let kind = ProblemKind::Shadowed { section: winner.section, row: winner.index };
                Some(Problem { section: row.section, row: Some(row.index), line: row.line, kind })
            })
            .collect();
        self.problems.retain(|problem| problem.kind.effect() != Effect::RowShadowed);
        self.problems.extend(shadowed);
        self.problems.sort_by_key(|problem| (problem.section, problem.row, problem.line));
    }
}

//! Which row counts for a principal.
//!
//! ARNs are compared without regard to case: IAM's names are unique without it. `mapRoles` is searched before
//! `mapUsers`, whatever the ARN names; within a section the last row counts. Any row comes before `mapAccounts`.
//!
//! AWS's authenticator does the same with two holes. It keeps the rows of `mapUsers` under the very text of their ARN,
//! so that rows for one user in different case all stay, and one of them counts at random, request by request. And it
//! folds case as Unicode does, where two letters fold to letters of ASCII. Source: aws-iam-authenticator,
//! `pkg/mapper/configmap`.

use std::collections::HashMap;

use super::{
    Authenticator, AwsAuth, Effect, IdentityMapping, MappedAccount, NeverMatches, Place, Problem, ProblemKind, Section,
};
use crate::account_id::AccountId;
use crate::principal::PrincipalArn;

/// A row by its section and its place among the rows that count.
type Key = (Section, usize);

/// Rows by their ARN in lower case, so that a login costs the same in a small aws-auth and a large one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    /// The row that counts, or the first of those that may.
    rows: HashMap<String, Key>,
    /// All rows that may count, where there is more than one.
    random: HashMap<String, Vec<Key>>,
    /// Those rows by the key under which they are kept.
    kept: HashMap<String, Key>,
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
    /// What decides about the principal with this canonical ARN, if anything. Where chance decides, it is the first of
    /// the [candidates](Self::candidates).
    pub fn find(&self, canonical: &PrincipalArn) -> Option<Match<'_>> {
        match self.row(&canonical.as_str().to_ascii_lowercase()) {
            Some(mapping) => Some(Match::Mapping(mapping)),
            None => self.account_mapped(canonical.account()).map(Match::Account),
        }
    }

    /// Everything that may decide about the principal with this canonical ARN: nothing, one thing, or several rows of
    /// which AWS's authenticator takes one at random for each request.
    pub fn candidates(&self, canonical: &PrincipalArn) -> Vec<Match<'_>> {
        match self.index.random.get(&canonical.as_str().to_ascii_lowercase()) {
            Some(keys) => keys.iter().filter_map(|key| self.at(*key)).map(Match::Mapping).collect(),
            None => self.find(canonical).into_iter().collect(),
        }
    }

    /// The row of `mapAccounts` for an account, if there is one.
    pub fn account_mapped(&self, account: AccountId) -> Option<&MappedAccount> {
        self.accounts.iter().find(|row| row.account == account)
    }

    /// The row that counts instead of this one; none if it counts itself, or may.
    pub fn shadowed_by(&self, row: &IdentityMapping) -> Option<&IdentityMapping> {
        let folded = self.folded(&row.arn);
        let is_row = |other: &&IdentityMapping| (other.section, other.index) == (row.section, row.index);
        let Some(random) = self.index.random.get(&folded) else {
            return self.row(&folded).filter(|winner| !is_row(winner));
        };
        // They are of one section and in order, and there may be thousands.
        let first = random.first()?;
        let index_of = |key: &Key| self.at(*key).map_or(usize::MAX, |candidate| candidate.index);
        if first.0 == row.section && random.binary_search_by_key(&row.index, index_of).is_ok() {
            return None;
        }
        let same = self.index.kept.get(&kept_as(row)).filter(|(section, _)| *section == row.section);
        self.at(*same.filter(|_| first.0 == row.section).unwrap_or(first))
    }

    fn row(&self, folded_arn: &str) -> Option<&IdentityMapping> {
        self.at(*self.index.rows.get(folded_arn)?)
    }

    fn at(&self, (section, at): Key) -> Option<&IdentityMapping> {
        if section == Section::Users { self.users.get(at) } else { self.roles.get(at) }
    }

    fn folded(&self, arn: &str) -> String {
        match self.authenticator {
            Authenticator::Eks => fold(arn),
            Authenticator::Doorward => arn.to_ascii_lowercase(),
        }
    }

    /// Sorts the rows into the index and reports those that another one hides, or may, and those that are nobody's.
    pub(super) fn rebuild_index(&mut self) {
        self.index = match self.authenticator {
            Authenticator::Eks => self.index_for_eks(),
            Authenticator::Doorward => self.index_for_doorward(),
        };
        let problem = |row: &IdentityMapping, kind| {
            Problem::new(row.section, Some(row.index), Place { line: row.line, column: row.column }, kind)
        };
        let shadowed = self.mappings().filter_map(|row| {
            let winner = self.shadowed_by(row)?;
            Some(problem(row, ProblemKind::Shadowed { section: winner.section, row: winner.index }))
        });
        let random = self.index.random.values().flat_map(|keys| {
            let rows: Vec<&IdentityMapping> = keys.iter().filter_map(|key| self.at(*key)).collect();
            rows.iter()
                .map(|row| {
                    let others = rows.iter().filter(|other| other.index != row.index);
                    // Enough to name them; thousands of rows must not cost thousands of lists of thousands.
                    let others: Vec<usize> = others.map(|other| other.index).take(16).collect();
                    problem(row, ProblemKind::Ambiguous { section: row.section, rows: others })
                })
                .collect::<Vec<_>>()
        });
        // Reading for EKS finds these itself, because there they hide what else is wrong with the row.
        let is_doorward = self.authenticator == Authenticator::Doorward;
        let dead = self.mappings().filter(|_| is_doorward).filter_map(|row| {
            let kind = ProblemKind::NeverMatches(NeverMatches::of(&row.arn)?);
            let place = row.places.arn.unwrap_or(Place { line: row.line, column: row.column });
            Some(Problem::new(row.section, Some(row.index), place, kind))
        });
        let found: Vec<Problem> = shadowed.chain(random).chain(dead).collect();
        self.problems.retain(|problem| match problem.kind.effect() {
            Effect::RowShadowed | Effect::RowAmbiguous => false,
            Effect::RowDead => !is_doorward,
            _ => true,
        });
        self.problems.extend(found);
        self.problems.sort_by_key(|problem| (problem.section, problem.row, problem.line));
    }

    /// What is put in later wins: the last row of a section, and roles over users.
    fn index_for_doorward(&self) -> Index {
        let mut rows = HashMap::with_capacity(self.roles.len() + self.users.len());
        for (section, mappings) in [(Section::Users, &self.users), (Section::Roles, &self.roles)] {
            for (at, row) in mappings.iter().enumerate() {
                rows.insert(row.arn.to_ascii_lowercase(), (section, at));
            }
        }
        Index { rows, ..Index::default() }
    }

    fn index_for_eks(&self) -> Index {
        let mut index = Index::default();
        for (section, mappings) in [(Section::Users, &self.users), (Section::Roles, &self.roles)] {
            // What the authenticator keeps: the last row under each key.
            let mut kept: HashMap<String, usize> = HashMap::with_capacity(mappings.len());
            for (at, row) in mappings.iter().enumerate() {
                kept.insert(kept_as(row), at);
            }
            let mut kept: Vec<usize> = kept.into_values().collect();
            kept.sort_unstable();
            let mut matching: HashMap<String, Vec<Key>> = HashMap::with_capacity(kept.len());
            for at in kept {
                let folded = mappings.get(at).map(|row| fold(&row.arn)).unwrap_or_default();
                matching.entry(folded).or_default().push((section, at));
            }
            for (folded, keys) in matching {
                index.random.remove(&folded);
                if let Some(first) = keys.first() {
                    index.rows.insert(folded.clone(), *first);
                }
                if keys.len() > 1 {
                    let rows = keys.iter().filter_map(|(_, at)| Some((kept_as(mappings.get(*at)?), (section, *at))));
                    index.kept.extend(rows);
                    index.random.insert(folded, keys);
                }
            }
        }
        index
    }
}

/// The key under which AWS's authenticator keeps a row.
fn kept_as(row: &IdentityMapping) -> String {
    match row.section {
        Section::Users => row.arn.clone(),
        Section::Roles | Section::Accounts => lower_letters(&row.arn).collect(),
    }
}

/// Lower case as Unicode has it, as far as it can matter to an ARN, which is ASCII.
fn lower_letters(text: &str) -> impl Iterator<Item = char> {
    text.chars().map(|c| if c == '\u{212A}' { 'k' } else { c.to_ascii_lowercase() })
}

/// What is left of a text where case is no difference, as Unicode folds it. Only the KELVIN SIGN and the long s fold to
/// letters of ASCII, and what is compared with it is ASCII.
pub(super) fn fold(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\u{212A}' => 'k',
            '\u{17F}' => 's',
            c => c.to_ascii_lowercase(),
        })
        .collect()
}

//! aws-auth: the ConfigMap `kube-system/aws-auth` that maps IAM principals to Kubernetes identities, row by row.
//!
//! Three sections: `mapRoles` and `mapUsers` hold identity mappings (an ARN, a username, groups), `mapAccounts` holds
//! accounts whose every principal may come in under its own ARN. [`parse`] reads them, and says of each row that does
//! not count why; [`AwsAuth::find`] decides who a principal is; [`edit`] adds and removes rows without touching the
//! rest of the text.
//!
//! The rules are those of AWS's authenticator except where its own are a known hole: there a row that makes no sense is
//! dropped alone and reported, where the authenticator would lose the whole section, or let its principal in as
//! somebody without a name.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::account_id::AccountId;
use crate::principal::Principal;
use crate::username::{RenderError, Template};

mod authenticator;
pub mod edit;
mod find;
mod layout;
mod parse;
mod problem;
mod write;
mod yaml;

pub use authenticator::Authenticator;
pub use find::Match;
pub use parse::parse;
pub use problem::{Effect, Problem, ProblemKind};

/// A part of aws-auth, named after its key in the ConfigMap's `data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Section {
    /// `mapRoles`
    #[serde(rename = "mapRoles")]
    Roles,
    /// `mapUsers`
    #[serde(rename = "mapUsers")]
    Users,
    /// `mapAccounts`
    #[serde(rename = "mapAccounts")]
    Accounts,
}

impl Section {
    /// All of them, in the order in which they are searched.
    pub const ALL: [Self; 3] = [Self::Roles, Self::Users, Self::Accounts];

    /// The key in `data`; it is case-sensitive.
    pub fn key(self) -> &'static str {
        match self {
            Self::Roles => "mapRoles",
            Self::Users => "mapUsers",
            Self::Accounts => "mapAccounts",
        }
    }

    /// The key of a row's ARN, which is not.
    pub(crate) fn arn_key(self) -> &'static str {
        if self == Self::Users { "userarn" } else { "rolearn" }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// One row of `mapRoles` or `mapUsers` that counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IdentityMapping {
    /// Where it stands; never [`Section::Accounts`].
    pub section: Section,
    /// Its place in the section's list, from 0; rows that do not count are counted.
    pub index: usize,
    /// Line of its first key within the section's text, from 1.
    pub line: usize,
    /// The ARN as it is written, valid or not. It is compared without regard to case.
    pub arn: String,
    /// The Kubernetes username.
    pub username: Template,
    /// The Kubernetes groups.
    pub groups: Vec<Template>,
}

impl IdentityMapping {
    /// The username and groups that this row gives to a caller.
    ///
    /// # Errors
    /// If a template cannot be filled in for this caller, who is then refused.
    pub fn render(&self, principal: &Principal) -> Result<(String, Vec<String>), RenderError> {
        let groups = self.groups.iter().map(|group| group.render(principal)).collect::<Result<_, _>>()?;
        Ok((self.username.render(principal)?, groups))
    }

    /// Whether another row says the same, wherever it stands.
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        self.section == other.section
            && self.arn == other.arn
            && self.username == other.username
            && self.groups == other.groups
    }
}

/// One row of `mapAccounts` that counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MappedAccount {
    /// Its place in the section's list, from 0.
    pub index: usize,
    /// Its line within the section's text, from 1.
    pub line: usize,
    /// The account.
    pub account: AccountId,
}

/// What is known of a section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum SectionState {
    /// It was read (an absent section is an empty one).
    #[default]
    Read,
    /// Its text cannot be read, and nothing was known of it before: no row counts.
    Unreadable,
    /// Its text cannot be read any more: the rows that could be read last still count.
    Stale,
}

/// aws-auth as it counts. The default is that of a cluster without the ConfigMap: nobody is mapped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AwsAuth {
    /// The rows of `mapRoles`, in order.
    pub roles: Vec<IdentityMapping>,
    /// The rows of `mapUsers`, in order.
    pub users: Vec<IdentityMapping>,
    /// The rows of `mapAccounts`, in order.
    pub accounts: Vec<MappedAccount>,
    /// Whatever does not count, and why, in the order of the text.
    pub problems: Vec<Problem>,
    states: States,
    index: find::Index,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct States {
    roles: SectionState,
    users: SectionState,
    accounts: SectionState,
}

impl AwsAuth {
    /// What is known of a section.
    pub fn state(&self, section: Section) -> SectionState {
        match section {
            Section::Roles => self.states.roles,
            Section::Users => self.states.users,
            Section::Accounts => self.states.accounts,
        }
    }

    /// The sections that cannot be read and live on what they said last.
    pub fn stale_sections(&self) -> impl Iterator<Item = Section> + '_ {
        Section::ALL.into_iter().filter(|section| self.state(*section) == SectionState::Stale)
    }

    /// The identity mappings of both sections, in the order in which they are listed.
    pub fn mappings(&self) -> impl Iterator<Item = &IdentityMapping> {
        self.roles.iter().chain(&self.users)
    }

    /// Keeps the last rows of every section that cannot be read any more, and takes the others as they are now.
    ///
    /// One mistyped character must not lock out a whole cluster, its nodes first. `self` is what the ConfigMap says
    /// now, `previous` what counted until now. A section, or a ConfigMap, that is *gone* is read, and empty: removing
    /// access must work.
    #[must_use]
    pub fn with_last_good(mut self, previous: &Self) -> Self {
        let is_kept = |now: SectionState, before: SectionState| {
            now == SectionState::Unreadable && before != SectionState::Unreadable
        };
        if is_kept(self.states.roles, previous.states.roles) {
            self.roles.clone_from(&previous.roles);
            self.states.roles = SectionState::Stale;
        }
        if is_kept(self.states.users, previous.states.users) {
            self.users.clone_from(&previous.users);
            self.states.users = SectionState::Stale;
        }
        if is_kept(self.states.accounts, previous.states.accounts) {
            self.accounts.clone_from(&previous.accounts);
            self.states.accounts = SectionState::Stale;
        }
        self.rebuild_index();
        self
    }
}

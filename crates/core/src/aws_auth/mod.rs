//! aws-auth: the ConfigMap `kube-system/aws-auth` that maps IAM principals to Kubernetes identities, row by row.
//!
//! Three sections: `mapRoles` and `mapUsers` hold identity mappings (an ARN, a username, groups), `mapAccounts` holds
//! accounts whose every principal may come in under its own ARN. [`parse`] reads them, and says of each row that does
//! not count why; [`AwsAuth::find`] decides who a principal is; [`edit`] adds and removes rows without touching the
//! rest of the text.
//!
//! The same text means one thing to AWS's authenticator and another to Doorward, which follows the authenticator except
//! where its rules are a known hole: there Doorward drops a row that makes no sense alone and reports it, where the
//! authenticator would lose the whole section, or let its principal in as somebody without a name. [`parse_as`] reads
//! for either of them ([`Authenticator`]); everything that is read remembers for whom.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::account_id::AccountId;
use crate::principal::Principal;
use crate::username::{RenderError, Template};

pub mod edit;
mod eks;
mod find;
mod keys;
mod layout;
mod never;
mod parse;
mod problem;
pub mod put_back;
mod status;
mod strict;
mod write;
mod yaml;

pub use find::Match;
pub use keys::{RowKeys, row_keys};
pub use never::NeverMatches;
pub use parse::{parse, parse_as};
pub use problem::{Effect, Problem, ProblemKind};
pub use status::{RowReport, RowStatus};

/// Whose reading of aws-auth counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Authenticator {
    /// AWS's aws-iam-authenticator, which every EKS cluster runs: what happens there, holes included.
    Eks,
    /// This project's server.
    #[default]
    Doorward,
}

/// A place in a section's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column, in characters, from 1.
    pub column: usize,
}

impl Place {
    /// Where a text begins.
    pub const START: Self = Self { line: 1, column: 1 };
}

/// Where the values of a row stand, as far as there are any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// The ARN.
    pub arn: Option<Place>,
    /// The username.
    pub username: Option<Place>,
    /// Each group.
    pub groups: Vec<Place>,
}

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
    /// Column of its first key, in characters, from 1.
    pub column: usize,
    /// The ARN as it is written, valid or not. It is compared without regard to case.
    pub arn: String,
    /// The Kubernetes username. For [`Authenticator::Eks`] it may be empty.
    pub username: Template,
    /// The Kubernetes groups.
    pub groups: Vec<Template>,
    /// Where its values stand.
    #[serde(skip)]
    pub places: Places,
}

impl IdentityMapping {
    /// The username and groups that this row gives to a caller, by the rules of the authenticator that read it.
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
    /// Its column in that line, in characters, from 1.
    pub column: usize,
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
    authenticator: Authenticator,
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
    /// Whose reading this is.
    pub fn authenticator(&self) -> Authenticator {
        self.authenticator
    }

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
    /// access must work. AWS's authenticator keeps nothing, so what is read for it stays as it is.
    #[must_use]
    pub fn with_last_good(mut self, previous: &Self) -> Self {
        if self.authenticator == Authenticator::Eks {
            return self;
        }
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

//! What is known of IAM where a World is analysed: which principals exist, their real paths and unique ids.
//!
//! A row of aws-auth names a role without its path, an access entry with it, so that only the directory can tell which
//! role a row means. It is never guessed, least of all across accounts. Read from a JSON array of
//! `{"arn": …, "uniqueId": …}`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::account_id::AccountId;
use crate::arn::ArnError;
use crate::principal::{PrincipalArn, PrincipalId};

/// One principal of IAM.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KnownPrincipal {
    /// With its real path.
    pub arn: PrincipalArn,
    /// `AROA…` or `AIDA…`, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique_id: Option<PrincipalId>,
}

/// The principals that are known. Whether an account is known *completely* is said for each account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    /// By the ARN without its path, in lower case: what a row of aws-auth can say.
    by_canonical: BTreeMap<String, KnownPrincipal>,
    accounts: BTreeSet<AccountId>,
}

impl Directory {
    /// The principals of a list. Names in IAM are unique whatever their case and path, so of two that could not be
    /// told apart by a session the last counts.
    pub fn new(principals: impl IntoIterator<Item = KnownPrincipal>) -> Self {
        let mut directory = Self::default();
        for principal in principals {
            directory.accounts.insert(principal.arn.account());
            directory.by_canonical.insert(comparable(&principal.arn), principal);
        }
        directory
    }

    /// Reads a JSON array of `{"arn": …, "uniqueId": …}`.
    ///
    /// # Errors
    /// [`DirectoryError`] that names the place.
    pub fn parse(json: &str) -> Result<Self, DirectoryError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct Raw {
            arn: String,
            #[serde(default)]
            unique_id: Option<PrincipalId>,
        }
        let raw: Vec<Raw> = serde_json::from_str(json).map_err(|error| DirectoryError::Syntax(error.to_string()))?;
        let known = raw.into_iter().enumerate().map(|(at, Raw { arn, unique_id })| {
            let arn = PrincipalArn::parse(&arn).map_err(|error| DirectoryError::Arn { at, error })?;
            Ok(KnownPrincipal { arn, unique_id })
        });
        Ok(Self::new(known.collect::<Result<Vec<_>, DirectoryError>>()?))
    }

    /// Whether nothing is known at all.
    pub fn is_empty(&self) -> bool {
        self.by_canonical.is_empty()
    }

    /// Whether anything is known of an account. If so, a principal of it that is not listed does not exist.
    pub fn knows(&self, account: AccountId) -> bool {
        self.accounts.contains(&account)
    }

    /// The principal that a caller with this ARN is, whatever its case; for a role, whatever the path.
    pub fn find(&self, principal: &PrincipalArn) -> Option<&KnownPrincipal> {
        self.by_canonical.get(&comparable(principal))
    }

    /// All principals, by ARN without path.
    pub fn iter(&self) -> impl Iterator<Item = &KnownPrincipal> {
        self.by_canonical.values()
    }
}

/// A session does not say its role's path, so roles are told apart without it. A user's ARN says it.
fn comparable(principal: &PrincipalArn) -> String {
    principal.canonical_key()
}

/// Why a text is not taken for a directory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// No JSON of the expected shape.
    #[error("expected a JSON array of {{\"arn\": …, \"uniqueId\": …}}: {0}")]
    Syntax(String),
    /// An element whose ARN names no principal.
    #[error("element {} of the directory: {error}", at + 1)]
    Arn {
        /// Its place, from 0.
        at: usize,
        /// What is wrong.
        error: ArnError,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_found_without_its_path_and_a_user_only_with_it() {
        let directory = Directory::parse(
            r#"[{"arn": "arn:aws:iam::123456789012:role/team/Dev", "uniqueId": "AROAX"},
                {"arn": "arn:aws:iam::123456789012:user/team/bob"}]"#,
        )
        .unwrap();
        let find = |arn: &str| directory.find(&PrincipalArn::parse(arn).unwrap()).map(|known| known.arn.as_str());
        assert_eq!(find("arn:aws:iam::123456789012:role/dev"), Some("arn:aws:iam::123456789012:role/team/Dev"));
        assert_eq!(find("arn:aws:iam::123456789012:user/team/Bob"), Some("arn:aws:iam::123456789012:user/team/bob"));
        assert_eq!(find("arn:aws:iam::123456789012:user/bob"), None);
        assert_eq!(find("arn:aws:iam::210987654321:role/dev"), None);
        assert!(directory.knows("123456789012".parse().unwrap()) && !directory.knows("210987654321".parse().unwrap()));
    }

    #[test]
    fn what_is_no_principal_is_refused_with_its_place() {
        let error = Directory::parse(r#"[{"arn": "arn:aws:iam::123456789012:group/g"}]"#).unwrap_err().to_string();
        assert!(error.starts_with("element 1 of the directory: `arn:aws:iam::123456789012:group/g`"), "{error}");
        assert!(Directory::parse("{}").is_err());
        assert!(Directory::parse(r#"[{"ARN": "x"}]"#).is_err());
    }
}

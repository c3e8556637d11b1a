//! Requests to make and to change an access entry, checked as far as they can be without the cluster.
//!
//! EKS checks parameters before it looks for the cluster, so these types come first and need no World.

use super::entry_type::EntryType;
use super::error::AccessEntryError;
use super::tags::{Tags, checked_tags};
use crate::account_id::AccountId;
use crate::principal::{PrincipalArn, PrincipalKind};
use crate::username::{EntryUsernameError, Template};

/// Prefixes that neither a username nor a group of an entry may have. The list is closed: `sts:` for one passes.
const RESERVED_PREFIXES: [&str; 5] = ["system:", "eks:", "aws:", "amazon:", "iam:"];

/// A checked `CreateAccessEntry`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccessEntry {
    /// A role or a user.
    pub principal_arn: PrincipalArn,
    /// Its type.
    pub r#type: EntryType,
    /// The username, where one is given.
    pub username: Option<Template>,
    /// The groups, where any are given; sorted, each once.
    pub kubernetes_groups: Option<Vec<String>>,
    /// Tags.
    pub tags: Tags,
}

impl NewAccessEntry {
    /// Checks the parameters of the request. An empty username is the same as none.
    ///
    /// # Errors
    /// With EKS's texts.
    pub fn parse(
        principal_arn: &str,
        r#type: Option<&str>,
        username: Option<&str>,
        groups: Option<&[String]>,
        tags: Tags,
    ) -> Result<Self, AccessEntryError> {
        let principal_arn = entry_principal(principal_arn)?;
        let name = r#type.unwrap_or(EntryType::Standard.name());
        let r#type =
            EntryType::from_name(name).ok_or_else(|| AccessEntryError::UnknownType(crate::arn::printable(name)))?;
        if principal_arn.is_service_linked_role() {
            return Err(AccessEntryError::ServiceLinkedRole);
        }
        if r#type.is_for_nodes() && principal_arn.kind() != PrincipalKind::Role {
            return Err(AccessEntryError::NodeMustBeRole);
        }
        let username = username.filter(|text| !text.is_empty());
        let groups = groups.filter(|list| !list.is_empty());
        r#type.accepts(username.is_some(), groups.is_some())?;
        Ok(Self {
            principal_arn,
            r#type,
            username: username.map(checked_username).transpose()?,
            kubernetes_groups: groups.map(checked_groups).transpose()?,
            tags: checked_tags(tags)?,
        })
    }

    /// Checks what depends on the cluster: nodes belong to its account.
    ///
    /// # Errors
    /// With EKS's text.
    pub fn check_account(&self, cluster: AccountId) -> Result<(), AccessEntryError> {
        if self.r#type.is_for_nodes() && self.principal_arn.account() != cluster {
            return Err(AccessEntryError::NodeFromOtherAccount);
        }
        Ok(())
    }
}

/// A checked `UpdateAccessEntry`: what is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessEntryUpdate {
    /// The new username.
    pub username: Option<Template>,
    /// The new groups, all of them; empty clears.
    pub kubernetes_groups: Option<Vec<String>>,
}

impl AccessEntryUpdate {
    /// Checks the parameters of the request. An empty username leaves the username as it is.
    ///
    /// # Errors
    /// With EKS's texts.
    pub fn parse(username: Option<&str>, groups: Option<&[String]>) -> Result<Self, AccessEntryError> {
        Ok(Self {
            username: username.filter(|text| !text.is_empty()).map(checked_username).transpose()?,
            kubernetes_groups: groups.map(checked_groups).transpose()?,
        })
    }
}

/// The principal of an entry: a role or a user. Sessions, groups, root and federated users are none.
///
/// # Errors
/// [`AccessEntryError::PrincipalFormat`].
pub(crate) fn entry_principal(text: &str) -> Result<PrincipalArn, AccessEntryError> {
    let arn = PrincipalArn::parse(text).map_err(|_| AccessEntryError::PrincipalFormat)?;
    match arn.kind() {
        PrincipalKind::Role | PrincipalKind::User => Ok(arn),
        PrincipalKind::Root | PrincipalKind::FederatedUser => Err(AccessEntryError::PrincipalFormat),
    }
}

fn checked_username(text: &str) -> Result<Template, AccessEntryError> {
    if let Some(prefix) = reserved_prefix(text) {
        return Err(AccessEntryError::UsernamePrefix(prefix));
    }
    if !is_printable(text, 1024) {
        return Err(AccessEntryError::Username("it must have 1 to 1024 printable characters".to_owned()));
    }
    let template = Template::parse(text).map_err(|error| AccessEntryError::Username(error.to_string()))?;
    match template.check_for_entry() {
        Ok(()) => Ok(template),
        Err(EntryUsernameError::NoColon { .. }) => Err(AccessEntryError::UsernameWithoutColon),
        Err(error) => Err(AccessEntryError::Username(error.to_string())),
    }
}

fn checked_groups(groups: &[String]) -> Result<Vec<String>, AccessEntryError> {
    let mut checked = Vec::with_capacity(groups.len());
    for group in groups {
        if let Some(prefix) = reserved_prefix(group) {
            return Err(AccessEntryError::GroupPrefix { group: crate::arn::printable(group), prefix });
        }
        // EKS says nothing of placeholders in groups; its authenticator would fill them in from a name that the
        // caller chooses, so they are refused.
        if !is_printable(group, 256) || group.contains("{{") {
            return Err(AccessEntryError::Group(crate::arn::printable(group)));
        }
        checked.push(group.clone());
    }
    checked.sort_unstable();
    checked.dedup();
    Ok(checked)
}

/// The prefix that usernames and groups of entries must not have, if this text has one.
pub(crate) fn reserved_prefix(text: &str) -> Option<&'static str> {
    RESERVED_PREFIXES.into_iter().find(|prefix| text.starts_with(prefix))
}

fn is_printable(text: &str, max: usize) -> bool {
    !text.is_empty() && text.chars().count() <= max && !text.chars().any(char::is_control)
}

//! What IAM allows in names, paths, descriptions and inline policies; shared by users and roles.

use doorward_core::principal::{is_iam_name, is_iam_path};

use super::error::{DirectoryError, EntityKind};
use super::objects::InlinePolicies;
use crate::policy::IdentityPolicy;

/// Longest name of a user or a role.
pub(super) const MAX_NAME: usize = 64;

pub(super) fn check_name(field: &'static str, name: &str, max: usize) -> Result<(), DirectoryError> {
    if is_iam_name(name, max) { Ok(()) } else { Err(DirectoryError::invalid(field, name)) }
}

pub(super) fn check_path(path: &str) -> Result<(), DirectoryError> {
    if is_iam_path(path) { Ok(()) } else { Err(DirectoryError::invalid("path", path)) }
}

/// Up to 1,000 characters of Latin-1 text, tabs and line breaks included.
pub(super) fn check_description(text: &str) -> Result<(), DirectoryError> {
    let is_allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{A1}'..='\u{FF}');
    let fits = text.chars().count() <= 1_000 && text.chars().all(is_allowed);
    if fits { Ok(()) } else { Err(DirectoryError::invalid("description", text)) }
}

/// Characters that count against a policy quota.
pub(super) fn counted_length(document: &str) -> usize {
    document.chars().filter(|c| !c.is_whitespace()).count()
}

/// With a policy added, or put in place of the one of the same name.
pub(super) fn with_policy(
    policies: &InlinePolicies,
    name: &str,
    document: &str,
    (quota, limit): (&'static str, usize),
) -> Result<InlinePolicies, DirectoryError> {
    check_name("policyName", name, 128)?;
    let mut policies = policies.clone();
    policies.insert(name.to_owned(), IdentityPolicy::parse(document)?);
    let length: usize = policies.values().map(|policy| counted_length(policy.text())).sum();
    if length > limit {
        return Err(DirectoryError::LimitExceeded { quota, limit });
    }
    Ok(policies)
}

/// Without a policy that must be there.
pub(super) fn without_policy(
    policies: &InlinePolicies,
    name: &str,
    kind: EntityKind,
) -> Result<InlinePolicies, DirectoryError> {
    let mut policies = policies.clone();
    match policies.remove(name) {
        Some(_) => Ok(policies),
        None => Err(DirectoryError::no_such(kind, name)),
    }
}

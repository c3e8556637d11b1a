//! A plan in the forms that people put access into: Terraform, eksctl, aws CLI commands, Kubernetes manifests.
//!
//! What the file-shaped forms say is the end of the plan; the commands say its way. All are functions of the plan and of
//! the document that it was made of.

mod aws;
mod bindings;
mod eksctl;
mod terraform;

use std::collections::BTreeSet;

pub use aws::aws_commands;
pub use bindings::binding_manifests;
pub use eksctl::eksctl_config;
pub use terraform::terraform;

use super::{ApplyError, Outcome, Plan};
use crate::access_entry::EntryType;
use crate::principal::PrincipalArn;
use crate::world_document::{EntryDocument, WorldDocument};

/// An entry at the end of a plan.
struct Wanted {
    entry: EntryDocument,
    /// Whether it is there already.
    exists: bool,
    /// The policies that it has already, by name.
    associated: BTreeSet<String>,
}

impl Wanted {
    /// Whether username and groups are the entry's own, and not those of its type.
    fn has_identity(&self) -> bool {
        EntryType::from_name(&self.entry.r#type).is_none_or(|kind| !kind.is_for_nodes())
    }
}

/// The entries that rows become, or that count for them already, as they are at the end.
fn wanted(plan: &Plan, document: &WorldDocument) -> Result<Vec<Wanted>, ApplyError> {
    let mut named: BTreeSet<&PrincipalArn> = BTreeSet::new();
    for row in &plan.rows {
        match &row.outcome {
            Outcome::Entry { principal_arn, .. }
            | Outcome::Covered { principal_arn }
            | Outcome::Overridden { principal_arn, .. } => {
                named.insert(principal_arn);
            }
            Outcome::Entries { principal_arns } => named.extend(principal_arns),
            Outcome::Dropped { .. } | Outcome::Kept { .. } => {}
        }
    }
    let after = plan.after(document)?;
    let entries = after.access_entries.into_iter().filter(|entry| named.contains(&entry.principal_arn));
    let wanted = entries.map(|entry| {
        let before = document.entry(&entry.principal_arn);
        let policies = before.into_iter().flat_map(|entry| &entry.associated_access_policies);
        let associated = policies.map(|one| one.policy_arn.name().to_owned()).collect();
        Wanted { exists: before.is_some(), associated, entry }
    });
    Ok(wanted.collect())
}

/// The cluster's name, where it is known.
fn cluster_name(document: &WorldDocument) -> Option<&str> {
    document.cluster.as_ref().map(|cluster| cluster.name.as_str())
}

/// The cluster's region, where it is known.
fn region(document: &WorldDocument) -> Option<&str> {
    let arn = document.cluster.as_ref()?.arn.as_deref()?;
    crate::arn::Arn::parse(arn).ok().map(|arn| arn.region).filter(|region| !region.is_empty())
}

/// Text for a comment that ends with its line.
fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests;

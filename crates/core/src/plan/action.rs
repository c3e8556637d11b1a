//! The steps of a migration: what each does, what undoes it, and why it is there.
//!
//! An action is data, so that a plan can be printed, reviewed, kept in a file and taken up again after a crash. What it
//! does to a cluster is said once, by [`Action::apply_to`]; whoever carries it out elsewhere (the EKS API, `kubectl`,
//! Terraform) does the same there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::manifest::BindingManifest;
use crate::access_entry::EntryType;
use crate::access_policy::AccessPolicyArn;
use crate::access_scope::AccessScope;
use crate::authentication_mode::AuthenticationMode;
use crate::aws_auth::Section;
use crate::principal::PrincipalArn;

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Step {
    /// What tells it from the other steps of the plan; made of what it does, so that a later plan calls it the same.
    pub id: String,
    /// What it does. Doing it twice is the same as doing it once.
    pub action: Action,
    /// What takes it back, if it was the last step done; none for a change of the authentication mode, which EKS never
    /// takes back.
    pub undo: Option<Action>,
    /// Why it is there, and why here.
    pub why: String,
}

/// One change of a cluster's access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Action {
    /// `UpdateClusterConfig`. One way.
    SetMode(AuthenticationMode),
    /// Make the binding, or make it so.
    ApplyBinding(BindingManifest),
    /// Remove a binding, if it is there.
    DeleteBinding {
        /// None for a ClusterRoleBinding.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        namespace: Option<String>,
        /// Its name.
        name: String,
    },
    /// `CreateAccessEntry`. Where the very entry exists there is nothing to do.
    CreateEntry {
        /// The principal, with its path as far as it is known.
        principal_arn: PrincipalArn,
        /// The entry's type.
        r#type: EntryType,
        /// The username; none for the type's default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        username: Option<String>,
        /// The groups; of a node, none: its type gives them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        groups: Vec<String>,
    },
    /// `UpdateAccessEntry`.
    UpdateEntry {
        /// The principal, as the entry spells it.
        principal_arn: PrincipalArn,
        /// The new username; none leaves it as it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        username: Option<String>,
        /// The new groups, all of them.
        groups: Vec<String>,
    },
    /// `DeleteAccessEntry`, associations included, if it is there.
    DeleteEntry {
        /// The principal, as the entry spells it.
        principal_arn: PrincipalArn,
    },
    /// `AssociateAccessPolicy`; a policy that is associated gets this scope.
    AssociatePolicy {
        /// The principal, as the entry spells it.
        principal_arn: PrincipalArn,
        /// The policy.
        policy_arn: AccessPolicyArn,
        /// Where it counts.
        access_scope: AccessScope,
    },
    /// `DisassociateAccessPolicy`, if it is associated.
    DisassociatePolicy {
        /// The principal, as the entry spells it.
        principal_arn: PrincipalArn,
        /// The policy.
        policy_arn: AccessPolicyArn,
    },
    /// Remove rows of aws-auth, all at once.
    RemoveMapping {
        /// Their section.
        section: Section,
        /// The rows as they stood when the plan was made, in order.
        rows: Vec<MappingRow>,
        /// How many rows the section had then, these included: so many fewer, and they are removed already.
        rows_before: usize,
    },
    /// Put a section's text back as it was.
    RestoreSection {
        /// The section.
        section: Section,
        /// Its text.
        text: String,
    },
    /// Remove the ConfigMap, if it is there.
    DeleteAwsAuth,
    /// Make the ConfigMap again.
    RestoreAwsAuth {
        /// Its `data`.
        data: BTreeMap<String, String>,
    },
}

/// A row of aws-auth, by its place and by what it says: it is removed only where both still hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MappingRow {
    /// Its place in the section's list, from 0.
    pub index: usize,
    /// Its line within the section's text, from 1.
    pub line: usize,
    /// The ARN or the account as it is written; empty for a row that has none.
    pub arn: String,
}

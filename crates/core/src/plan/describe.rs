//! Actions in the words of a list that people review.

use std::fmt;

use super::action::Action;
use super::entry::scope_text;
use super::manifest::BindingManifest;
use crate::rbac::BindingSubject;

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetMode(mode) => write!(f, "set the authentication mode {mode}"),
            Self::ApplyBinding(BindingManifest(binding)) => {
                let subjects: Vec<String> = binding.subjects.iter().map(BindingSubject::to_string).collect();
                write!(f, "apply {binding} of {} to {}", binding.role, subjects.join(", "))
            }
            Self::DeleteBinding { namespace: None, name } => write!(f, "delete ClusterRoleBinding \"{name}\""),
            Self::DeleteBinding { namespace: Some(namespace), name } => {
                write!(f, "delete RoleBinding \"{name}/{namespace}\"")
            }
            Self::CreateEntry { principal_arn, r#type, username, groups } => {
                write!(f, "create the entry of {principal_arn}: {type}")?;
                if let Some(username) = username {
                    write!(f, ", username `{username}`")?;
                }
                if !groups.is_empty() {
                    write!(f, ", groups {}", groups.join(", "))?;
                }
                Ok(())
            }
            Self::UpdateEntry { principal_arn, username, groups } => {
                write!(f, "update the entry of {principal_arn}:")?;
                if let Some(username) = username {
                    write!(f, " username `{username}`,")?;
                }
                let groups = if groups.is_empty() { "none".to_owned() } else { groups.join(", ") };
                write!(f, " groups {groups}")
            }
            Self::DeleteEntry { principal_arn } => write!(f, "delete the entry of {principal_arn}"),
            Self::AssociatePolicy { principal_arn, policy_arn, access_scope } => {
                let scope = scope_text(access_scope);
                write!(f, "associate {} ({scope}) with the entry of {principal_arn}", policy_arn.name())
            }
            Self::DisassociatePolicy { principal_arn, policy_arn } => {
                write!(f, "disassociate {} from the entry of {principal_arn}", policy_arn.name())
            }
            Self::RemoveMapping { section, rows, .. } => {
                let shown: Vec<String> = rows.iter().take(8).map(|row| (row.index + 1).to_string()).collect();
                let more = if rows.len() > shown.len() { " …" } else { "" };
                write!(f, "remove {} rows of {section}: {}{more}", rows.len(), shown.join(", "))
            }
            Self::RestoreSection { section, .. } => write!(f, "put {section} back as it was"),
            Self::DeleteAwsAuth => f.write_str("delete the ConfigMap aws-auth"),
            Self::RestoreAwsAuth { .. } => f.write_str("make the ConfigMap aws-auth again"),
        }
    }
}

//! The entries of a plan as the `accessConfig` of an eksctl ClusterConfig.
//!
//! Source: the schema of `eksctl.io/v1alpha5` that eksctl documents.

use serde::Serialize;

use super::{Wanted, cluster_name, region, wanted};
use crate::access_scope::AccessScope;
use crate::plan::{ApplyError, Plan};
use crate::world_document::WorldDocument;

/// Writes the entries of a plan as an eksctl ClusterConfig, in YAML.
///
/// # Errors
/// If the document is not the one that the plan was made of.
pub fn eksctl_config(plan: &Plan, document: &WorldDocument) -> Result<String, ApplyError> {
    let entries = wanted(plan, document)?.into_iter().map(AccessEntry::of).collect();
    let config = ClusterConfig {
        api_version: "eksctl.io/v1alpha5",
        kind: "ClusterConfig",
        metadata: Metadata {
            name: cluster_name(document).unwrap_or("CLUSTER"),
            region: region(document).unwrap_or("REGION"),
        },
        access_config: AccessConfig {
            authentication_mode: plan.after(document)?.authentication_mode.name(),
            access_entries: entries,
        },
    };
    // It is made of texts, lists and maps with text keys.
    Ok(serde_saphyr::to_string(&config).unwrap_or_default())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClusterConfig<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata<'a>,
    access_config: AccessConfig,
}

#[derive(Serialize)]
struct Metadata<'a> {
    name: &'a str,
    region: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccessConfig {
    authentication_mode: &'static str,
    access_entries: Vec<AccessEntry>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccessEntry {
    #[serde(rename = "principalARN")]
    principal_arn: String,
    /// Absent for STANDARD, as eksctl has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kubernetes_username: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kubernetes_groups: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    access_policies: Vec<AccessPolicy>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccessPolicy {
    #[serde(rename = "policyARN")]
    policy_arn: String,
    access_scope: Scope,
}

#[derive(Serialize)]
struct Scope {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    namespaces: Vec<String>,
}

impl AccessEntry {
    fn of(wanted: Wanted) -> Self {
        let has_identity = wanted.has_identity();
        let entry = wanted.entry;
        let scope = |scope: AccessScope| Scope {
            r#type: scope.kind(),
            namespaces: scope.namespaces().iter().map(|pattern| pattern.as_str().to_owned()).collect(),
        };
        Self {
            principal_arn: entry.principal_arn.to_string(),
            r#type: (entry.r#type != "STANDARD").then_some(entry.r#type),
            kubernetes_username: has_identity.then_some(entry.username),
            kubernetes_groups: if has_identity { entry.kubernetes_groups } else { Vec::new() },
            access_policies: entry
                .associated_access_policies
                .into_iter()
                .map(|one| AccessPolicy {
                    policy_arn: one.policy_arn.as_str().to_owned(),
                    access_scope: scope(one.access_scope),
                })
                .collect(),
        }
    }
}

//! The JSON forms of EKS's resources.

use doorward_core::access_entry::{AccessEntry, AssociatedAccessPolicy};
use doorward_core::access_scope::AccessScope;
use doorward_core::cluster::Cluster;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::update_record::UpdateRecord;
use crate::view::ClusterView;

/// Seconds since 1970 with milliseconds: all SDKs want numbers.
pub(crate) fn timestamp(at: Timestamp) -> Value {
    // Milliseconds since 1970 are far below 2^53, so this is exact to the millisecond.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds fit a double")]
    let seconds = at.as_millisecond() as f64 / 1000.0;
    json!(seconds)
}

/// AccessEntry: groups and tags are always there.
pub(crate) fn access_entry(entry: &AccessEntry, cluster: &Cluster) -> Value {
    json!({
        "clusterName": cluster.name.as_str(),
        "principalArn": entry.principal_arn.as_str(),
        "kubernetesGroups": entry.kubernetes_groups(),
        "accessEntryArn": entry.arn(cluster),
        "createdAt": timestamp(entry.created_at()),
        "modifiedAt": timestamp(entry.modified_at()),
        "tags": entry.tags(),
        "username": entry.username().as_str(),
        "type": entry.r#type.name(),
    })
}

/// AssociatedAccessPolicy.
pub(crate) fn association(association: &AssociatedAccessPolicy) -> Value {
    json!({
        "policyArn": association.policy_arn.as_str(),
        "accessScope": access_scope(&association.access_scope),
        "associatedAt": timestamp(association.associated_at.into()),
        "modifiedAt": timestamp(association.modified_at.into()),
    })
}

fn access_scope(scope: &AccessScope) -> Value {
    let namespaces: Vec<&str> = scope.namespaces().iter().map(|pattern| pattern.as_str()).collect();
    json!({ "type": scope.kind(), "namespaces": namespaces })
}

/// Cluster. What Doorward does not manage is there empty, because clients look at it without asking.
pub(crate) fn cluster(view: &ClusterView) -> Value {
    let record = &view.record;
    json!({
        "name": record.name.as_str(),
        "arn": view.cluster.arn(),
        "createdAt": timestamp(record.created_at),
        "version": record.version,
        "platformVersion": "eks.1",
        "endpoint": record.endpoint,
        "status": "ACTIVE",
        "certificateAuthority": { "data": record.certificate_authority },
        "accessConfig": { "authenticationMode": view.world.mode().name() },
        "roleArn": format!("arn:{}:iam::{}:role/{}", view.cluster.partition, record.account, record.name),
        "resourcesVpcConfig": { "subnetIds": [], "securityGroupIds": [] },
        "kubernetesNetworkConfig": {},
        "identity": { "oidc": { "issuer": record.endpoint } },
        "logging": { "clusterLogging": [] },
        "tags": record.tags,
    })
}

/// Update.
pub(crate) fn update(update: &UpdateRecord, status: &str) -> Value {
    json!({
        "id": update.id,
        "status": status,
        "type": "AccessConfigUpdate",
        // The value is a JSON string within a string, as EKS has it.
        "params": [{ "type": "AuthenticationMode", "value": format!("\"{}\"", update.authentication_mode) }],
        "createdAt": timestamp(update.created_at),
        "errors": [],
    })
}

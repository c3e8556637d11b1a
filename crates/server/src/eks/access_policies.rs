//! AssociateAccessPolicy, DisassociateAccessPolicy, ListAssociatedAccessPolicies, ListAccessPolicies.

use std::sync::Arc;

use doorward_core::access_entry::AccessEntryError;
use doorward_core::access_policy::{AccessPolicyArn, Catalogue};
use doorward_core::partition::Partition;
use serde_json::json;

use super::access_entries::{find, put, with_token};
use super::page::Page;
use super::parameters::query;
use super::requests::Association;
use super::{Call, Outcome, json};
use crate::change::Change;
use crate::view::View;

pub(super) fn associate(
    view: &View,
    call: &Call<'_>,
    cluster: &str,
    principal: &str,
    association: &Association,
) -> Outcome {
    let (policy_arn, scope) = association.parsed.clone()?;
    let (cluster, entry) = find(view, cluster, principal)?;
    let (entry, association) =
        entry.associated(&policy_arn, scope, cluster.world.catalogue(), cluster.cluster.partition, call.now)?;
    let answer = json!({
        "clusterName": cluster.record.name.as_str(),
        "principalArn": entry.principal_arn.as_str(),
        "associatedAccessPolicy": json::association(&association),
    });
    if let Some(policy) = cluster.world.catalogue().find(policy_arn.name()).filter(|policy| policy.grants_nothing()) {
        tracing::warn!(
            cluster = %cluster.record.name, principal = %entry.principal_arn, policy = policy.name,
            "this access policy grants nothing here: AWS does not print its rules"
        );
    }
    Ok((answer, vec![put(cluster, entry)?]))
}

pub(super) fn disassociate(view: &View, cluster: &str, principal: &str, policy: &str) -> Outcome {
    let policy_arn = AccessPolicyArn::parse(policy).map_err(AccessEntryError::from)?;
    let (cluster, entry) = find(view, cluster, principal)?;
    let entry = entry.disassociated(&policy_arn)?;
    Ok((json!({}), vec![Change::PutEntry(cluster.record.name.clone(), Arc::new(entry))]))
}

pub(super) fn list_associated(view: &View, call: &Call<'_>, cluster: &str, principal: &str) -> Outcome {
    let query = query(call.query)?;
    let page = Page::parse(&query, &format!("access-policies {cluster} {principal}"))?;
    let (cluster, entry) = find(view, cluster, principal)?;
    // By name is by ARN: all are of one partition.
    let rest =
        entry.access_policies.iter().filter(|one| page.after().is_none_or(|after| one.policy_arn.name() > after));
    let (policies, token) = page.take(rest, |association| association.policy_arn.name().to_owned());
    let answer = json!({
        "clusterName": cluster.record.name.as_str(),
        "principalArn": entry.principal_arn.as_str(),
        "associatedAccessPolicies": policies.into_iter().map(json::association).collect::<Vec<_>>(),
    });
    Ok((with_token(answer, token), Vec::new()))
}

pub(super) fn list(call: &Call<'_>) -> Outcome {
    let query = query(call.query)?;
    let page = Page::parse(&query, "access-policies")?;
    let rest = Catalogue::built_in()
        .iter()
        .filter(|policy| policy.listed && page.after().is_none_or(|after| policy.name.as_str() > after));
    let (policies, token) = page.take(rest, |policy| policy.name.clone());
    let policies: Vec<_> = policies
        .into_iter()
        .map(
            |policy| json!({ "name": policy.name, "arn": AccessPolicyArn::new(Partition::Aws, &policy.name).as_str() }),
        )
        .collect();
    Ok((with_token(json!({ "accessPolicies": policies }), token), Vec::new()))
}

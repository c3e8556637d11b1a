//! CreateAccessEntry, DescribeAccessEntry, UpdateAccessEntry, DeleteAccessEntry, ListAccessEntries.

use doorward_core::access_entry::{AccessEntry, AccessEntryError, AccessEntryRecord};
use doorward_core::access_policy::AccessPolicyArn;
use doorward_core::principal::{PrincipalArn, PrincipalId};
use serde_json::{Value, json};
use std::sync::Arc;

use super::page::Page;
use super::parameters::{cluster_name, cluster_with_entries, fingerprint, query, single};
use super::requests::{Create, Update};
use super::{Call, Outcome, json};
use crate::api::ApiError;
use crate::change::Change;
use crate::view::{ClusterView, UnknownPrincipals, View};

pub(super) fn create(view: &View, call: &Call<'_>, cluster: &str, create: &Create) -> Outcome {
    let request = create.parsed.clone()?;
    let cluster = cluster_with_entries(view, cluster)?;
    request.check_account(cluster.record.account)?;
    let fingerprint =
        create.body.client_request_token.as_deref().map(|token| fingerprint(token, &format!("{request:?}")));
    if let Some(entry) = cluster.world.entry(&request.principal_arn) {
        if fingerprint.is_some() && entry.created_by() == fingerprint.as_deref() {
            return Ok((json!({ "accessEntry": json::access_entry(entry, &cluster.cluster) }), Vec::new()));
        }
        return Err(AccessEntryError::AlreadyExists.into());
    }
    let max = view.limits.access_entries;
    if cluster.world.entry_count() >= max {
        return Err(ApiError::limit_exceeded(format!(
            "The maximum number of access entries per cluster ({max}) is reached"
        )));
    }
    let principal_id = principal_id(view, cluster, &request.principal_arn)?;
    let entry = AccessEntry::new(request, principal_id, call.new_id.to_owned(), call.now)?;
    let entry = AccessEntry::from(AccessEntryRecord { created_by: fingerprint, ..entry.record() });
    let answer = json!({ "accessEntry": json::access_entry(&entry, &cluster.cluster) });
    Ok((answer, vec![put(cluster, entry)?]))
}

/// The unique id of a principal. EKS takes no entry for one that does not exist; where the directory is not the one
/// that knows, an entry is made without an id.
fn principal_id(
    view: &View,
    cluster: &ClusterView,
    principal: &PrincipalArn,
) -> Result<Option<PrincipalId>, AccessEntryError> {
    match (view.directory.id_of(principal), view.unknown_principals) {
        (Some(id), _) => Ok(Some(id)),
        (None, UnknownPrincipals::Refused) => Err(AccessEntryError::InvalidPrincipal),
        // Names are unique in an account whatever their path and case: one of the two would be somebody else's entry.
        (None, UnknownPrincipals::ByArn) if cluster.world.entry_of_same_callers(principal).is_some() => {
            Err(AccessEntryError::AlreadyExists)
        }
        (None, UnknownPrincipals::ByArn) => Ok(None),
    }
}

pub(super) fn describe(view: &View, cluster: &str, principal: &str) -> Outcome {
    let (cluster, entry) = find(view, cluster, principal)?;
    Ok((json!({ "accessEntry": json::access_entry(&entry, &cluster.cluster) }), Vec::new()))
}

pub(super) fn update(view: &View, call: &Call<'_>, cluster: &str, principal: &str, update: &Update) -> Outcome {
    let update = update.parsed.clone()?;
    let (cluster, entry) = find(view, cluster, principal)?;
    let entry = entry.updated(update, call.now)?;
    let answer = json!({ "accessEntry": json::access_entry(&entry, &cluster.cluster) });
    Ok((answer, vec![put(cluster, entry)?]))
}

/// The largest entry, in bytes of JSON with its associations. The history keeps an entry as it was and as it becomes in
/// one record of at most 1 MiB, and what is there must always be small enough to be changed or deleted.
const MAX_ENTRY: usize = 384 * 1024;

/// The change that keeps an entry.
///
/// # Errors
/// If it has grown too large. EKS has no published quota for groups, policies or namespaces of an entry.
pub(super) fn put(cluster: &ClusterView, entry: AccessEntry) -> Result<Change, ApiError> {
    let size = serde_json::to_vec(&entry).map_or(usize::MAX, |json| json.len());
    if size > MAX_ENTRY {
        return Err(ApiError::limit_exceeded(format!(
            "The access entry would have {size} bytes with its groups and associated access policies, the maximum is \
             {MAX_ENTRY}"
        )));
    }
    Ok(Change::PutEntry(cluster.record.name.clone(), Arc::new(entry)))
}

pub(super) fn delete(view: &View, cluster: &str, principal: &str) -> Outcome {
    let (cluster, entry) = find(view, cluster, principal)?;
    let change = Change::DeleteEntry(cluster.record.name.clone(), entry.principal_arn.clone());
    Ok((json!({}), vec![change]))
}

pub(super) fn list(view: &View, call: &Call<'_>, cluster: &str) -> Outcome {
    let name = cluster_name(cluster)?;
    let query = query(call.query)?;
    let policy = single(&query, "associatedPolicyArn")?
        .map(|arn| AccessPolicyArn::parse(arn).map_err(AccessEntryError::from))
        .transpose()?;
    let filter = policy.as_ref().map_or("", |arn| arn.as_str());
    let page = Page::parse(&query, &format!("access-entries {name} {filter}"))?;
    let cluster = cluster_with_entries(view, cluster)?;
    let has_policy = |entry: &&Arc<AccessEntry>| {
        policy.as_ref().is_none_or(|arn| {
            entry.access_policies.get(arn.name()).is_some_and(|association| association.policy_arn == *arn)
        })
    };
    let arn = |entry: &&Arc<AccessEntry>| entry.principal_arn.as_str().to_owned();
    let after = page.after().and_then(|text| PrincipalArn::parse(text).ok());
    let (entries, token) = match &after {
        None => page.take(cluster.world.entries().filter(has_policy), arn),
        Some(after) => page.take(cluster.world.entries_after(after).filter(has_policy), arn),
    };
    let arns: Vec<&str> = entries.iter().map(|entry| entry.principal_arn.as_str()).collect();
    Ok((with_token(json!({ "accessEntries": arns }), token), Vec::new()))
}

/// The answer with `nextToken`, if there is a next page.
pub(super) fn with_token(mut answer: Value, token: Option<String>) -> Value {
    if let (Some(token), Some(object)) = (token, answer.as_object_mut()) {
        object.insert("nextToken".to_owned(), Value::String(token));
    }
    answer
}

/// The entry that a path names.
///
/// # Errors
/// In EKS's order: the ARN's form, the cluster, its mode, the entry.
pub(super) fn find<'a>(
    view: &'a View,
    cluster: &str,
    principal: &str,
) -> Result<(&'a Arc<ClusterView>, Arc<AccessEntry>), ApiError> {
    let principal = PrincipalArn::parse(principal).map_err(|_| AccessEntryError::PrincipalFormat)?;
    let cluster = cluster_with_entries(view, cluster)?;
    let entry = cluster.world.entry(&principal).ok_or(AccessEntryError::NotFound)?;
    Ok((cluster, Arc::clone(entry)))
}

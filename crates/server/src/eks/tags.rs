//! TagResource, UntagResource, ListTagsForResource, for clusters and access entries.

use std::sync::Arc;

use doorward_core::access_entry::{AccessEntry, AccessEntryRecord, Tags, merge_tags};
use doorward_core::account_id::AccountId;
use http::StatusCode;
use serde_json::json;

use super::{Call, Outcome};
use crate::api::ApiError;
use crate::change::Change;
use crate::cluster_record::ClusterRecord;
use crate::view::{ClusterView, View};

pub(super) fn tag(view: &View, call: &Call<'_>, resource: &str, added: &Tags) -> Outcome {
    if added.is_empty() {
        return Err(bad_request("At least 1 tag must be provided"));
    }
    let resource = Resource::find(view, call.caller.account, resource)?;
    let tags = merge_tags(resource.tags(), added.clone()).map_err(|error| bad_request(&error.to_string()))?;
    Ok((json!({}), vec![resource.with_tags(tags, call)]))
}

pub(super) fn untag(view: &View, call: &Call<'_>, resource: &str, keys: &[String]) -> Outcome {
    if keys.is_empty() {
        return Err(bad_request("At least 1 tag key must be provided"));
    }
    let resource = Resource::find(view, call.caller.account, resource)?;
    let mut tags = resource.tags().clone();
    tags.retain(|key, _| !keys.contains(key));
    if tags == *resource.tags() {
        return Ok((json!({}), Vec::new()));
    }
    Ok((json!({}), vec![resource.with_tags(tags, call)]))
}

pub(super) fn list(view: &View, call: &Call<'_>, resource: &str) -> Outcome {
    Ok((json!({ "tags": Resource::find(view, call.caller.account, resource)?.tags() }), Vec::new()))
}

/// The operations on tags have error types of their own.
fn bad_request(message: &str) -> ApiError {
    ApiError::new("BadRequestException", StatusCode::BAD_REQUEST, message)
}

/// What can have tags.
pub(super) enum Resource<'a> {
    Cluster(&'a ClusterView),
    AccessEntry(&'a ClusterView, &'a AccessEntry),
}

impl<'a> Resource<'a> {
    /// What an ARN names in an account.
    ///
    /// # Errors
    /// `BadRequestException` for an ARN of something else, `NotFoundException`.
    pub(super) fn find(view: &'a View, account: AccountId, arn: &str) -> Result<Self, ApiError> {
        let parsed =
            doorward_core::arn::Arn::parse(arn).map_err(|error| bad_request(&format!("The resourceArn {error}")))?;
        let not_found =
            || ApiError::new("NotFoundException", StatusCode::NOT_FOUND, "The specified resource could not be found.");
        let segments: Vec<&str> = parsed.resource.split('/').collect();
        let name = match (parsed.service, segments.as_slice()) {
            ("eks", ["cluster", name] | ["access-entry", name, _, _, _, _]) => *name,
            _ => return Err(bad_request("The resourceArn is not that of a cluster or an access entry")),
        };
        let cluster = view.cluster(name).filter(|cluster| cluster.record.account == account).ok_or_else(not_found)?;
        if cluster.cluster.arn() == arn {
            return Ok(Self::Cluster(cluster));
        }
        // The id alone nearly decides; the whole ARN of thousands of entries need not be written.
        let is_named = |entry: &&Arc<AccessEntry>| arn.ends_with(&*entry.id()) && entry.arn(&cluster.cluster) == arn;
        let entry = cluster.world.entries().find(is_named).ok_or_else(not_found)?;
        Ok(Self::AccessEntry(cluster, entry))
    }

    fn tags(&self) -> &Tags {
        match self {
            Self::Cluster(cluster) => &cluster.record.tags,
            Self::AccessEntry(_, entry) => entry.tags(),
        }
    }

    fn with_tags(&self, tags: Tags, call: &Call<'_>) -> Change {
        match self {
            Self::Cluster(cluster) => Change::PutCluster(Box::new(ClusterRecord { tags, ..cluster.record.clone() })),
            Self::AccessEntry(cluster, entry) => {
                let record = AccessEntryRecord { tags, modified_at: call.now, ..entry.record() };
                Change::PutEntry(cluster.record.name.clone(), Arc::new(record.into()))
            }
        }
    }
}

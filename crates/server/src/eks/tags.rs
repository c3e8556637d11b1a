//! TagResource, UntagResource, ListTagsForResource, for clusters and access entries.

use std::sync::Arc;

use doorward_core::access_entry::{AccessEntry, Tags, merge_tags};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::parameters::{body, query};
use super::{Call, Outcome};
use crate::api::ApiError;
use crate::change::Change;
use crate::cluster_record::ClusterRecord;
use crate::view::{ClusterView, View};

#[derive(Deserialize)]
struct TagBody {
    tags: Option<Tags>,
}

pub(super) fn tag(view: &View, call: &Call<'_>, resource: &str) -> Outcome {
    let body: TagBody = body(call.body)?;
    let added = body.tags.unwrap_or_default();
    if added.is_empty() {
        return Err(bad_request("At least 1 tag must be provided"));
    }
    let resource = Resource::find(view, resource)?;
    let tags = merge_tags(resource.tags(), added).map_err(|error| bad_request(&error.to_string()))?;
    Ok((json!({}), vec![resource.with_tags(tags, call)]))
}

pub(super) fn untag(view: &View, call: &Call<'_>, resource: &str) -> Outcome {
    let query = query(call.query)?;
    let keys: Vec<&str> = query.iter().filter(|(name, _)| name == "tagKeys").map(|(_, key)| key.as_str()).collect();
    if keys.is_empty() {
        return Err(bad_request("At least 1 tag key must be provided"));
    }
    let resource = Resource::find(view, resource)?;
    let mut tags = resource.tags().clone();
    tags.retain(|key, _| !keys.contains(&key.as_str()));
    if tags == *resource.tags() {
        return Ok((json!({}), Vec::new()));
    }
    Ok((json!({}), vec![resource.with_tags(tags, call)]))
}

pub(super) fn list(view: &View, resource: &str) -> Outcome {
    Ok((json!({ "tags": Resource::find(view, resource)?.tags() }), Vec::new()))
}

/// The operations on tags have error types of their own.
fn bad_request(message: &str) -> ApiError {
    ApiError::new("BadRequestException", StatusCode::BAD_REQUEST, message)
}

/// What can have tags.
enum Resource<'a> {
    Cluster(&'a ClusterView),
    AccessEntry(&'a ClusterView, Arc<AccessEntry>),
}

impl<'a> Resource<'a> {
    fn find(view: &'a View, arn: &str) -> Result<Self, ApiError> {
        let parsed =
            doorward_core::arn::Arn::parse(arn).map_err(|error| bad_request(&format!("The resourceArn {error}")))?;
        let not_found =
            || ApiError::new("NotFoundException", StatusCode::NOT_FOUND, "The specified resource could not be found.");
        let segments: Vec<&str> = parsed.resource.split('/').collect();
        let name = match (parsed.service, segments.as_slice()) {
            ("eks", ["cluster", name] | ["access-entry", name, _, _, _, _]) => *name,
            _ => return Err(bad_request("The resourceArn is not that of a cluster or an access entry")),
        };
        let cluster = view.cluster(name).ok_or_else(not_found)?;
        if cluster.cluster.arn() == arn {
            return Ok(Self::Cluster(cluster));
        }
        let entry = cluster.world.entries().find(|entry| entry.arn(&cluster.cluster) == arn).ok_or_else(not_found)?;
        Ok(Self::AccessEntry(cluster, Arc::clone(entry)))
    }

    fn tags(&self) -> &Tags {
        match self {
            Self::Cluster(cluster) => &cluster.record.tags,
            Self::AccessEntry(_, entry) => &entry.tags,
        }
    }

    fn with_tags(&self, tags: Tags, call: &Call<'_>) -> Change {
        match self {
            Self::Cluster(cluster) => Change::PutCluster(Box::new(ClusterRecord { tags, ..cluster.record.clone() })),
            Self::AccessEntry(cluster, entry) => {
                let entry = AccessEntry { tags, modified_at: call.now, ..entry.as_ref().clone() };
                Change::PutEntry(cluster.record.name.clone(), Box::new(entry))
            }
        }
    }
}

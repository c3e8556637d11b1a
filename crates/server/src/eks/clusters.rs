//! DescribeCluster, ListClusters, DeleteCluster.

use doorward_core::access_entry::{AccessEntry, AccessEntryError, NewAccessEntry, Tags};
use doorward_core::access_policy::AccessPolicyArn;
use doorward_core::access_policy::Catalogue;
use doorward_core::access_scope::AccessScope;
use doorward_core::partition::Partition;
use serde_json::json;

use super::access_entries::with_token;
use super::page::Page;
use super::parameters::{cluster, query};
use super::{Call, Outcome, json};
use crate::api::ApiError;
use crate::change::Change;
use crate::cluster_record::ClusterRecord;
use crate::view::View;

pub(super) fn describe(view: &View, name: &str) -> Outcome {
    Ok((json!({ "cluster": json::cluster(cluster(view, name)?) }), Vec::new()))
}

pub(super) fn list(view: &View, call: &Call<'_>) -> Outcome {
    let query = query(call.query)?;
    let page = Page::parse(&query, "clusters")?;
    let own = view.clusters().filter(|cluster| cluster.record.account == call.caller.account);
    let names = own.map(|cluster| cluster.record.name.as_str());
    let (names, token) =
        page.take(names.filter(|name| page.after().is_none_or(|after| *name > after)), |name| (*name).to_owned());
    Ok((with_token(json!({ "clusters": names }), token), Vec::new()))
}

/// Removes the registration with every entry. The cluster itself is not Doorward's to delete.
pub(super) fn delete(view: &View, name: &str) -> Outcome {
    let cluster = cluster(view, name)?;
    let name = &cluster.record.name;
    let mut answer = json::cluster(cluster);
    if let Some(object) = answer.as_object_mut() {
        object.insert("status".to_owned(), json!("DELETING"));
    }
    let entries = cluster.world.entries().map(|entry| Change::DeleteEntry(name.clone(), entry.principal_arn.clone()));
    let updates = cluster.updates.keys().map(|id| Change::DeleteUpdate(name.clone(), id.clone()));
    // The cluster goes last: nothing of it must outlive it, or a cluster of the same name would inherit it.
    let changes = entries.chain(updates).chain([Change::DeleteCluster(name.clone())]).collect();
    Ok((json!({ "cluster": answer }), changes))
}

/// The creator's entry: an administrator by policy, without groups.
pub(crate) fn creator_entry(record: &ClusterRecord, call: &Call<'_>) -> Result<AccessEntry, ApiError> {
    let request = NewAccessEntry::parse(record.creator.as_str(), None, None, None, Tags::new())?;
    let id = Some(record.creator_id.clone());
    let entry = AccessEntry::new(request, id, call.new_id.to_owned(), call.now)?;
    let policy = AccessPolicyArn::new(Partition::Aws, "AmazonEKSClusterAdminPolicy");
    let (entry, _) = entry
        .associated(&policy, AccessScope::Cluster, Catalogue::built_in(), Partition::Aws, call.now)
        .map_err(|error: AccessEntryError| ApiError::from(error))?;
    Ok(entry)
}

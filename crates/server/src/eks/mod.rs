//! The EKS API: REST-JSON, as botocore's service model describes it.
//!
//! Each operation is a function of the current View and the request's parameters. Checks come in EKS's order:
//! permission, parameters, the cluster, its mode, the resource.

mod access_entries;
mod access_policies;
mod clusters;
pub(crate) mod json;
mod page;
pub(crate) mod parameters;
mod permissions;
mod requests;
mod route;
mod tags;
mod updates;
mod versions;

use doorward_identity::caller::Caller;
use jiff::Timestamp;
use serde_json::Value;

use crate::api::ApiError;
use crate::change::Change;
use crate::view::View;

pub(crate) use clusters::creator_entry;
pub(crate) use permissions::set_request_tags;
use route::Operation;
pub use route::{Route, segments};

/// What an operation knows of the call beside its parameters.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// Who calls.
    pub caller: &'a Caller,
    /// When.
    pub now: Timestamp,
    /// The region that the request was signed for.
    pub region: &'a str,
    /// A fresh UUID for whatever the operation makes.
    pub new_id: &'a str,
    /// The raw query.
    pub query: &'a str,
}

/// The body of the answer, and what changes.
pub type Outcome = Result<(Value, Vec<Change>), ApiError>;

/// Checks that the caller may do this.
///
/// # Errors
/// With the permission that is missing. Then a cluster of another account, which is as good as none.
pub(crate) fn permit(route: &Route, view: &View, call: &Call<'_>) -> Result<(), ApiError> {
    crate::permission::permit(call.caller, || permissions::needs(route, view, call))?;
    match route.cluster() {
        Some(name) if view.cluster(name).is_some() && permissions::own_cluster(view, call, name).is_none() => {
            Err(ApiError::no_cluster(name))
        }
        _ => Ok(()),
    }
}

/// Runs an operation on a View, for a caller that may.
///
/// # Errors
/// With EKS's error types and texts.
pub fn run(route: &Route, view: &View, call: &Call<'_>) -> Outcome {
    match &route.operation {
        Operation::CreateAccessEntry { cluster, create } => access_entries::create(view, call, cluster, create),
        Operation::DescribeAccessEntry { cluster, principal } => access_entries::describe(view, cluster, principal),
        Operation::UpdateAccessEntry { cluster, principal, update } => {
            access_entries::update(view, call, cluster, principal, update)
        }
        Operation::DeleteAccessEntry { cluster, principal } => access_entries::delete(view, cluster, principal),
        Operation::ListAccessEntries { cluster } => access_entries::list(view, call, cluster),
        Operation::AssociateAccessPolicy { cluster, principal, association } => {
            access_policies::associate(view, call, cluster, principal, association)
        }
        Operation::DisassociateAccessPolicy { cluster, principal, policy } => {
            access_policies::disassociate(view, cluster, principal, policy)
        }
        Operation::ListAssociatedAccessPolicies { cluster, principal } => {
            access_policies::list_associated(view, call, cluster, principal)
        }
        Operation::ListAccessPolicies => access_policies::list(call),
        Operation::DescribeCluster { cluster } => clusters::describe(view, cluster),
        Operation::ListClusters => clusters::list(view, call),
        Operation::DeleteCluster { cluster } => clusters::delete(view, cluster),
        Operation::UpdateClusterConfig { cluster, update } => updates::update_config(view, call, cluster, update),
        Operation::DescribeUpdate { cluster, update } => updates::describe(view, cluster, update),
        Operation::ListUpdates { cluster } => updates::list(view, call, cluster),
        Operation::TagResource { resource, tags } => tags::tag(view, call, resource, tags),
        Operation::UntagResource { resource, keys } => tags::untag(view, call, resource, keys),
        Operation::ListTagsForResource { resource } => tags::list(view, call, resource),
        Operation::DescribeClusterVersions => versions::describe(call),
    }
}

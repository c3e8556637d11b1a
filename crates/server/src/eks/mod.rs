//! The EKS API: REST-JSON, as botocore's service model describes it.
//!
//! Each operation is a function of the current View and the request's parameters. Checks come in EKS's order:
//! parameters, the cluster, its mode, the resource.

mod access_entries;
mod access_policies;
mod clusters;
pub(crate) mod json;
mod page;
pub(crate) mod parameters;
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
pub use route::{Operation, Route, segments};

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
    /// The body.
    pub body: &'a [u8],
}

/// The body of the answer, and what changes.
pub type Outcome = Result<(Value, Vec<Change>), ApiError>;

/// Runs an operation on a View.
///
/// # Errors
/// With EKS's error types and texts.
pub fn run(route: &Route, view: &View, call: &Call<'_>) -> Outcome {
    match &route.operation {
        Operation::CreateAccessEntry { cluster } => access_entries::create(view, call, cluster),
        Operation::DescribeAccessEntry { cluster, principal } => access_entries::describe(view, cluster, principal),
        Operation::UpdateAccessEntry { cluster, principal } => access_entries::update(view, call, cluster, principal),
        Operation::DeleteAccessEntry { cluster, principal } => access_entries::delete(view, cluster, principal),
        Operation::ListAccessEntries { cluster } => access_entries::list(view, call, cluster),
        Operation::AssociateAccessPolicy { cluster, principal } => {
            access_policies::associate(view, call, cluster, principal)
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
        Operation::UpdateClusterConfig { cluster } => updates::update_config(view, call, cluster),
        Operation::DescribeUpdate { cluster, update } => updates::describe(view, cluster, update),
        Operation::ListUpdates { cluster } => updates::list(view, call, cluster),
        Operation::TagResource { resource } => tags::tag(view, call, resource),
        Operation::UntagResource { resource } => tags::untag(view, call, resource),
        Operation::ListTagsForResource { resource } => tags::list(view, resource),
        Operation::DescribeClusterVersions => versions::describe(call),
    }
}

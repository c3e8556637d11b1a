//! From a request to an operation: by method and raw path, with the parameters that its body or query gives.
//!
//! Segments are split before they are decoded: an ARN arrives as one segment with encoded slashes. A route is therefore
//! a pattern over segments, which a router that decodes first could not match.

use doorward_core::access_entry::Tags;
use http::Method;

use super::parameters::{body as json, query as pairs};
use super::requests::{Association, Create, TagBody, Update, UpdateConfig};
use crate::api::ApiError;

/// The EKS operation of that name, with the labels of its path and what permissions can depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    CreateAccessEntry { cluster: String, create: Box<Create> },
    DescribeAccessEntry { cluster: String, principal: String },
    UpdateAccessEntry { cluster: String, principal: String, update: Box<Update> },
    DeleteAccessEntry { cluster: String, principal: String },
    ListAccessEntries { cluster: String },
    AssociateAccessPolicy { cluster: String, principal: String, association: Box<Association> },
    DisassociateAccessPolicy { cluster: String, principal: String, policy: String },
    ListAssociatedAccessPolicies { cluster: String, principal: String },
    ListAccessPolicies,
    DescribeCluster { cluster: String },
    ListClusters,
    DeleteCluster { cluster: String },
    UpdateClusterConfig { cluster: String, update: Box<UpdateConfig> },
    DescribeUpdate { cluster: String, update: String },
    ListUpdates { cluster: String },
    TagResource { resource: String, tags: Tags },
    UntagResource { resource: String, keys: Vec<String> },
    ListTagsForResource { resource: String },
    DescribeClusterVersions,
}

/// An operation, and what IAM calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The operation.
    pub(crate) operation: Operation,
    /// The action's name without its service, such as `CreateAccessEntry`.
    pub action: &'static str,
    /// Whether it may change something.
    pub writes: bool,
}

impl Route {
    /// Finds the operation of a request.
    ///
    /// # Errors
    /// `UnknownOperationException` for a path that is no operation's, `InvalidParameterException` for a segment or a
    /// query that is not percent-encoded UTF-8, `SerializationException` for a body that is not the operation's.
    pub fn parse(method: &Method, path: &str, query: &str, body: &[u8]) -> Result<Self, ApiError> {
        let segments = segments(path)?;
        let names: Vec<&str> = segments.iter().map(String::as_str).collect();
        operation(method, &names, query, body)?.ok_or_else(|| ApiError::unknown_operation(method, path))
    }

    /// The cluster that the path names.
    pub fn cluster(&self) -> Option<&str> {
        match &self.operation {
            Operation::CreateAccessEntry { cluster, .. }
            | Operation::DescribeAccessEntry { cluster, .. }
            | Operation::UpdateAccessEntry { cluster, .. }
            | Operation::DeleteAccessEntry { cluster, .. }
            | Operation::ListAccessEntries { cluster }
            | Operation::AssociateAccessPolicy { cluster, .. }
            | Operation::DisassociateAccessPolicy { cluster, .. }
            | Operation::ListAssociatedAccessPolicies { cluster, .. }
            | Operation::DescribeCluster { cluster }
            | Operation::DeleteCluster { cluster }
            | Operation::UpdateClusterConfig { cluster, .. }
            | Operation::DescribeUpdate { cluster, .. }
            | Operation::ListUpdates { cluster } => Some(cluster),
            _ => None,
        }
    }
}

/// The decoded segments of a raw path; one more than the longest route has, at most.
///
/// # Errors
/// `InvalidParameterException` for a segment that is not percent-encoded UTF-8.
pub fn segments(path: &str) -> Result<Vec<String>, ApiError> {
    let decode = |raw: &str| {
        doorward_sigv4::query::decode(raw).map_err(|error| {
            ApiError::invalid_parameter(format!("The path segment `{}` is invalid: {error}", raw.escape_debug()))
        })
    };
    path.strip_prefix('/').unwrap_or(path).split('/').take(8).map(decode).collect()
}

fn operation(method: &Method, segments: &[&str], query: &str, body: &[u8]) -> Result<Option<Route>, ApiError> {
    let own = |text: &&str| (*text).to_owned();
    let reads = |operation, action| Route { operation, action, writes: false };
    let writes = |operation, action| Route { operation, action, writes: true };
    Ok(Some(match (method.as_str(), segments) {
        ("POST", ["clusters", cluster, "access-entries"]) => {
            let create = Box::new(Create::read(body)?);
            writes(Operation::CreateAccessEntry { cluster: own(cluster), create }, "CreateAccessEntry")
        }
        ("GET", ["clusters", cluster, "access-entries"]) => {
            reads(Operation::ListAccessEntries { cluster: own(cluster) }, "ListAccessEntries")
        }
        ("GET", ["clusters", cluster, "access-entries", principal]) => reads(
            Operation::DescribeAccessEntry { cluster: own(cluster), principal: own(principal) },
            "DescribeAccessEntry",
        ),
        ("POST", ["clusters", cluster, "access-entries", principal]) => {
            let (cluster, principal, update) = (own(cluster), own(principal), Box::new(Update::read(body)?));
            writes(Operation::UpdateAccessEntry { cluster, principal, update }, "UpdateAccessEntry")
        }
        ("DELETE", ["clusters", cluster, "access-entries", principal]) => writes(
            Operation::DeleteAccessEntry { cluster: own(cluster), principal: own(principal) },
            "DeleteAccessEntry",
        ),
        ("POST", ["clusters", cluster, "access-entries", principal, "access-policies"]) => {
            let association = Box::new(Association::read(body)?);
            let (cluster, principal) = (own(cluster), own(principal));
            writes(Operation::AssociateAccessPolicy { cluster, principal, association }, "AssociateAccessPolicy")
        }
        ("GET", ["clusters", cluster, "access-entries", principal, "access-policies"]) => reads(
            Operation::ListAssociatedAccessPolicies { cluster: own(cluster), principal: own(principal) },
            "ListAssociatedAccessPolicies",
        ),
        ("DELETE", ["clusters", cluster, "access-entries", principal, "access-policies", policy]) => writes(
            Operation::DisassociateAccessPolicy {
                cluster: own(cluster),
                principal: own(principal),
                policy: own(policy),
            },
            "DisassociateAccessPolicy",
        ),
        ("GET", ["access-policies"]) => reads(Operation::ListAccessPolicies, "ListAccessPolicies"),
        ("GET", ["clusters"]) => reads(Operation::ListClusters, "ListClusters"),
        ("GET", ["clusters", cluster]) => {
            reads(Operation::DescribeCluster { cluster: own(cluster) }, "DescribeCluster")
        }
        ("DELETE", ["clusters", cluster]) => {
            writes(Operation::DeleteCluster { cluster: own(cluster) }, "DeleteCluster")
        }
        ("POST", ["clusters", cluster, "update-config"]) => {
            let update = Box::new(json(body)?);
            writes(Operation::UpdateClusterConfig { cluster: own(cluster), update }, "UpdateClusterConfig")
        }
        ("GET", ["clusters", cluster, "updates"]) => {
            reads(Operation::ListUpdates { cluster: own(cluster) }, "ListUpdates")
        }
        ("GET", ["clusters", cluster, "updates", update]) => {
            reads(Operation::DescribeUpdate { cluster: own(cluster), update: own(update) }, "DescribeUpdate")
        }
        ("POST", ["tags", resource]) => {
            let tags = json::<TagBody>(body)?.tags.unwrap_or_default();
            writes(Operation::TagResource { resource: own(resource), tags }, "TagResource")
        }
        ("DELETE", ["tags", resource]) => {
            let keys = pairs(query)?.into_iter().filter(|(name, _)| name == "tagKeys").map(|(_, key)| key).collect();
            writes(Operation::UntagResource { resource: own(resource), keys }, "UntagResource")
        }
        ("GET", ["tags", resource]) => {
            reads(Operation::ListTagsForResource { resource: own(resource) }, "ListTagsForResource")
        }
        ("GET", ["cluster-versions"]) => reads(Operation::DescribeClusterVersions, "DescribeClusterVersions"),
        _ => return Ok(None),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_in_a_path_is_one_segment_whatever_slashes_it_holds() {
        let path = "/clusters/demo/access-entries/arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fteam%2Fdev%2Bops";
        let route = Route::parse(&Method::GET, path, "", b"").unwrap();
        let principal = "arn:aws:iam::111122223333:role/team/dev+ops".to_owned();
        assert_eq!(route.operation, Operation::DescribeAccessEntry { cluster: "demo".into(), principal });
    }

    #[test]
    fn an_empty_last_segment_is_an_empty_arn_and_not_the_list() {
        let route = Route::parse(&Method::GET, "/clusters/demo/access-entries/", "", b"").unwrap();
        assert_eq!(route.action, "DescribeAccessEntry");
    }

    #[test]
    fn what_is_no_operation_is_refused() {
        for (method, path) in [
            (Method::PUT, "/clusters/demo/access-entries"),
            (Method::GET, "/"),
            (Method::GET, ""),
            (Method::GET, "/clusters/a/b/c/d/e/f/g/h/i"),
            (Method::GET, "/Clusters"),
        ] {
            assert_eq!(Route::parse(&method, path, "", b"").unwrap_err().code, "UnknownOperationException", "{path}");
        }
        assert_eq!(Route::parse(&Method::GET, "/clusters/%zz", "", b"").unwrap_err().code, "InvalidParameterException");
        assert_eq!(Route::parse(&Method::GET, "/clusters/%ff", "", b"").unwrap_err().code, "InvalidParameterException");
    }
}

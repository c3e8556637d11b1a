//! Doorward's own API, for what EKS has no operation: registering clusters, instances for node names, the server's state.
//!
//! Signed like the others, for the service `doorward`.

mod instances;
mod register;
mod status;

use http::Method;

use crate::api::ApiError;
use crate::eks::{Call, Outcome, segments};
use crate::view::View;

pub use register::Registration;

/// An operation with what its path names.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Operation {
    RegisterCluster { cluster: String },
    PutInstance { instance: String },
    DeleteInstance { instance: String },
    ListInstances,
    GetStatus,
}

/// An operation, and what IAM calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    operation: Operation,
    /// The action's name without its service.
    pub action: &'static str,
    /// Whether it may change something.
    pub writes: bool,
}

impl Route {
    /// Finds the operation of a request whose path begins with `/doorward/`.
    ///
    /// # Errors
    /// `UnknownOperationException` for a path that is no operation's.
    pub fn parse(method: &Method, path: &str) -> Result<Self, ApiError> {
        let segments = segments(path)?;
        let names: Vec<&str> = segments.iter().map(String::as_str).collect();
        let own = |text: &&str| (*text).to_owned();
        let (operation, action, writes) = match (method.as_str(), names.as_slice()) {
            ("PUT", ["doorward", "v1", "clusters", cluster]) => {
                (Operation::RegisterCluster { cluster: own(cluster) }, "RegisterCluster", true)
            }
            ("PUT", ["doorward", "v1", "instances", instance]) => {
                (Operation::PutInstance { instance: own(instance) }, "PutInstance", true)
            }
            ("DELETE", ["doorward", "v1", "instances", instance]) => {
                (Operation::DeleteInstance { instance: own(instance) }, "DeleteInstance", true)
            }
            ("GET", ["doorward", "v1", "instances"]) => (Operation::ListInstances, "ListInstances", false),
            ("GET", ["doorward", "v1", "status"]) => (Operation::GetStatus, "GetStatus", false),
            _ => return Err(ApiError::unknown_operation(method, path)),
        };
        Ok(Self { operation, action, writes })
    }

    /// The cluster that the path names.
    pub fn cluster(&self) -> Option<&str> {
        match &self.operation {
            Operation::RegisterCluster { cluster } => Some(cluster),
            _ => None,
        }
    }
}

/// Runs an operation on a View.
///
/// # Errors
/// With the error types of EKS.
pub fn run(route: &Route, view: &View, call: &Call<'_>) -> Outcome {
    match &route.operation {
        Operation::RegisterCluster { cluster } => register::register(view, call, cluster),
        Operation::PutInstance { instance } => instances::put(view, call, instance),
        Operation::DeleteInstance { instance } => instances::delete(view, call, instance),
        Operation::ListInstances => instances::list(view, call),
        Operation::GetStatus => status::status(view),
    }
}

//! Doorward's own API, for what EKS has no operation: registering clusters, instances for node names, how
//! access is used, the server's state, what is wrong with it, which servers there are.
//!
//! Signed like the others, for the service `doorward`.

mod diagnosis;
mod instances;
mod register;
mod replicas;
mod status;
mod usage;

use http::Method;

use crate::api::ApiError;
use crate::eks::parameters::body as json;
use crate::eks::{Call, Outcome, segments, set_request_tags};
use crate::health::Signs;
use crate::permission::{Need, shown};
use crate::view::View;

use instances::InstanceBody;
pub use register::Registration;

/// An operation with what its path and its body name.
enum Operation {
    RegisterCluster { cluster: String, request: Box<Registration> },
    PutInstance { instance: String, body: InstanceBody },
    DeleteInstance { instance: String },
    ListInstances,
    GetUsage { cluster: String },
    GetStatus,
    ListReplicas,
    GetDiagnosis,
}

/// An operation, and what IAM calls it.
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
    /// `UnknownOperationException` for a path that is no operation's, `SerializationException` for a body that is not
    /// the operation's.
    pub fn parse(method: &Method, path: &str, body: &[u8]) -> Result<Self, ApiError> {
        let segments = segments(path)?;
        let names: Vec<&str> = segments.iter().map(String::as_str).collect();
        let own = |text: &&str| (*text).to_owned();
        let (operation, action, writes) = match (method.as_str(), names.as_slice()) {
            ("PUT", ["doorward", "v1", "clusters", cluster]) => {
                let request = Box::new(json(body)?);
                (Operation::RegisterCluster { cluster: own(cluster), request }, "RegisterCluster", true)
            }
            ("PUT", ["doorward", "v1", "instances", instance]) => {
                let body = json(body)?;
                (Operation::PutInstance { instance: own(instance), body }, "PutInstance", true)
            }
            ("DELETE", ["doorward", "v1", "instances", instance]) => {
                (Operation::DeleteInstance { instance: own(instance) }, "DeleteInstance", true)
            }
            ("GET", ["doorward", "v1", "instances"]) => (Operation::ListInstances, "ListInstances", false),
            ("GET", ["doorward", "v1", "clusters", cluster, "usage"]) => {
                (Operation::GetUsage { cluster: own(cluster) }, "GetUsage", false)
            }
            ("GET", ["doorward", "v1", "status"]) => (Operation::GetStatus, "GetStatus", false),
            ("GET", ["doorward", "v1", "replicas"]) => (Operation::ListReplicas, "ListReplicas", false),
            ("GET", ["doorward", "v1", "diagnosis"]) => (Operation::GetDiagnosis, "GetDiagnosis", false),
            _ => return Err(ApiError::unknown_operation(method, path)),
        };
        Ok(Self { operation, action, writes })
    }

    /// Whether the answer must know every write that was acknowledged by any server.
    pub(crate) fn asks_for_the_latest(&self) -> bool {
        matches!(self.operation, Operation::ListReplicas)
    }

    /// The cluster that the path names.
    pub fn cluster(&self) -> Option<&str> {
        match &self.operation {
            Operation::RegisterCluster { cluster, .. } | Operation::GetUsage { cluster } => Some(cluster),
            _ => None,
        }
    }
}

/// Checks that the caller may do this. A cluster is asked about as EKS names it, an instance as EC2 does.
///
/// # Errors
/// With the permission that is missing.
pub(crate) fn permit(route: &Route, call: &Call<'_>) -> Result<(), ApiError> {
    let caller = call.caller;
    let arn = |service: &str, region: &str, resource: &str| {
        format!("arn:{}:{service}:{region}:{}:{resource}", caller.partition, caller.account)
    };
    let needs = || {
        let mut context = caller.context(call.region, call.now);
        context.set("aws:ResourceAccount", caller.account.as_str());
        let resource = match &route.operation {
            Operation::RegisterCluster { cluster, request } => {
                let region = request.region.as_deref().unwrap_or(call.region);
                context.set("aws:RequestedRegion", region);
                set_request_tags(&mut context, &request.tags);
                context.set("eks:authenticationMode", request.mode().name());
                context.set("eks:bootstrapClusterCreatorAdminPermissions", request.bootstraps_creator().to_string());
                arn("eks", region, &format!("cluster/{cluster}"))
            }
            Operation::PutInstance { instance, .. } | Operation::DeleteInstance { instance } => {
                arn("ec2", call.region, &format!("instance/{instance}"))
            }
            Operation::GetUsage { cluster } => arn("eks", call.region, &format!("cluster/{cluster}")),
            Operation::ListInstances | Operation::GetStatus | Operation::GetDiagnosis | Operation::ListReplicas => {
                "*".to_owned()
            }
        };
        let action = format!("doorward:{}", route.action);
        vec![Need { action, shown: shown(&resource), resource, context }]
    };
    Ok(crate::permission::permit(caller, needs)?)
}

/// Runs an operation on a View, for a caller that may. `signs` are what the server knows of itself.
///
/// # Errors
/// With the error types of EKS.
pub fn run(route: &Route, view: &View, signs: impl FnOnce() -> Signs, call: &Call<'_>) -> Outcome {
    match &route.operation {
        Operation::RegisterCluster { cluster, request } => register::register(view, call, cluster, request),
        Operation::PutInstance { instance, body } => instances::put(view, call, instance, body),
        Operation::DeleteInstance { instance } => instances::delete(view, call, instance),
        Operation::ListInstances => instances::list(view, call),
        Operation::GetUsage { cluster } => usage::usage(view, call, cluster),
        Operation::GetStatus => status::status(view, call),
        Operation::ListReplicas => replicas::list(view),
        Operation::GetDiagnosis => diagnosis::diagnosis(view, &signs(), call),
    }
}

//! Instances of the local directory: what `{{EC2PrivateDNSName}}` stands for, where EC2 is asked in AWS.

use doorward_identity::directory::DirectoryError;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::api::ApiError;
use crate::change::Change;
use crate::eks::{Call, Outcome};
use crate::view::View;

/// What is given of an instance; its id is in the path.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct InstanceBody {
    /// The name of the role that the instance runs with.
    role_name: String,
    /// Its private DNS name, which becomes the node's name.
    private_dns_name: String,
}

pub(super) fn put(view: &View, call: &Call<'_>, instance: &str, body: &InstanceBody) -> Outcome {
    let account = call.caller.account;
    let (change, instance) =
        view.directory.put_instance(account, instance, &body.role_name, &body.private_dns_name).map_err(refused)?;
    Ok((json!({ "instance": &*instance }), vec![Change::Directory(change)]))
}

pub(super) fn delete(view: &View, call: &Call<'_>, instance: &str) -> Outcome {
    let change = view.directory.delete_instance(call.caller.account, instance).map_err(refused)?;
    Ok((json!({}), vec![Change::Directory(change)]))
}

pub(super) fn list(view: &View, call: &Call<'_>) -> Outcome {
    let mut instances: Vec<_> =
        view.directory.instances().filter(|instance| instance.account == call.caller.account).collect();
    instances.sort_by(|a, b| a.id.cmp(&b.id));
    Ok((json!({ "instances": instances }), Vec::new()))
}

fn refused(error: DirectoryError) -> ApiError {
    let message = error.to_string();
    match error {
        DirectoryError::NoSuchEntity { .. } => ApiError::not_found(message),
        _ => ApiError::invalid_parameter(message),
    }
}

//! Registering a cluster that runs elsewhere, so that its access is managed here.

use std::sync::Arc;

use doorward_cluster::kubeconfig::stored::StoredKubeconfig;
use doorward_core::access_entry::{Tags, merge_tags};
use doorward_core::authentication_mode::AuthenticationMode;
use doorward_core::principal::{PrincipalArn, PrincipalId};
use doorward_identity::caller::{Caller, Identity};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::api::ApiError;
use crate::change::Change;
use crate::cluster_record::ClusterRecord;
use crate::eks::parameters::{cluster, cluster_name};
use crate::eks::{Call, Outcome, creator_entry, json};
use crate::view::View;

/// What `doorward cluster register` sends.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Registration {
    /// The API server's URL, as clients reach it.
    pub endpoint: String,
    /// The certificates its own is signed by: PEM in base64.
    pub certificate_authority: String,
    /// The Kubernetes version.
    pub version: String,
    /// A self-contained kubeconfig that may read and edit aws-auth.
    pub kubeconfig: String,
    /// Which sources of access count; both, where none is given.
    #[serde(default)]
    pub authentication_mode: Option<AuthenticationMode>,
    /// Whether the caller becomes the cluster's administrator; yes, where nothing is said.
    #[serde(default)]
    pub bootstrap_cluster_creator_admin_permissions: Option<bool>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
    /// The region the cluster is shown in; the one that the request was signed for, where none is given.
    #[serde(default)]
    pub region: Option<String>,
}

impl Registration {
    /// Which sources of access count.
    pub(super) fn mode(&self) -> AuthenticationMode {
        self.authentication_mode.unwrap_or(AuthenticationMode::ApiAndConfigMap)
    }

    /// Whether the caller becomes the cluster's administrator.
    pub(super) fn bootstraps_creator(&self) -> bool {
        self.bootstrap_cluster_creator_admin_permissions.unwrap_or(true)
    }
}

pub(super) fn register(view: &View, call: &Call<'_>, name: &str, request: &Registration) -> Outcome {
    let name = cluster_name(name)?;
    check_registration(request)?;
    if view.cluster(name.as_str()).is_some() {
        return Err(ApiError::in_use(format!("Cluster already exists with name: {name}")));
    }
    let (mode, bootstrap) = (request.mode(), request.bootstraps_creator());
    let request = request.clone();
    if mode == AuthenticationMode::ConfigMap && !bootstrap {
        return Err(ApiError::invalid_parameter(
            "bootstrapClusterCreatorAdminPermissions must be true if cluster authentication mode is set to CONFIG_MAP",
        ));
    }
    let tags =
        merge_tags(&Tags::new(), request.tags).map_err(|error| ApiError::invalid_parameter(error.to_string()))?;
    let (creator, creator_id) = creator(call.caller)?;
    let record = ClusterRecord {
        region: request.region.unwrap_or_else(|| call.region.to_owned()),
        account: call.caller.account,
        created_at: call.now,
        endpoint: request.endpoint,
        certificate_authority: request.certificate_authority,
        version: request.version,
        authentication_mode: mode,
        bootstrap_creator_admin: bootstrap,
        creator,
        creator_id,
        tags,
        kubeconfig: request.kubeconfig,
        name: name.clone(),
    };
    let mut changes = vec![Change::PutCluster(Box::new(record.clone()))];
    if bootstrap && mode.uses_access_entries() {
        changes.push(Change::PutEntry(name, Arc::new(creator_entry(&record, call)?)));
    }
    let after = view.after(&changes);
    Ok((json!({ "cluster": json::cluster(cluster(&after, record.name.as_str())?) }), changes))
}

fn check_registration(request: &Registration) -> Result<(), ApiError> {
    // Over plain HTTP kubectl sends no credentials at all.
    if !request.endpoint.starts_with("https://") {
        return Err(ApiError::invalid_parameter("The endpoint must be an https:// URL"));
    }
    let is_long = |text: &str| text.len() > 128 * 1024;
    if request.endpoint.len() > 2048
        || request.version.len() > 32
        || is_long(&request.kubeconfig)
        || is_long(&request.certificate_authority)
    {
        return Err(ApiError::invalid_parameter(
            "The endpoint, the version, the certificate authority or the kubeconfig is too long",
        ));
    }
    // Found out now rather than by the watch, when nobody is looking.
    StoredKubeconfig::from_secret(&request.kubeconfig.as_str().into())
        .map_err(|error| ApiError::invalid_parameter(format!("The kubeconfig cannot be used: {error}")))?;
    let region_is_valid = request.region.as_deref().is_none_or(|region| {
        (1..=32).contains(&region.len())
            && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    });
    if !region_is_valid {
        return Err(ApiError::invalid_parameter("The region must have lower case letters, digits and `-` only"));
    }
    Ok(())
}

/// Whoever calls, as a principal that can have an entry: the role, not its session.
fn creator(caller: &Caller) -> Result<(PrincipalArn, PrincipalId), ApiError> {
    match &caller.identity {
        Identity::User(user) => Ok((user.arn.clone(), user.id.clone())),
        Identity::RoleSession { role, .. } => Ok((role.arn.clone(), role.id.clone())),
        Identity::Root => Err(ApiError::invalid_request(
            "The account root cannot have an access entry. Register the cluster as a user or a role",
        )),
    }
}

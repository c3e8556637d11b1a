//! The World of a running cluster: of this Doorward, or of EKS through its API, a kubeconfig and IAM.

use doorward_cluster::config_map::AwsAuthConfigMap;
use doorward_cluster::rbac;
use doorward_core::authentication_mode::AuthenticationMode;
use doorward_core::aws_auth::Authenticator;
use doorward_core::directory::KnownPrincipal;
use doorward_core::world_document::{self, AwsAuthDocument, ClusterIdentity, EntryDocument, WorldDocument};
use serde_json::{Value, json};

use crate::aws::eks::ClusterDescription;
use crate::aws::{AwsArgs, AwsClient, AwsError};
use crate::doorward_api::{DoorwardApi, aws_client};
use crate::error::CliError;
use crate::kubernetes::{self, KubernetesArgs};
use crate::talk::Talk;

/// Reads everything that decides access on a cluster. What cannot be read and need not be is told as a warning.
///
/// # Errors
/// If the cluster, its entries or its aws-auth cannot be read.
pub(super) async fn read(args: &KubernetesArgs, aws: &AwsArgs, talk: Talk) -> Result<WorldDocument, CliError> {
    let name = match args.cluster.clone().or_else(|| kubernetes::cluster_of_context(args)) {
        Some(name) => name,
        None => {
            let problem = "whose access? Give a cluster (`--cluster NAME`), a World (`--world FILE`), or pieces of one \
                           (`--aws-auth FILE`, `--access-entries FILE`, …)";
            return Err(CliError::Usage(problem.to_owned()));
        }
    };
    if args.cluster.is_none() {
        talk.note(format_args!("reading the cluster `{name}`, which the kubeconfig's context is for"));
    }
    let client = aws_client(aws)?;
    let description = client.describe_cluster(&name).await?;
    let status = DoorwardApi(&client).status_if_there().await;
    let mut document = WorldDocument::new(
        mode(&description)?,
        if status.is_some() { Authenticator::Doorward } else { Authenticator::Eks },
    );
    document.creator = status.and_then(|status| creator(&status, &name));
    document.cluster = Some(ClusterIdentity { name: name.clone(), arn: Some(description.arn.clone()) });
    if document.authentication_mode.uses_access_entries() {
        document.access_entries = access_entries(&client, &name).await?;
    }
    let kubernetes = kubernetes::client_of(args, &client, &description, talk).await?;
    match AwsAuthConfigMap::new(kubernetes.clone()).read().await {
        Ok(data) => document.aws_auth = data.map(|data| AwsAuthDocument { data }),
        // It does not count.
        Err(error) if !document.authentication_mode.uses_aws_auth() => talk.warning(error),
        Err(error) => return Err(error.into()),
    }
    match rbac::read(&kubernetes).await {
        Ok(objects) => document.rbac = Some(world_document::rbac_objects(&json!({ "items": objects }).to_string())?),
        Err(error) => talk.warning(format_args!("{error}; answers are about identities and access policies alone")),
    }
    document.directory = directory(&client, talk).await;
    Ok(document)
}

/// Whoever registered a cluster of Doorward, where that makes an administrator whom nothing else shows.
fn creator(status: &Value, cluster: &str) -> Option<KnownPrincipal> {
    let clusters = status.get("clusters")?.as_array()?;
    let own = clusters.iter().find(|one| one.get("name").and_then(Value::as_str) == Some(cluster))?;
    serde_json::from_value(own.get("creator")?.clone()).ok()
}

fn mode(description: &ClusterDescription) -> Result<AuthenticationMode, CliError> {
    // Clusters that are older than access entries do not say.
    let Some(config) = &description.access_config else { return Ok(AuthenticationMode::ConfigMap) };
    let name = config.authentication_mode.as_deref().unwrap_or(AuthenticationMode::ConfigMap.name());
    AuthenticationMode::from_name(name).ok_or_else(|| {
        let problem =
            format!("the cluster `{}` has the authentication mode `{}`", description.name, name.escape_debug());
        CliError::Failed(format!("{problem}, which this version of doorward does not know"))
    })
}

async fn access_entries(client: &AwsClient, cluster: &str) -> Result<Vec<EntryDocument>, CliError> {
    let mut entries = Vec::new();
    for principal in client.list_access_entries(cluster).await? {
        match entry(client, cluster, &principal).await {
            Ok(entry) => entries.push(entry),
            // Deleted since.
            Err(AwsError::Api { code, .. }) if code == "ResourceNotFoundException" => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(world_document::access_entries(&Value::Array(entries).to_string())?.0)
}

async fn entry(client: &AwsClient, cluster: &str, principal: &str) -> Result<Value, AwsError> {
    let entry = client.describe_access_entry(cluster, principal).await?;
    let policies = client.list_associated_access_policies(cluster, principal).await?;
    Ok(json!({ "accessEntry": entry, "associatedAccessPolicies": policies }))
}

/// The principals of the caller's own account. Other accounts are never guessed.
async fn directory(client: &AwsClient, talk: Talk) -> Option<Vec<KnownPrincipal>> {
    match client.list_principals().await {
        Ok(mut principals) => {
            principals.sort();
            Some(principals)
        }
        Err(error) => {
            talk.warning(format_args!(
                "{error}; real paths and unique ids of principals are not known (`--directory`)"
            ));
            None
        }
    }
}

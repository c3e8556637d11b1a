//! A real cluster: access entries and the mode through EKS's API (or this Doorward's), the rest through its API server.

use std::sync::OnceLock;
use std::time::Duration;

use doorward_cluster::bindings::Bindings;
use doorward_cluster::config_map::{AwsAuthConfigMap, ConfigMapError};
use doorward_core::authentication_mode::AuthenticationMode;
use doorward_core::plan::{Action, BindingManifest};
use doorward_core::principal::PrincipalArn;
use doorward_core::world_document::{self, EntryDocument};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Client;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::settling;
use super::target::{Data, FoundAwsAuth, Target, TargetError};
use crate::aws::{AwsArgs, AwsClient, AwsError};
use crate::doorward_api::{DoorwardApi, aws_client};
use crate::error::CliError;
use crate::kubernetes::{self, KubernetesArgs};
use crate::talk::Talk;

/// A client for the API server is made anew after so long: its token lives for 15 minutes.
const CLIENT_LIFETIME: Duration = Duration::from_secs(300);

/// A cluster.
pub(crate) struct Live {
    aws: AwsClient,
    cluster: String,
    args: KubernetesArgs,
    talk: Talk,
    client: Mutex<Option<(Instant, Client)>>,
    /// Whether it is a Doorward server that decides, once that was asked.
    is_doorward: OnceLock<bool>,
}

impl Live {
    /// The cluster of that name, reached as the flags say.
    ///
    /// # Errors
    /// If AWS settings cannot be read.
    pub(crate) fn new(cluster: String, args: &KubernetesArgs, aws: &AwsArgs, talk: Talk) -> Result<Self, CliError> {
        Ok(Self {
            aws: aws_client(aws)?,
            cluster,
            args: args.clone(),
            talk,
            client: Mutex::new(None),
            is_doorward: OnceLock::new(),
        })
    }

    /// The AWS side.
    pub(crate) fn aws(&self) -> &AwsClient {
        &self.aws
    }

    /// A client for the API server.
    ///
    /// # Errors
    /// If there is no way to it.
    pub(crate) async fn kubernetes(&self) -> Result<Client, TargetError> {
        let mut kept = self.client.lock().await;
        if let Some((_, client)) = kept.as_ref().filter(|(made, _)| made.elapsed() < CLIENT_LIFETIME) {
            return Ok(client.clone());
        }
        let description = self.aws.describe_cluster(&self.cluster).await.map_err(of_aws)?;
        let client = kubernetes::client_of(&self.args, &self.aws, &description, self.talk).await;
        let client = client.map_err(|error| TargetError::Other(error.to_string()))?;
        *kept = Some((Instant::now(), client.clone()));
        Ok(client)
    }

    /// The version of aws-auth that a Doorward server decides by; none where it is not one that decides.
    async fn read_version(&self) -> Option<Option<String>> {
        let status = DoorwardApi(&self.aws).status_if_there().await;
        let _ = self.is_doorward.set(status.is_some());
        let status = status?;
        let clusters = status.get("clusters")?.as_array()?;
        let cluster =
            clusters.iter().find(|cluster| cluster.get("name").and_then(Value::as_str) == Some(&self.cluster))?;
        Some(cluster.pointer("/awsAuth/resourceVersion").and_then(Value::as_str).map(str::to_owned))
    }

    async fn config_map(&self) -> Result<AwsAuthConfigMap, TargetError> {
        Ok(AwsAuthConfigMap::new(self.kubernetes().await?))
    }

    async fn bindings(&self) -> Result<Bindings, TargetError> {
        Ok(Bindings::new(self.kubernetes().await?))
    }
}

impl Target for Live {
    async fn mode(&self) -> Result<Option<AuthenticationMode>, TargetError> {
        let description = self.aws.describe_cluster(&self.cluster).await.map_err(of_aws)?;
        if description.status != "ACTIVE" {
            return Ok(None);
        }
        // Clusters that are older than access entries do not say.
        let name = description.access_config.and_then(|config| config.authentication_mode);
        let name = name.as_deref().unwrap_or(AuthenticationMode::ConfigMap.name());
        let unknown = || TargetError::Other(format!("the authentication mode `{}` is not known", name.escape_debug()));
        AuthenticationMode::from_name(name).ok_or_else(unknown).map(Some)
    }

    async fn entry(&self, principal: &PrincipalArn) -> Result<Option<EntryDocument>, TargetError> {
        let (cluster, principal) = (&self.cluster, principal.as_str());
        let entry = match self.aws.describe_access_entry(cluster, principal).await {
            Ok(entry) => entry,
            Err(AwsError::Api { code, .. }) if code == NOT_FOUND => return Ok(None),
            Err(error) => return Err(of_aws(error)),
        };
        let policies = match self.aws.list_associated_access_policies(cluster, principal).await {
            Ok(policies) => policies,
            // Deleted since.
            Err(AwsError::Api { code, .. }) if code == NOT_FOUND => return Ok(None),
            Err(error) => return Err(of_aws(error)),
        };
        let text = json!([{ "accessEntry": entry, "associatedAccessPolicies": policies }]).to_string();
        let read = world_document::access_entries(&text).map_err(|error| TargetError::Other(error.to_string()))?;
        Ok(read.0.into_iter().next())
    }

    async fn binding(&self, namespace: Option<&str>, name: &str) -> Result<Option<BindingManifest>, TargetError> {
        let found = self.bindings().await?.get(namespace, name).await;
        let Some(object) = found.map_err(|error| TargetError::Other(error.to_string()))? else { return Ok(None) };
        serde_json::from_value(object).map(Some).map_err(|error| TargetError::Other(error.to_string()))
    }

    async fn aws_auth(&self) -> Result<Option<FoundAwsAuth>, TargetError> {
        let found = self.config_map().await?.object().await.map_err(of_config_map)?;
        found.map(|object| to_found(&object)).transpose()
    }

    async fn send(&self, action: &Action) -> Result<(), TargetError> {
        let (aws, cluster) = (&self.aws, self.cluster.as_str());
        match action {
            Action::SetMode(mode) => aws.update_authentication_mode(cluster, mode.name()).await.map_err(of_aws),
            Action::ApplyBinding(manifest) => {
                let object = serde_json::to_value(manifest).map_err(|error| TargetError::Other(error.to_string()))?;
                let applied = self.bindings().await?.apply(manifest.0.namespace.as_deref(), object).await;
                applied.map_err(|error| TargetError::Other(error.to_string()))
            }
            Action::DeleteBinding { namespace, name } => {
                let deleted = self.bindings().await?.delete(namespace.as_deref(), name).await;
                deleted.map_err(|error| TargetError::Other(error.to_string()))
            }
            Action::CreateEntry { principal_arn, r#type, username, groups } => {
                let mut entry = json!({ "principalArn": principal_arn, "type": r#type.name() });
                set(&mut entry, "username", username.as_ref().map(|name| json!(name)));
                set(&mut entry, "kubernetesGroups", (!groups.is_empty()).then(|| json!(groups)));
                aws.create_access_entry(cluster, &entry).await.map_err(of_aws)
            }
            Action::UpdateEntry { principal_arn, username, groups } => {
                let mut update = json!({ "kubernetesGroups": groups });
                set(&mut update, "username", username.as_ref().map(|name| json!(name)));
                aws.update_access_entry(cluster, principal_arn.as_str(), &update).await.map_err(of_aws).map_err(not_yet)
            }
            Action::DeleteEntry { principal_arn } => {
                aws.delete_access_entry(cluster, principal_arn.as_str()).await.map_err(of_aws)
            }
            Action::AssociatePolicy { principal_arn, policy_arn, access_scope } => {
                let namespaces: Vec<&str> = access_scope.namespaces().iter().map(|one| one.as_str()).collect();
                let association = json!({
                    "policyArn": policy_arn.as_str(),
                    "accessScope": { "type": access_scope.kind(), "namespaces": namespaces },
                });
                let principal = principal_arn.as_str();
                aws.associate_access_policy(cluster, principal, &association).await.map_err(of_aws).map_err(not_yet)
            }
            Action::DisassociatePolicy { principal_arn, policy_arn } => {
                let (principal, policy) = (principal_arn.as_str(), policy_arn.as_str());
                aws.disassociate_access_policy(cluster, principal, policy).await.map_err(of_aws)
            }
            Action::RemoveMapping { .. }
            | Action::RestoreSection { .. }
            | Action::DeleteAwsAuth
            | Action::RestoreAwsAuth { .. } => Err(TargetError::Other("aws-auth is not changed this way".to_owned())),
        }
    }

    async fn has_settled(&self, action: &Action) -> Result<bool, TargetError> {
        if self.is_doorward.get().is_none() {
            self.read_version().await;
        }
        match action {
            Action::ApplyBinding(manifest) => settling::has_binding(&self.kubernetes().await?, manifest).await,
            Action::RemoveMapping { .. } | Action::RestoreSection { .. } | Action::RestoreAwsAuth { .. } => {
                let found = self.aws_auth().await?;
                let version = found.as_ref().and_then(|found| found.manifest.pointer("/metadata/resourceVersion"));
                Ok(match self.read_version().await {
                    // EKS does not tell.
                    None => true,
                    Some(read) => version.and_then(Value::as_str) == read.as_deref(),
                })
            }
            _ => Ok(true),
        }
    }

    fn settling_time(&self, action: &Action) -> Duration {
        let is_of_the_api_server =
            matches!(action, Action::ApplyBinding(_) | Action::RestoreSection { .. } | Action::RestoreAwsAuth { .. });
        match (self.is_doorward.get(), is_of_the_api_server) {
            // An entry of Doorward counts from the moment the call is answered; what an API server tells others may take
            // another one of them a moment.
            (Some(true), true) => Duration::from_secs(1),
            (Some(true), false) => Duration::ZERO,
            // "Several seconds", by the user guide.
            _ => Duration::from_secs(10),
        }
    }

    fn memory_of_tokens(&self) -> Duration {
        match self.is_doorward.get() {
            // 10 s by kube-apiserver itself, whatever its flags say; those that `doorward init` gives add nothing.
            Some(true) => Duration::from_secs(11),
            // EKS does not say what its API servers are told.
            _ => Duration::from_secs(60),
        }
    }

    async fn put_aws_auth(&self, found: Option<&FoundAwsAuth>, data: Option<&Data>) -> Result<(), TargetError> {
        let object = |found: &FoundAwsAuth| -> Result<ConfigMap, TargetError> {
            serde_json::from_value(found.manifest.clone()).map_err(|error| TargetError::Other(error.to_string()))
        };
        let found = found.map(object).transpose()?;
        let config_map = self.config_map().await?;
        let done = match (found, data) {
            (found, Some(data)) => config_map.put(found, data).await,
            (Some(found), None) => config_map.remove(&found).await,
            (None, None) => Ok(true),
        };
        if done.map_err(of_config_map)? {
            return Ok(());
        }
        Err(TargetError::Changed("aws-auth was changed by somebody else at the same time".to_owned()))
    }
}

const NOT_FOUND: &str = "ResourceNotFoundException";

/// The two messages that mean "in a moment", and too many calls.
fn of_aws(error: AwsError) -> TargetError {
    let text = error.to_string();
    let AwsError::Api { code, message, .. } = &error else { return TargetError::Other(text) };
    let is_not_yet = message.contains("The specified principalArn is invalid: invalid principal");
    match code.as_str() {
        "ResourceInUseException" => TargetError::Exists(text),
        NOT_FOUND => TargetError::NotFound(text),
        "InvalidParameterException" if is_not_yet => TargetError::NotYet(text),
        "ThrottlingException" | "TooManyRequestsException" | "ServiceUnavailableException" | "ServerException" => {
            TargetError::NotYet(text)
        }
        _ => TargetError::Other(text),
    }
}

/// An entry that was made a moment ago may not be found yet.
fn not_yet(error: TargetError) -> TargetError {
    match error {
        TargetError::NotFound(text) if text.contains("The specified principalArn could not be found") => {
            TargetError::NotYet(text)
        }
        error => error,
    }
}

fn of_config_map(error: ConfigMapError) -> TargetError {
    TargetError::Other(error.to_string())
}

fn to_found(object: &ConfigMap) -> Result<FoundAwsAuth, TargetError> {
    let manifest = serde_json::to_value(object).map_err(|error| TargetError::Other(error.to_string()))?;
    Ok(FoundAwsAuth { data: object.data.clone().unwrap_or_default(), manifest })
}

fn set(object: &mut Value, key: &str, value: Option<Value>) {
    if let (Some(fields), Some(value)) = (object.as_object_mut(), value) {
        fields.insert(key.to_owned(), value);
    }
}

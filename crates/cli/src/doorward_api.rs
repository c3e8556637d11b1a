//! Doorward's own API, for what EKS has no operation.

use doorward_sigv4::query::encode;
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aws::{AwsArgs, AwsClient, AwsError, AwsSettings, Call, Environment, Service};

/// A client for the server that the AWS settings name.
pub(crate) struct DoorwardApi<'a>(pub(crate) &'a AwsClient);

/// An instance of the local directory, as the server lists it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) account: String,
    /// The unique id of the role that it runs with.
    pub(crate) role_id: String,
    pub(crate) private_dns_name: String,
}

/// A client with the settings of flags, variables and files.
///
/// # Errors
/// If they cannot be read.
pub(crate) fn aws_client(flags: &AwsArgs) -> Result<AwsClient, AwsError> {
    AwsClient::new(AwsSettings::load(Environment::of_process(), flags)?)
}

impl DoorwardApi<'_> {
    /// Registers a cluster; the answer is its description.
    ///
    /// # Errors
    /// If there is one of that name, among others.
    pub(crate) async fn register_cluster(&self, name: &str, body: &impl Serialize) -> Result<Value, AwsError> {
        let path = format!("/doorward/v1/clusters/{}", encode(name));
        let body = serde_json::to_vec(body).unwrap_or_default();
        let answer = self.call("RegisterCluster", Method::PUT, &path, Some(body)).await?;
        Ok(answer.get("cluster").cloned().unwrap_or_default())
    }

    /// Adds or replaces an instance.
    ///
    /// # Errors
    /// If there is no such role, among others.
    pub(crate) async fn put_instance(&self, id: &str, role: &str, private_dns_name: &str) -> Result<Value, AwsError> {
        let path = format!("/doorward/v1/instances/{}", encode(id));
        let body = json!({ "roleName": role, "privateDnsName": private_dns_name });
        let answer = self.call("PutInstance", Method::PUT, &path, Some(body.to_string().into_bytes())).await?;
        Ok(answer.get("instance").cloned().unwrap_or_default())
    }

    /// Removes an instance.
    ///
    /// # Errors
    /// If there is none of that id, among others.
    pub(crate) async fn delete_instance(&self, id: &str) -> Result<(), AwsError> {
        let path = format!("/doorward/v1/instances/{}", encode(id));
        self.call("DeleteInstance", Method::DELETE, &path, None).await.map(|_| ())
    }

    /// Every instance.
    ///
    /// # Errors
    /// If the server refuses, among others.
    pub(crate) async fn instances(&self) -> Result<Vec<Instance>, AwsError> {
        let answer = self.call("ListInstances", Method::GET, "/doorward/v1/instances", None).await?;
        let listed = answer.get("instances").cloned().unwrap_or_default();
        serde_json::from_value(listed).map_err(|error| self.strange("ListInstances", &error))
    }

    /// The server's state.
    ///
    /// # Errors
    /// If the server refuses, among others.
    pub(crate) async fn status(&self) -> Result<Value, AwsError> {
        self.call("GetStatus", Method::GET, "/doorward/v1/status", None).await
    }

    /// The server's state, if it is a Doorward server that the settings name and not AWS: only Doorward serves its own
    /// status, or refuses it by the permission that is missing; what is refused is `null`.
    pub(crate) async fn status_if_there(&self) -> Option<Value> {
        match self.status().await {
            Ok(status) if status.get("version").is_some() && status.get("clusters").is_some() => Some(status),
            Err(AwsError::Api { message, .. }) if message.contains("doorward:GetStatus") => Some(Value::Null),
            _ => None,
        }
    }

    /// An answer that cannot be read.
    pub(crate) fn strange(&self, operation: &str, error: &serde_json::Error) -> AwsError {
        let url = self.0.settings().endpoint(Service::Doorward).map(|endpoint| endpoint.to_string());
        AwsError::Answer {
            url: url.unwrap_or_default(),
            operation: operation.to_owned(),
            problem: format!("cannot be read ({error})"),
        }
    }

    async fn call(
        &self,
        operation: &str,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Value, AwsError> {
        let body = body.map(|body| ("application/json", body));
        self.0.json(&Call { service: Service::Doorward, operation, method, path, query: "", body }).await
    }
}

//! The lab's own, direct way to the Kubernetes API: JSON in, JSON out, as the cluster's administrator.
//!
//! Objects are plain JSON: the lab speaks to whatever version of kube-apiserver it found, and its handful of objects
//! gain nothing from generated types.

use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value;

use crate::{LabDir, LabError};

/// A connection as the cluster's administrator.
#[derive(Clone)]
pub struct KubernetesApi {
    client: Client,
}

impl std::fmt::Debug for KubernetesApi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KubernetesApi").finish_non_exhaustive()
    }
}

impl KubernetesApi {
    /// Connects with the lab's administrator kubeconfig. Opens no connection yet.
    pub async fn connect(dir: &LabDir) -> Result<Self, LabError> {
        let path = dir.admin_kubeconfig();
        let failed = |reason: String| LabError::Kubernetes { action: format!("use `{}`", path.display()), reason };
        let kubeconfig = Kubeconfig::read_from(&path).map_err(|error| failed(error.to_string()))?;
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
            .await
            .map_err(|error| failed(error.to_string()))?;
        let client = Client::try_from(config).map_err(|error| failed(error.to_string()))?;
        Ok(Self { client })
    }

    /// Ready, or what it said.
    pub(crate) async fn is_ready(&self) -> Result<(), String> {
        let answer = self.request_text("GET", "/readyz", None).await;
        answer.map(|_| ()).map_err(|error| error.to_string())
    }

    /// Reads an object or a list.
    pub async fn get(&self, path: &str) -> Result<Value, LabError> {
        self.send("GET", path, None).await
    }

    /// Creates an object and returns it as it was stored.
    pub async fn post(&self, path: &str, object: &Value) -> Result<Value, LabError> {
        let created = self.raw("POST", path, Some(object)).await;
        created.map_err(LabError::kubernetes(format!("create {} in `{path}`", describe(object))))
    }

    /// Creates an object; an object of that name that is there already is left as it is.
    pub(crate) async fn create(&self, path: &str, object: &Value) -> Result<(), LabError> {
        match self.raw("POST", path, Some(object)).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => Ok(()),
            Err(error) => Err(LabError::kubernetes(format!("create {} in `{path}`", describe(object)))(error)),
        }
    }

    /// Replaces an object, or creates it.
    pub(crate) async fn put(&self, collection: &str, name: &str, object: &Value) -> Result<(), LabError> {
        let path = format!("{collection}/{name}");
        match self.raw("PUT", &path, Some(object)).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => self.create(collection, object).await,
            Err(error) => Err(LabError::kubernetes(format!("write {}", describe(object)))(error)),
        }
    }

    /// Replaces an object's status by merging.
    pub(crate) async fn merge_status(&self, path: &str, status: &Value) -> Result<(), LabError> {
        let body = serde_json::json!({ "status": status });
        self.send("PATCH", &format!("{path}/status"), Some(&body)).await.map(|_| ())
    }

    /// Deletes an object; one that is not there is no error.
    pub async fn delete(&self, path: &str) -> Result<(), LabError> {
        match self.raw("DELETE", path, None).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(LabError::kubernetes(format!("delete `{path}`"))(error)),
        }
    }

    async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, LabError> {
        let answer = self.raw(method, path, body).await;
        answer.map_err(LabError::kubernetes(format!("{} `{path}`", method.to_lowercase())))
    }

    async fn raw(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, kube::Error> {
        let text = self.request_text(method, path, body).await?;
        serde_json::from_str(&text).map_err(kube::Error::SerdeError)
    }

    async fn request_text(&self, method: &str, path: &str, body: Option<&Value>) -> Result<String, kube::Error> {
        let content_type = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let body = body.map(serde_json::to_vec).transpose().map_err(kube::Error::SerdeError)?.unwrap_or_default();
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", content_type)
            .body(body)
            .map_err(kube::Error::HttpError)?;
        self.client.request_text(request).await
    }
}

fn describe(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or("?");
    format!("{} `{}`", text("/kind"), text("/metadata/name"))
}

//! Reading, making and removing single ClusterRoleBindings and RoleBindings.

use std::fmt::Debug;
use std::time::Duration;

use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding};
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error_text;

/// How long the API server may take for one request.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The bindings of one cluster. Those in no namespace are ClusterRoleBindings.
#[derive(Clone)]
pub struct Bindings {
    client: Client,
}

/// Why a binding was not read or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot {action} the binding `{name}`: {message}")]
pub struct BindingError {
    /// What was tried.
    action: &'static str,
    /// Its name.
    name: String,
    /// What the API server or the connection says.
    message: String,
}

impl Bindings {
    /// Those of the cluster that this client talks to.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// A binding as JSON; none if there is none.
    ///
    /// # Errors
    /// If the API server does not answer, or refuses.
    pub async fn get(&self, namespace: Option<&str>, name: &str) -> Result<Option<Value>, BindingError> {
        match namespace {
            None => get(&self.cluster(), "ClusterRoleBinding", name).await,
            Some(namespace) => get(&self.namespaced(namespace), "RoleBinding", name).await,
        }
    }

    /// Makes a binding, or gives the one that exists these subjects. Labels and annotations that it has stay.
    ///
    /// # Errors
    /// If it is no binding, or the API server does not answer, or refuses.
    pub async fn apply(&self, namespace: Option<&str>, object: Value) -> Result<(), BindingError> {
        match namespace {
            None => {
                apply(&self.cluster(), object, |there: &mut ClusterRoleBinding, new| there.subjects = new.subjects)
                    .await
            }
            Some(namespace) => {
                apply(&self.namespaced(namespace), object, |there: &mut RoleBinding, new| there.subjects = new.subjects)
                    .await
            }
        }
    }

    /// Removes a binding, if it is there.
    ///
    /// # Errors
    /// If the API server does not answer, or refuses.
    pub async fn delete(&self, namespace: Option<&str>, name: &str) -> Result<(), BindingError> {
        match namespace {
            None => delete(&self.cluster(), name).await,
            Some(namespace) => delete(&self.namespaced(namespace), name).await,
        }
    }

    fn cluster(&self) -> Api<ClusterRoleBinding> {
        Api::all(self.client.clone())
    }

    fn namespaced(&self, namespace: &str) -> Api<RoleBinding> {
        Api::namespaced(self.client.clone(), namespace)
    }
}

async fn get<K>(api: &Api<K>, kind: &str, name: &str) -> Result<Option<Value>, BindingError>
where
    K: Resource + Clone + DeserializeOwned + Serialize + Debug,
{
    let Some(found) = within("read", name, api.get_opt(name)).await? else { return Ok(None) };
    let mut value = serde_json::to_value(found).map_err(|error| problem("read", name, error.to_string()))?;
    if let Some(fields) = value.as_object_mut() {
        fields.insert("kind".to_owned(), kind.into());
    }
    Ok(Some(value))
}

async fn apply<K>(api: &Api<K>, object: Value, take: impl Fn(&mut K, K)) -> Result<(), BindingError>
where
    K: Resource + Clone + DeserializeOwned + Serialize + Debug,
{
    let new: K = serde_json::from_value(object).map_err(|error| problem("make", "", error.to_string()))?;
    let name = new.name_any();
    let params = PostParams { field_manager: Some("doorward".to_owned()), ..PostParams::default() };
    match within("read", &name, api.get_opt(&name)).await? {
        None => within("make", &name, api.create(&params, &new)).await.map(|_| ()),
        Some(mut there) => {
            take(&mut there, new);
            within("change", &name, api.replace(&name, &params, &there)).await.map(|_| ())
        }
    }
}

async fn delete<K>(api: &Api<K>, name: &str) -> Result<(), BindingError>
where
    K: Resource + Clone + DeserializeOwned + Debug,
{
    let deleted = async {
        match api.delete(name, &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            other => other.map(|_| ()),
        }
    };
    within("remove", name, deleted).await
}

async fn within<T>(
    action: &'static str,
    name: &str,
    request: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, BindingError> {
    match tokio::time::timeout(TIMEOUT, request).await {
        Ok(answer) => answer.map_err(|error| problem(action, name, error_text::of_client(&error))),
        Err(_) => Err(problem(action, name, format!("no answer within {} s", TIMEOUT.as_secs()))),
    }
}

fn problem(action: &'static str, name: &str, message: String) -> BindingError {
    BindingError { action, name: name.to_owned(), message }
}

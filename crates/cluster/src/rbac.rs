//! Reading the RBAC objects of a cluster through its API server.

use std::time::Duration;

use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use kube::api::ListParams;
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::error_text;

/// How long the API server may take for one page.
const TIMEOUT: Duration = Duration::from_secs(30);
const PAGE: u32 = 500;
/// So many pages at most: a server that always has one more must not keep us for ever.
const MAX_PAGES: usize = 10_000;

/// Why RBAC was not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot list the {kind}s of the cluster: {message}")]
pub struct RbacReadError {
    /// Of which kind.
    kind: String,
    /// What the API server or the connection says.
    message: String,
}

/// Every ClusterRole, ClusterRoleBinding, Role and RoleBinding, as JSON.
///
/// # Errors
/// If the API server does not answer, or refuses.
pub async fn read(client: &Client) -> Result<Vec<Value>, RbacReadError> {
    let mut objects = Vec::new();
    list::<ClusterRole>(client, &mut objects).await?;
    list::<ClusterRoleBinding>(client, &mut objects).await?;
    list::<Role>(client, &mut objects).await?;
    list::<RoleBinding>(client, &mut objects).await?;
    Ok(objects)
}

async fn list<K>(client: &Client, objects: &mut Vec<Value>) -> Result<(), RbacReadError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Serialize + std::fmt::Debug,
{
    let kind = K::kind(&()).into_owned();
    let fail = |message: String| RbacReadError { kind: kind.clone(), message };
    let api: Api<K> = Api::all(client.clone());
    let mut params = ListParams::default().limit(PAGE);
    for _ in 0..MAX_PAGES {
        let Ok(page) = tokio::time::timeout(TIMEOUT, api.list(&params)).await else {
            return Err(fail(format!("no answer within {} s", TIMEOUT.as_secs())));
        };
        let page = page.map_err(|error| fail(error_text::of_client(&error)))?;
        for item in page.items {
            let mut object = serde_json::to_value(item).map_err(|error| fail(error.to_string()))?;
            // The items of a list do not say what they are.
            if let Some(fields) = object.as_object_mut() {
                fields.insert("kind".to_owned(), json!(kind));
            }
            objects.push(object);
        }
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = ListParams::default().limit(PAGE).continue_token(&token),
            None => return Ok(()),
        }
    }
    Err(fail("the list never ends".to_owned()))
}

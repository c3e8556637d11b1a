//! Coming to an API server as nobody: once with a token of this scheme that is nobody's, which only the token webhook can
//! refuse, and once without any, for something that only an authorizer can refuse.

use std::time::Duration;

use doorward_cluster::kubeconfig::stored::StoredKubeconfig;
use doorward_server::diagnosis::ClusterContact;
use kube::Client;
use kube::client::Body;
use serde_json::json;

use crate::error::causes;

/// kube-apiserver gives up on a webhook after three seconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends both requests. What is refused is answered.
pub(super) async fn ask(cluster: &ClusterContact) -> Result<(), String> {
    // kube-apiserver remembers what webhooks answered: it must not have heard of these.
    let nobody = format!("doorward-doctor-{}", random()?);
    let requests = async {
        for token in [Some(format!("k8s-aws-v1.{nobody}")), None] {
            let client = client(cluster, token).await?;
            let request = http::Request::get(format!("/{nobody}")).body(Body::empty());
            let request = request.map_err(|error| error.to_string())?;
            client.send(request).await.map_err(|error| causes(&error))?;
        }
        Ok(())
    };
    tokio::time::timeout(PATIENCE, requests)
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())))
}

async fn client(cluster: &ClusterContact, token: Option<String>) -> Result<Client, String> {
    let authority = Some(&cluster.certificate_authority).filter(|pem| !pem.is_empty());
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "doorward",
        "clusters": [{
            "name": "doorward",
            "cluster": { "server": cluster.endpoint, "certificate-authority-data": authority },
        }],
        "users": [{ "name": "nobody", "user": { "token": token } }],
        "contexts": [{ "name": "doorward", "context": { "cluster": "doorward", "user": "nobody" } }],
    });
    let kubeconfig = StoredKubeconfig::from_secret(&kubeconfig.to_string().into());
    kubeconfig.map_err(|error| error.to_string())?.client().await.map_err(|error| error.to_string())
}

fn random() -> Result<String, String> {
    doorward_server::bootstrap::random().map(hex::encode).map_err(|error| error.to_string())
}

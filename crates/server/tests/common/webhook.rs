//! Calls of the webhooks, as kube-apiserver makes them.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use doorward_cluster::pki::Pki;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Server;

/// A call of a webhook.
pub struct Posted<'a> {
    /// The cluster whose API server's certificate is shown, if any is.
    pub certificate_of: Option<&'a str>,
    pub method: &'a str,
    pub path: &'a str,
    pub content_type: &'a str,
    pub body: &'a str,
}

/// Posts to a webhook with the certificate of a cluster's API server, or with none.
pub async fn post(
    server: &Server,
    data_dir: &Path,
    certificate_of: Option<&str>,
    path: &str,
    content_type: &str,
    body: &str,
) -> Result<(u16, String), String> {
    send(server, data_dir, &Posted { certificate_of, method: "POST", path, content_type, body }).await
}

/// Calls a webhook.
pub async fn send(server: &Server, data_dir: &Path, posted: &Posted<'_>) -> Result<(u16, String), String> {
    let Posted { certificate_of, method, path, content_type, body } = *posted;
    let pki = Pki::open(data_dir, Timestamp::now()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(pki.ca_der().unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let tls = match certificate_of {
        None => builder.with_no_client_auth(),
        Some(cluster) => {
            let identity = pki.client(&cluster.parse().unwrap(), Timestamp::now()).unwrap();
            let chain = vec![identity.certificate_der().unwrap()];
            builder.with_client_auth_cert(chain, identity.key_der().unwrap()).unwrap()
        }
    };
    let stream = TcpStream::connect(server.addresses.webhook).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let stream = TlsConnector::from(Arc::new(tls)).connect(name, stream).await.map_err(|error| error.to_string())?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    tokio::spawn(connection);
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("host", "doorward")
        .header("content-type", content_type)
        .body(Full::new(Bytes::from(body.to_owned())))
        .unwrap();
    let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
    Ok((status, String::from_utf8(bytes.to_vec()).unwrap()))
}

pub async fn review(server: &Server, data_dir: &Path, cluster: &str, body: &Value) -> (u16, Value) {
    let hook = if body["kind"] == "TokenReview" { "authenticate" } else { "authorize" };
    let path = format!("/clusters/{cluster}/{hook}");
    let (status, text) =
        post(server, data_dir, Some(cluster), &path, "application/json", &body.to_string()).await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

pub fn token_review(token: &str) -> Value {
    json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": { "token": token } })
}

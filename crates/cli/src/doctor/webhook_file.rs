//! A file that a kube-apiserver knows a webhook by: read as it reads it, and used for one call that decides nothing.

use std::error::Error as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use doorward_cluster::pki::{client_of, end_of};
use doorward_server::diagnosis::client::{Answer, WebhookFile};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use kube::config::{AuthInfo, Cluster, Kubeconfig};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};

use crate::error::{CliError, causes};

const PATIENCE: Duration = Duration::from_secs(10);
/// Of a refusal's words.
const MAX_ANSWER: usize = 4_096;

/// Reads the file and calls the webhook that it names: by GET, which is refused as the last thing after both certificates
/// and the cluster in the path were looked at.
///
/// # Errors
/// If the file is none that a kube-apiserver could use.
pub(super) async fn read_and_call(path: &Path) -> Result<WebhookFile, CliError> {
    let name = path.display().to_string();
    let fail = |problem: String| CliError::Failed(format!("the webhook file `{name}` cannot be used: {problem}"));
    let kubeconfig = Kubeconfig::read_from(path).map_err(|error| fail(causes(&error)))?;
    let context = kubeconfig
        .current_context
        .as_ref()
        .and_then(|current| kubeconfig.contexts.iter().find(|named| named.name == *current)?.context.clone());
    let context = context.ok_or_else(|| fail("it has no current context".to_owned()))?;
    let cluster = kubeconfig.clusters.iter().find(|named| named.name == context.cluster);
    let cluster = cluster.and_then(|named| named.cluster.as_ref());
    let user = kubeconfig.auth_infos.iter().find(|named| Some(&named.name) == context.user.as_ref());
    let user = user.and_then(|named| named.auth_info.as_ref());
    let (cluster, url) = cluster
        .and_then(|cluster| Some((cluster, cluster.server.clone()?)))
        .ok_or_else(|| fail("its current context names no server".to_owned()))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let authorities = authorities(cluster, folder).map_err(&fail)?;
    let identity = user.map(|user| identity(user, folder)).transpose().map_err(&fail)?.flatten();
    let client = identity.as_ref().and_then(|(chain, _)| chain.first()).and_then(|certificate| {
        Some((client_of(certificate).map(|cluster| cluster.to_string()), end_of(certificate)?))
    });
    let sha256 = authorities.iter().map(|authority| hex::encode(Sha256::digest(authority))).collect();
    let answer = call(&url, authorities, identity).await.map_err(&fail)?;
    Ok(WebhookFile { path: name, url, authorities: sha256, client, answer })
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// What stands in the file, or in the file that it names.
fn embedded(data: Option<&str>, file: Option<&str>, folder: &Path) -> Result<Option<Vec<u8>>, String> {
    match (data, file) {
        (Some(data), _) => {
            STANDARD.decode(data).map(Some).map_err(|_| "a certificate or key in it is not base64".to_owned())
        }
        (None, Some(file)) => {
            std::fs::read(folder.join(file)).map(Some).map_err(|error| format!("cannot read `{file}`: {error}"))
        }
        (None, None) => Ok(None),
    }
}

fn authorities(cluster: &Cluster, folder: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let data = cluster.certificate_authority_data.as_deref();
    let pem = embedded(data, cluster.certificate_authority.as_deref(), folder)?.unwrap_or_default();
    certificates(&pem)
}

fn identity(user: &AuthInfo, folder: &Path) -> Result<Option<Identity>, String> {
    let certificate = embedded(user.client_certificate_data.as_deref(), user.client_certificate.as_deref(), folder)?;
    let key = user.client_key_data.as_ref().map(|key| key.expose_secret());
    let key = embedded(key, user.client_key.as_deref(), folder)?;
    let Some((certificate, key)) = certificate.zip(key) else { return Ok(None) };
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| "the client key in it is none".to_owned())?;
    Ok(Some((certificates(&certificate)?, key)))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    all.map_err(|_| "a certificate in it is none".to_owned())
}

async fn call(
    url: &str,
    authorities: Vec<CertificateDer<'static>>,
    identity: Option<Identity>,
) -> Result<Answer, String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(authorities);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let tls = match identity {
        None => tls.with_no_client_auth(),
        Some((chain, key)) => tls.with_client_auth_cert(chain, key).map_err(|error| error.to_string())?,
    };
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    let request = http::Request::get(url).body(Empty::new()).map_err(|error| format!("its server `{url}`: {error}"))?;
    let exchange = async {
        let response = client.request(request).await?;
        let status = response.status();
        let words = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        let words = words.map(|words| String::from_utf8_lossy(&words.to_bytes()).into_owned()).unwrap_or_default();
        Ok(match status {
            http::StatusCode::METHOD_NOT_ALLOWED => Answer::Accepted,
            _ => Answer::Refused(status.as_u16(), words),
        })
    };
    Ok(match tokio::time::timeout(PATIENCE, exchange).await {
        Err(_) => Answer::Unreachable(format!("no answer within {} s", PATIENCE.as_secs())),
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => failed(&error),
    })
}

/// Whether TLS failed, or it did not come to that.
fn failed(error: &hyper_util::client::legacy::Error) -> Answer {
    let mut cause = error.source();
    while let Some(found) = cause {
        if let Some(tls) = found.downcast_ref::<rustls::Error>() {
            return Answer::Tls(tls.to_string());
        }
        // An error of the system may have another one in it that is not its source.
        let inner = found.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(tls) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return Answer::Tls(tls.to_string());
        }
        cause = found.source();
    }
    Answer::Unreachable(causes(error))
}

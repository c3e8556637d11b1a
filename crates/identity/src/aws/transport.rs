//! Sending one request and reading one answer, within limits: the only place here that opens connections.
//!
//! No redirects, no proxy, no compression, no second version of HTTP. A host that is called is one of the provider's
//! closed list; the names of hosts are resolved by the system.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::config::{AwsConfig, AwsConfigError, StsLimits};
use super::reply::Reply;

/// Longest header section of an answer, in bytes.
const MAX_HEADERS: usize = 64 * 1024;

/// How long a connection is kept for the next call.
const IDLE: std::time::Duration = std::time::Duration::from_secs(20);

/// Sends requests. The request's URI is whole and holds a signature: implementations never log it.
pub trait Transport: Send + Sync {
    /// Sends a request and reads an answer of at most `max_body` bytes.
    fn send(&self, request: http::Request<Bytes>, max_body: usize) -> BoxFuture<'_, Result<Reply, TransportError>>;
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No connection, no TLS, or it broke.
    #[error("no connection, or it broke")]
    Unreachable,
    /// Not in time.
    #[error("no whole answer in time")]
    Timeout,
    /// A body that is too long; it was not read to its end.
    #[error("the answer is too long")]
    TooLong,
}

/// HTTP/1.1 over TLS; plain to endpoints of the configuration that say so.
pub struct HttpsTransport {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    limits: StsLimits,
}

impl HttpsTransport {
    /// A transport with the configuration's time limits and certificates.
    ///
    /// # Errors
    /// If the file of certificates cannot be read, or has none.
    pub fn new(config: &AwsConfig) -> Result<Self, AwsConfigError> {
        let roots = match &config.ca_file {
            Some(path) => read_roots(path)?,
            None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
        };
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(config.sts.connect_timeout()));
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(16)
            .http1_max_buf_size(MAX_HEADERS)
            .build(connector);
        Ok(Self { client, limits: config.sts })
    }

    async fn exchange(&self, request: http::Request<Bytes>, max_body: usize) -> Result<Reply, TransportError> {
        // The error's own text is kept out of the answer and of the log: it may name what a stranger chose.
        let response = self.client.request(request.map(Full::new)).await.map_err(|_| TransportError::Unreachable)?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, max_body).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() { TransportError::TooLong } else { TransportError::Unreachable }
        })?;
        Ok(Reply {
            status: parts.status.as_u16(),
            content_type: only(&parts.headers, &CONTENT_TYPE),
            is_encoded: parts.headers.contains_key(CONTENT_ENCODING),
            body: body.to_bytes(),
        })
    }
}

impl Transport for HttpsTransport {
    fn send(&self, request: http::Request<Bytes>, max_body: usize) -> BoxFuture<'_, Result<Reply, TransportError>> {
        Box::pin(async move {
            tokio::time::timeout(self.limits.timeout(), self.exchange(request, max_body))
                .await
                .unwrap_or(Err(TransportError::Timeout))
        })
    }
}

/// A header that stands there once.
fn only(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok().map(str::to_owned),
        _ => None,
    }
}

fn read_roots(path: &Path) -> Result<RootCertStore, AwsConfigError> {
    let fail = |problem: String| AwsConfigError::CaFile { path: path.to_owned(), problem };
    let pem = std::fs::read(path).map_err(|error| fail(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| fail(error.to_string()))?;
        roots.add(certificate).map_err(|error| fail(error.to_string()))?;
    }
    if roots.is_empty() { Err(fail("there is none in it".to_owned())) } else { Ok(roots) }
}

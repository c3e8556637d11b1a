//! One kept connection of HTTP/1.1, on loopback.
//!
//! Written by hand, with requests that are prepared as bytes: whoever asks must cost less than what is asked, or the
//! bench would measure itself. An HTTP client library spends more on a request than nginx on its answer.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use doorward_cluster::pki::Pki;
use doorward_core::cluster_name::ClusterName;
use jiff::Timestamp;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Longest answer that is read.
const MAX_ANSWER: usize = 1024 * 1024;

/// An open connection.
pub struct Connection {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
}

/// A status and the place of the body in the connection's buffer.
#[derive(Debug)]
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
}

impl Connection {
    /// Opens a plain one.
    ///
    /// # Errors
    /// If nobody takes it.
    pub async fn plain(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: Box::new(stream), buffer: Vec::with_capacity(16 * 1024) })
    }

    /// Opens one over TLS, with the client certificate of a cluster's API server.
    ///
    /// # Errors
    /// If nobody takes it, or the other end is not whom it should be.
    pub async fn tls(address: SocketAddr, tls: &Arc<ClientConfig>) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("127.0.0.1")?;
        let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?;
        Ok(Self { stream: Box::new(stream), buffer: Vec::with_capacity(16 * 1024) })
    }

    /// Sends a request and reads the answer, which must have a `content-length`.
    ///
    /// # Errors
    /// If the connection breaks, or what comes is no such answer.
    pub async fn ask(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        self.buffer.clear();
        let mut searched: usize = 0;
        let head = loop {
            self.read().await?;
            let from = searched.saturating_sub(3);
            let found = self.buffer.get(from..).and_then(|new| new.windows(4).position(|four| four == b"\r\n\r\n"));
            match found {
                Some(at) => break from + at + 4,
                None => searched = self.buffer.len(),
            }
        };
        let text = std::str::from_utf8(self.buffer.get(..head).unwrap_or_default())?;
        let status = text.get(9..12).context("no status")?.parse()?;
        let length = text.lines().find_map(content_length).context("an answer without content-length")?;
        ensure!(length <= MAX_ANSWER, "an answer of {length} bytes");
        while self.buffer.len() < head + length {
            self.read().await?;
        }
        let body = self.buffer.get(head..head + length).unwrap_or_default();
        Ok(Answer { status, body })
    }

    async fn read(&mut self) -> anyhow::Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            bail!("the connection was closed: {}", String::from_utf8_lossy(&self.buffer));
        }
        Ok(())
    }
}

fn content_length(line: &str) -> Option<usize> {
    let (name, value) = line.split_once(':')?;
    if name.eq_ignore_ascii_case("content-length") { value.trim().parse().ok() } else { None }
}

/// What an API server's client does: it trusts the data folder's authority and shows the cluster's certificate.
///
/// # Errors
/// If there are no certificates.
pub fn client_config(pki: &Pki, cluster: &ClusterName) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(pki.ca_der()?)?;
    let identity = pki.client(cluster, Timestamp::now())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![identity.certificate_der()?], identity.key_der()?)?;
    Ok(Arc::new(config))
}

/// What whoever comes with a bearer token does: it shows no certificate.
///
/// # Errors
/// If TLS cannot be set up.
pub fn tls_without_certificate(roots: RootCertStore) -> anyhow::Result<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// A POST of JSON, as bytes.
#[must_use]
pub fn post_json(path: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\naccept: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

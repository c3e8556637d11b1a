//! A client's line to one server: a connection that is kept while it works.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use doorward_bench::http::Connection;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// An address, and how it is spoken to.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    /// None: in the clear.
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

impl Door {
    /// One that is spoken to in the clear.
    pub(crate) fn plain(address: SocketAddr) -> Self {
        Self { address, tls: None }
    }

    /// The certificate that whoever comes now is shown, in DER.
    ///
    /// # Errors
    /// If nobody shows one.
    pub(crate) async fn certificate(&self) -> anyhow::Result<Vec<u8>> {
        let tls = self.tls.as_ref().context("it is spoken to in the clear")?;
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("127.0.0.1")?;
        let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?;
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        Ok(shown.context("no certificate")?.to_vec())
    }

    async fn open(&self) -> anyhow::Result<Connection> {
        match &self.tls {
            Some(tls) => Connection::tls(self.address, tls).await,
            None => Connection::plain(self.address).await,
        }
    }
}

/// A status and a body.
pub(crate) type Heard = (u16, Vec<u8>);

/// A line to a door.
pub(crate) struct Line {
    door: Door,
    connection: Option<Connection>,
}

impl Line {
    /// To that door; nothing is opened yet.
    pub(crate) fn to(door: Door) -> Self {
        Self { door, connection: None }
    }

    /// Asks for something that may be asked twice: a kept connection that the other end has closed is opened anew.
    ///
    /// # Errors
    /// If there is no answer within `patience`.
    pub(crate) async fn ask(&mut self, request: &[u8], patience: Duration) -> anyhow::Result<Heard> {
        let asked = tokio::time::timeout(patience, async {
            if let Some(mut kept) = self.connection.take()
                && let Ok(heard) = ask(&mut kept, request).await
            {
                return Ok((heard, kept));
            }
            let mut fresh = self.door.open().await?;
            Ok::<_, anyhow::Error>((ask(&mut fresh, request).await?, fresh))
        });
        let (heard, connection) = asked.await.context("no answer in time")??;
        self.connection = Some(connection);
        Ok(heard)
    }
}

/// Asks once, on a connection of its own.
///
/// # Errors
/// If there is no answer within `patience`.
pub(crate) async fn ask_once(door: &Door, request: &[u8], patience: Duration) -> anyhow::Result<Heard> {
    let asked = async { ask(&mut door.open().await?, request).await };
    tokio::time::timeout(patience, asked).await.context("no answer in time")?
}

async fn ask(connection: &mut Connection, request: &[u8]) -> anyhow::Result<Heard> {
    let answer = connection.ask(request).await?;
    Ok((answer.status, answer.body.to_vec()))
}

/// The body of a good answer to a GET in the clear.
///
/// # Errors
/// If there is none within `patience`.
pub(crate) async fn get(address: SocketAddr, path: &str, patience: Duration) -> anyhow::Result<Vec<u8>> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: ops\r\n\r\n");
    let (status, body) = ask_once(&Door::plain(address), request.as_bytes(), patience).await?;
    anyhow::ensure!(status == 200, "GET {path}: status {status}");
    Ok(body)
}

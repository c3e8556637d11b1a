//! Clients that mean harm, from an address of their own: half requests, connections without number, bodies without end.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;

/// How somebody means harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Abuse {
    /// A request whose head never ends, a byte at a time; of TLS, the same with its first message.
    HalfRequests,
    /// Connections that say nothing.
    Connections,
    /// Bodies of a gigabyte.
    HugeBodies,
}

/// Where harm is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// Whether TLS is spoken there.
    pub(crate) is_tls: bool,
}

/// Clients that mean harm until they are dropped.
#[derive(Debug, Default)]
pub(crate) struct Abusers(Vec<JoinHandle<()>>);

impl Drop for Abusers {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

impl Abuse {
    /// Clients at each target.
    const fn count(self) -> usize {
        match self {
            Self::HalfRequests => 500,
            Self::Connections => 1_500,
            Self::HugeBodies => 32,
        }
    }

    /// Begins.
    pub(crate) fn begin(self, targets: &[Target]) -> Abusers {
        let each = targets.iter().flat_map(|target| std::iter::repeat_n(*target, self.count()));
        Abusers(each.map(|target| tokio::spawn(self.harm(target))).collect())
    }

    async fn harm(self, target: Target) {
        loop {
            if let Ok(mut stream) = connect(target.address).await {
                // Whatever ends it, another one comes.
                let _ = self.harm_by(&mut stream, target.is_tls).await;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn harm_by(self, stream: &mut TcpStream, is_tls: bool) -> std::io::Result<()> {
        match self {
            Self::HalfRequests => {
                let head: &[u8] = if is_tls { &CLIENT_HELLO } else { b"POST / HTTP/1.1\r\nhost: a\r\nx: " };
                stream.write_all(head).await?;
                loop {
                    stream.write_all(b"a").await?;
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            }
            Self::Connections => stream.read_u8().await.map(drop),
            Self::HugeBodies => {
                // TLS takes it for a message of 64 KiB that is none.
                stream.write_all(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000000\r\n\r\n").await?;
                let piece = vec![0; 64 * 1024];
                loop {
                    stream.write_all(&piece).await?;
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        }
    }
}

/// The beginning of a first message of TLS, which says that 16 KiB follow.
const CLIENT_HELLO: [u8; 9] = [0x16, 0x03, 0x01, 0x40, 0x00, 0x01, 0x00, 0x3f, 0xfc];

/// From an address that is not that of honest clients: what one client may have is counted by address.
async fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 2], 0)))?;
    socket.connect(address).await
}

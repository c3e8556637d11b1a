//! One address for several servers, as a TCP load balancer in front of them has.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Leads every connection to the first server that takes it.
pub(crate) struct Balancer {
    pub(crate) address: SocketAddr,
    servers: Arc<Mutex<Vec<String>>>,
    /// To which servers there are connections.
    led: Arc<Mutex<Vec<String>>>,
}

impl Balancer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let servers = Arc::<Mutex<Vec<String>>>::default();
        let led = Arc::<Mutex<Vec<String>>>::default();
        let (known, noted) = (Arc::clone(&servers), Arc::clone(&led));
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let servers = known.lock().unwrap().clone();
                let noted = Arc::clone(&noted);
                tokio::spawn(async move { lead(client, servers, &noted).await });
            }
        });
        Self { address, servers, led }
    }

    /// From now on, to these.
    pub(crate) fn lead_to(&self, servers: Vec<String>) {
        *self.servers.lock().unwrap() = servers;
    }

    /// Whether some connection is led to a server.
    pub(crate) fn leads_to(&self, server: &String) -> bool {
        self.led.lock().unwrap().contains(server)
    }
}

/// Hands on what comes at once: a copy that gathers would lose what came before a reset.
async fn carry(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin)) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

async fn lead(mut client: TcpStream, servers: Vec<String>, led: &Mutex<Vec<String>>) {
    let mut to = None;
    for name in servers {
        let Ok(mut server) = TcpStream::connect(&name).await else { continue };
        led.lock().unwrap().push(name.clone());
        to = Some(name);
        // Both ends write what is whole.
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        {
            let (mut from_client, mut to_client) = client.split();
            let (mut from_server, mut to_server) = server.split();
            let there = async {
                carry(&mut from_client, &mut to_server).await;
                let _ = to_server.shutdown().await;
                // The server has the last word.
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = there => {}
                () = carry(&mut from_server, &mut to_client) => {}
            }
        }
        break;
    }
    // A server that dies is handed on as a reset: kube-apiserver asks again after one, and not where a connection just
    // ends in the middle of an answer.
    let _ = client.set_zero_linger();
    drop(client);
    let mut led = led.lock().unwrap();
    if let Some(at) = led.iter().position(|name| Some(name) == to.as_ref()) {
        led.swap_remove(at);
    }
}

//! A load balancer of TCP as operators put one before several servers: it asks each whether it is ready, gives a
//! connection to one that is, tries the next while nothing was answered yet, and breaks the connections to one that no
//! longer answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::line::get;

/// Between two questions whether a server is ready.
const INTERVAL: Duration = Duration::from_millis(250);

/// How long a server may take to say so.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a connection may take to be taken.
const CONNECT: Duration = Duration::from_secs(1);

/// What is kept of a connection's beginning, to say it again to the next server.
const BEGINNING: usize = 64 * 1024;

/// A server behind it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Behind {
    /// Where connections go.
    pub(crate) webhook: SocketAddr,
    /// Where it is asked whether it is ready.
    pub(crate) ops: SocketAddr,
}

/// A balancer that ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Balancer {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Clone)]
struct Backend {
    address: SocketAddr,
    ready: watch::Receiver<bool>,
}

impl Balancer {
    /// Before these servers.
    ///
    /// # Errors
    /// If it cannot listen.
    pub(crate) async fn before(servers: &[Behind]) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let mut tasks = Vec::new();
        let mut backends = Vec::new();
        for server in servers.iter().copied() {
            let (ready, watched) = watch::channel(true);
            tasks.push(tokio::spawn(ask_whether_ready(server.ops, ready)));
            backends.push(Backend { address: server.webhook, ready: watched });
        }
        let next = Arc::new(AtomicUsize::new(0));
        tasks.push(tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                tokio::spawn(serve(stream, in_turn(&backends, next.fetch_add(1, Ordering::Relaxed))));
            }
        }));
        Ok(Self { address, tasks })
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn ask_whether_ready(ops: SocketAddr, ready: watch::Sender<bool>) {
    loop {
        let is_ready = get(ops, "/readyz", PATIENCE).await.is_ok();
        ready.send_if_modified(|was| std::mem::replace(was, is_ready) != is_ready);
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Those that are ready, beginning with another one each time.
fn in_turn(backends: &[Backend], turn: usize) -> Vec<Backend> {
    let count = backends.len().max(1);
    let all = backends.iter().cycle().skip(turn % count).take(count);
    all.filter(|backend| *backend.ready.borrow()).cloned().collect()
}

async fn serve(mut client: TcpStream, backends: Vec<Backend>) {
    let _ = client.set_nodelay(true);
    let mut beginning = Vec::new();
    for mut backend in backends {
        let Ok(Ok(mut server)) = tokio::time::timeout(CONNECT, TcpStream::connect(backend.address)).await else {
            continue;
        };
        let _ = server.set_nodelay(true);
        if server.write_all(&beginning).await.is_err() {
            continue;
        }
        let passed = tokio::select! {
            passed = pass(&mut client, &mut server, &mut beginning) => passed,
            _ = backend.ready.wait_for(|ready| !*ready) => Passed::Broken,
        };
        match passed {
            Passed::Nothing if beginning.len() < BEGINNING => {}
            Passed::Broken => break,
            Passed::Nothing | Passed::Ended => return,
        }
    }
    // As whoever was cut off hears it.
    let _ = client.set_zero_linger();
}

enum Passed {
    /// The server ended it before it had answered anything.
    Nothing,
    /// The server ended it later.
    Broken,
    /// The client ended it.
    Ended,
}

async fn pass(client: &mut TcpStream, server: &mut TcpStream, beginning: &mut Vec<u8>) -> Passed {
    let (mut here, mut there) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
    let mut is_answered = false;
    let ended = |is_answered| if is_answered { Passed::Broken } else { Passed::Nothing };
    loop {
        tokio::select! {
            read = client.read(&mut here) => {
                let Ok(length @ 1..) = read else { return Passed::Ended };
                let piece = here.get(..length).unwrap_or_default();
                if !is_answered {
                    beginning.extend_from_slice(piece);
                }
                if server.write_all(piece).await.is_err() {
                    return ended(is_answered);
                }
            }
            read = server.read(&mut there) => {
                let Ok(length @ 1..) = read else { return ended(is_answered) };
                is_answered = true;
                if client.write_all(there.get(..length).unwrap_or_default()).await.is_err() {
                    return Passed::Ended;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    /// Somebody who says his name to whoever says something, or hangs up instead.
    async fn server(name: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut heard = [0; 2];
                let _ = stream.read_exact(&mut heard).await;
                let _ = stream.write_all(name).await;
            }
        });
        address
    }

    async fn who(balancer: SocketAddr) -> Vec<u8> {
        let mut stream = TcpStream::connect(balancer).await.unwrap();
        stream.write_all(b"hi").await.unwrap();
        let mut heard = vec![0; 1];
        stream.read_exact(&mut heard).await.unwrap();
        heard
    }

    #[tokio::test]
    async fn who_hangs_up_before_an_answer_or_is_not_there_is_passed_over() {
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let doors = [server(b"").await, nobody, server(b"c").await];
        let (ready, watched) = watch::channel(true);
        let backends = doors.map(|address| Backend { address, ready: watched.clone() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            for turn in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, in_turn(&backends, turn)));
            }
        });
        for _ in 0..6 {
            assert_eq!(who(address).await, b"c");
        }
        drop(ready);
    }

    #[test]
    fn those_that_are_ready_are_taken_in_turn_and_no_other() {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let (yes, no) = (watch::channel(true).1, watch::channel(false).1);
        let backend = |port, ready: &watch::Receiver<bool>| Backend { address: address(port), ready: ready.clone() };
        let ports = |backends: &[Backend], turn| -> Vec<u16> {
            in_turn(backends, turn).iter().map(|backend| backend.address.port()).collect()
        };
        let some = [backend(1, &yes), backend(2, &no), backend(3, &yes)];
        assert_eq!((ports(&some, 0), ports(&some, 1), ports(&some, 2)), (vec![1, 3], vec![3, 1], vec![3, 1]));
        assert!(ports(&[backend(1, &no), backend(2, &no)], 1).is_empty());
    }
}

//! A link between two programs: a TCP proxy that delays what passes, holds it back, or breaks.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// What a link does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Passes everything on.
    Pass,
    /// Passes everything on, so much later.
    Late(Duration),
    /// Keeps everything, until it is told something else: as a network does whose packets are lost.
    Silent,
    /// Lets nobody in, and breaks what is there.
    Away,
    /// Answers this instead, whatever is asked.
    Says(&'static str),
}

/// A link that ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Link {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    mode: watch::Sender<Mode>,
    task: JoinHandle<()>,
}

/// Pieces that are under way in one direction, each of at most 16 KiB.
const PIECES: usize = 256;

impl Link {
    /// A link to an address.
    ///
    /// # Errors
    /// If it cannot listen.
    pub(crate) async fn to(address: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (mode, modes) = watch::channel(Mode::Pass);
        let own = listener.local_addr()?;
        let task = tokio::spawn(async move {
            loop {
                // Out of descriptors, if at all: others end soon.
                let Ok((stream, _)) = listener.accept().await else { continue };
                tokio::spawn(pass(stream, address, modes.clone()));
            }
        });
        Ok(Self { address: own, mode, task })
    }

    /// Does this from now on, with what is under way too.
    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(stream: TcpStream, address: SocketAddr, modes: watch::Receiver<Mode>) {
    let mode = *modes.borrow();
    let mut modes_of_both = modes.clone();
    match mode {
        Mode::Away => return,
        Mode::Says(words) => return say(stream, words).await,
        Mode::Pass | Mode::Late(_) | Mode::Silent => {}
    }
    let Ok(other) = TcpStream::connect(address).await else { return };
    let _ = (stream.set_nodelay(true), other.set_nodelay(true));
    let ((from_here, to_here), (from_there, to_there)) = (stream.into_split(), other.into_split());
    // Whichever side ends takes the other along.
    tokio::select! {
        () = one_way(from_here, to_there, modes.clone()) => {}
        () = one_way(from_there, to_here, modes) => {}
        _ = modes_of_both.wait_for(|mode| matches!(mode, Mode::Away | Mode::Says(_))) => {}
    }
}

/// Hears a request of one piece, answers, and closes.
async fn say(mut stream: TcpStream, words: &str) {
    let mut heard = vec![0; 64 * 1024];
    // Whatever goes wrong, the other end hears less.
    let _ = stream.read(&mut heard).await;
    let _ = stream.write_all(words.as_bytes()).await;
}

async fn one_way(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut modes: watch::Receiver<Mode>) {
    let (send, mut receive) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES);
    // Ends the other's work with its own.
    let read = async move {
        loop {
            let mut piece = Vec::with_capacity(16 * 1024);
            if !matches!(from.read_buf(&mut piece).await, Ok(1..)) || send.send((Instant::now(), piece)).await.is_err()
            {
                return;
            }
        }
    };
    let write = async {
        while let Some((came, piece)) = receive.recv().await {
            let Ok(mode) = modes.wait_for(|mode| *mode != Mode::Silent).await.map(|mode| *mode) else { return };
            if let Mode::Late(by) = mode {
                tokio::time::sleep_until(came + by).await;
            }
            if to.write_all(&piece).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(read, write);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    /// Somebody who sends back what he hears.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    tokio::io::copy(&mut read, &mut write).await
                });
            }
        });
        address
    }

    async fn ask(stream: &mut TcpStream) -> Duration {
        let began = Instant::now();
        stream.write_all(b"hello").await.unwrap();
        let mut heard = [0; 5];
        stream.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"hello");
        began.elapsed()
    }

    #[tokio::test]
    async fn what_passes_a_late_link_comes_late_in_both_directions() {
        let link = Link::to(echo().await).await.unwrap();
        let mut stream = TcpStream::connect(link.address).await.unwrap();
        ask(&mut stream).await;
        link.set(Mode::Late(Duration::from_millis(50)));
        assert!(ask(&mut stream).await >= Duration::from_millis(100));
    }

    #[tokio::test]
    async fn a_silent_link_keeps_everything_until_it_speaks_again() {
        let link = Link::to(echo().await).await.unwrap();
        let mut stream = TcpStream::connect(link.address).await.unwrap();
        ask(&mut stream).await;
        link.set(Mode::Silent);
        assert!(tokio::time::timeout(Duration::from_millis(50), ask(&mut stream)).await.is_err());
        link.set(Mode::Pass);
        let mut heard = [0; 5];
        stream.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"hello");
    }
}

//! Something that answers in STS's place, byte for byte as it is told: for answers that no server would give.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio_rustls::TlsAcceptor;

/// What it does with a connection once it has read a request's headers.
#[derive(Clone)]
pub(crate) enum Behaviour {
    /// Sends this and closes.
    Answer(Vec<u8>),
    /// Sends this, then the second again and again for as long as somebody reads.
    Endless(Vec<u8>, Vec<u8>),
    /// Sends a byte a second.
    Slow(Vec<u8>),
    /// Says nothing.
    Silent,
}

pub(crate) struct RawSts {
    pub(crate) url: String,
    calls: Arc<AtomicUsize>,
    /// Bytes sent of endless answers.
    pub(crate) sent: Arc<AtomicUsize>,
    pub(crate) requests: Arc<Mutex<Vec<String>>>,
}

impl RawSts {
    pub(crate) async fn answering(answer: Vec<u8>) -> Self {
        Self::start(Behaviour::Answer(answer), None).await
    }

    pub(crate) async fn start(behaviour: Behaviour, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = if tls.is_some() { format!("https://localhost:{port}") } else { format!("http://127.0.0.1:{port}") };
        let double = Self { url, calls: Arc::default(), sent: Arc::default(), requests: Arc::default() };
        let (calls, sent, requests) = (double.calls.clone(), double.sent.clone(), double.requests.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (behaviour, tls) = (behaviour.clone(), tls.clone());
                let (calls, sent, requests) = (calls.clone(), sent.clone(), requests.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, behaviour, &calls, &sent, &requests).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, behaviour, &calls, &sent, &requests).await;
                            }
                        }
                    }
                });
            }
        });
        double
    }

    /// Requests whose headers were read.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    behaviour: Behaviour,
    calls: &AtomicUsize,
    sent: &AtomicUsize,
    requests: &Mutex<Vec<String>>,
) {
    let mut request = Vec::new();
    let mut buffer = [0_u8; 4096];
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => request.extend_from_slice(&buffer[..count]),
        }
    }
    calls.fetch_add(1, Ordering::SeqCst);
    requests.lock().await.push(String::from_utf8(request).unwrap());
    match behaviour {
        Behaviour::Answer(answer) => {
            let _ = stream.write_all(&answer).await;
        }
        Behaviour::Endless(head, more) => {
            let _ = stream.write_all(&head).await;
            while stream.write_all(&more).await.is_ok() {
                sent.fetch_add(more.len(), Ordering::SeqCst);
            }
        }
        Behaviour::Slow(answer) => {
            for byte in answer {
                if stream.write_all(&[byte]).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        Behaviour::Silent => tokio::time::sleep(Duration::from_secs(3_600)).await,
    }
    let _ = stream.shutdown().await;
}

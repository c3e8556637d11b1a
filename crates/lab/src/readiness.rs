//! Waiting for servers to be ready, by asking them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::LabError;
use crate::process::{Process, log_tail};

const PAUSE: Duration = Duration::from_millis(50);
const ANSWER: Duration = Duration::from_secs(3);

/// Asks `probe` until it says yes, the process ends, or `patience` is over.
pub(crate) async fn wait_until_ready<F>(
    process: &Process,
    patience: Duration,
    mut probe: impl FnMut() -> F,
) -> Result<(), LabError>
where
    F: Future<Output = Result<(), String>>,
{
    let deadline = Instant::now() + patience;
    loop {
        let last = match tokio::time::timeout(ANSWER, probe()).await {
            // A server that ended left its port to somebody else, whose yes must not count.
            Ok(Ok(())) if process.is_alive() => return Ok(()),
            Ok(Ok(())) => "it ended".to_owned(),
            Ok(Err(answer)) => answer,
            Err(_) => "no answer".to_owned(),
        };
        if !process.is_alive() {
            return Err(LabError::Exited {
                name: process.name.clone(),
                log: process.log.clone(),
                tail: log_tail(&process.log),
            });
        }
        if Instant::now() >= deadline {
            return Err(LabError::NotReady {
                name: process.name.clone(),
                seconds: patience.as_secs(),
                last,
                log: process.log.clone(),
            });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// One plain HTTP GET; ready means status 200.
pub(crate) async fn http_ok(address: SocketAddr, path: &str) -> Result<(), String> {
    let answer = http_get(address, path).await.map_err(|error| error.to_string())?;
    let status = answer.lines().next().unwrap_or_default();
    if status.split_ascii_whitespace().nth(1) == Some("200") {
        Ok(())
    } else {
        Err(format!("`GET http://{address}{path}` answered `{}`", status.trim_end()))
    }
}

async fn http_get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(64 * 1024).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

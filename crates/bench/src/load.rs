//! Closed-loop load: some connections, each with one request under way, for one round.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures::future::try_join_all;
use rustls::ClientConfig;
use tokio::task::JoinHandle;

use crate::http::Connection;
use crate::process::Process;

/// What is asked of whom.
pub(crate) struct Load<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) tls: &'a Arc<ClientConfig>,
    pub(crate) connections: usize,
    /// Asked in turn, from `next` on; started over only where they may be repeated.
    pub(crate) requests: &'a [Vec<u8>],
    /// Length of the one good answer's body: what is refused is answered with another length.
    pub(crate) body_length: usize,
    pub(crate) server: &'a Process,
}

/// One round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// The server's processor time a request.
    pub(crate) cpu_us: f64,
}

impl Load<'_> {
    /// Opens the connections, warms them, then asks for `round`, or until the requests are used up.
    ///
    /// # Errors
    /// If anything but the good answer comes.
    pub(crate) async fn run(&self, round: Duration, next: &AtomicUsize, repeat: bool) -> anyhow::Result<Outcome> {
        let _awake = Awake::start();
        let open = (0..self.connections).map(|_| Connection::tls(self.address, self.tls));
        let mut connections = try_join_all(open).await?;
        let warm = Instant::now() + round / 10;
        try_join_all(connections.iter_mut().map(|connection| self.until(connection, warm, next, repeat))).await?;
        let (started, cpu) = (Instant::now(), self.server.cpu()?);
        let end = started + round;
        let each = try_join_all(connections.iter_mut().map(|connection| self.until(connection, end, next, repeat)));
        let mut latencies: Vec<u32> = each.await?.concat();
        let (took, cpu) = (started.elapsed(), self.server.cpu()?.saturating_sub(cpu));
        latencies.sort_unstable();
        let count = latencies.len() as f64;
        Ok(Outcome {
            per_second: count / took.as_secs_f64(),
            p50_us: percentile(&latencies, 50).context("no answers")?,
            p99_us: percentile(&latencies, 99).context("no answers")?,
            cpu_us: cpu.as_secs_f64() * 1e6 / count,
        })
    }

    async fn until(
        &self,
        connection: &mut Connection,
        end: Instant,
        next: &AtomicUsize,
        repeat: bool,
    ) -> anyhow::Result<Vec<u32>> {
        let mut latencies = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let at = if repeat { at % self.requests.len() } else { at };
            let Some(request) = self.requests.get(at) else { return Ok(latencies) };
            let asked = Instant::now();
            if asked >= end {
                return Ok(latencies);
            }
            let answer = connection.ask(request).await?;
            ensure!(
                (answer.status, answer.body.len()) == (200, self.body_length),
                "expected status 200 and {} bytes, got {}: {}",
                self.body_length,
                answer.status,
                String::from_utf8_lossy(answer.body)
            );
            latencies.push(u32::try_from(asked.elapsed().as_nanos() / 1_000).unwrap_or(u32::MAX));
        }
    }
}

/// Keeps this thread from sleeping until it is dropped.
///
/// Whoever asks a slow server waits for it. If that is asleep, the kernel has to wake it while the answer is sent, in the
/// server's own time; on a virtual machine this is a call to the hypervisor, and may cost as much as the answer itself.
/// Then the slower of two servers pays for it with each answer and the faster with none, and what is compared is no
/// longer the servers.
struct Awake(JoinHandle<()>);

impl Awake {
    fn start() -> Self {
        Self(tokio::spawn(async {
            loop {
                tokio::task::yield_now().await;
            }
        }))
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The value that so many of a hundred do not exceed, in the unit of `sorted`.
pub(crate) fn percentile(sorted: &[u32], percent: usize) -> Option<f64> {
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().map(f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_value_that_so_many_of_a_hundred_do_not_exceed() {
        let sorted: Vec<u32> = (1..=200).collect();
        assert_eq!((percentile(&sorted, 50), percentile(&sorted, 99)), (Some(100.0), Some(198.0)));
        assert_eq!((percentile(&[7], 99), percentile(&[], 99)), (Some(7.0), None));
    }
}

//! How long, how much and where: from the environment that `scripts/bench.sh` sets.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context as _;

/// What a run is given.
pub(crate) struct Settings {
    /// Length of one round of one measurement.
    pub(crate) round: Duration,
    /// Rounds, interleaved.
    pub(crate) rounds: usize,
    /// Access entries of the large cluster.
    pub(crate) entries: usize,
    /// What alone is measured, where somebody works on that: `webhook`, or `webhook/token, seen before`.
    only: Option<String>,
    /// Connections of a webhook's load, each with one request under way.
    pub(crate) connections: usize,
    /// Times that something is taken away.
    pub(crate) revocations: usize,
    /// The core of whatever is measured.
    pub(crate) server_core: usize,
    /// The core of whoever asks.
    pub(crate) load_core: usize,
    /// The release binary.
    pub(crate) doorward: PathBuf,
    /// nginx.
    pub(crate) nginx: PathBuf,
    /// The aws CLI.
    pub(crate) aws: PathBuf,
    /// The folder of the lab in which things are taken away.
    pub(crate) lab: PathBuf,
    /// Where the raw rows go.
    pub(crate) out: PathBuf,
    /// Where data folders are made: on a disk, because writes are measured.
    pub(crate) scratch: PathBuf,
}

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// If a variable is missing or no number.
    pub(crate) fn of_environment() -> anyhow::Result<Self> {
        let out = PathBuf::from(required("BENCH_OUT")?);
        let seconds: f64 = number("BENCH_SECONDS", 1.0)?;
        let cores = std::thread::available_parallelism()?.get();
        anyhow::ensure!((0.05..=60.0).contains(&seconds), "`BENCH_SECONDS` must be between 0.05 and 60");
        Ok(Self {
            round: Duration::from_secs_f64(seconds),
            rounds: number("BENCH_ROUNDS", 5)?,
            entries: number("BENCH_ENTRIES", 1_000_000)?,
            only: std::env::var("BENCH_ONLY").ok().filter(|only| !only.is_empty()),
            connections: number("BENCH_CONNECTIONS", 16)?,
            revocations: number("BENCH_REVOCATIONS", 1_000)?,
            server_core: number("BENCH_SERVER_CORE", 0)?,
            load_core: number("BENCH_LOAD_CORE", cores.saturating_sub(1))?,
            doorward: PathBuf::from(required("BENCH_DOORWARD")?),
            nginx: PathBuf::from(required("BENCH_NGINX")?),
            aws: PathBuf::from(required("BENCH_AWS")?),
            lab: PathBuf::from(required("BENCH_LAB")?),
            scratch: out.parent().map(PathBuf::from).unwrap_or_default(),
            out,
        })
    }

    /// Whether something is to be measured: a part of the bench such as `webhook`, or one of its cases, such as
    /// `webhook/token, seen before`.
    pub(crate) fn wants(&self, what: &str) -> bool {
        self.only.as_ref().is_none_or(|only| what.starts_with(only.as_str()) || only.starts_with(what))
    }

    /// What the machine was doing when the run began: the load average of the last minute.
    pub(crate) fn loaded(&self) -> String {
        let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        text.split(' ').next().unwrap_or_default().to_owned()
    }
}

fn required(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("`{name}` is not set; run `make bench`"))
}

fn number<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(name: &str, default: T) -> anyhow::Result<T> {
    match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("`{name}` is not a number: `{text}`")),
        Err(_) => Ok(default),
    }
}

//! How long, what and where: from the environment that `scripts/chaos.sh` sets.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;

/// What a run is given.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// How long a fault lasts at least.
    pub(crate) fault: Duration,
    /// The rows alone whose name has one of these in it; all, if none.
    only: Vec<String>,
    /// The binary.
    pub(crate) doorward: PathBuf,
    /// The folder of the lab whose kube-apiserver asks.
    pub(crate) lab: PathBuf,
    /// Where the rows go, JSON lines.
    pub(crate) out: PathBuf,
    /// Where the servers' logs are, also after the run.
    pub(crate) logs: PathBuf,
    /// The library that gives a program another clock, if there is one.
    pub(crate) faketime: Option<PathBuf>,
    /// Where data folders are made: on a disk, because writes wait for it.
    pub(crate) scratch: PathBuf,
}

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// If a variable is missing or no number.
    pub(crate) fn of_environment() -> anyhow::Result<Self> {
        let required = |name: &str| {
            let value = std::env::var_os(name).map(PathBuf::from);
            value.with_context(|| format!("`{name}` is not set; run `make chaos`"))
        };
        let seconds = std::env::var("CHAOS_SECONDS").unwrap_or_else(|_| "4".to_owned());
        let seconds: f64 = seconds.parse().with_context(|| format!("`CHAOS_SECONDS` is not a number: `{seconds}`"))?;
        anyhow::ensure!((0.5..=120.0).contains(&seconds), "`CHAOS_SECONDS` must be between 0.5 and 120");
        let out = required("CHAOS_OUT")?;
        let only = std::env::var("CHAOS_ONLY").unwrap_or_default();
        Ok(Self {
            fault: Duration::from_secs_f64(seconds),
            only: only.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect(),
            doorward: required("CHAOS_DOORWARD")?,
            lab: required("CHAOS_LAB")?,
            faketime: std::env::var_os("CHAOS_FAKETIME").map(PathBuf::from).filter(|library| library.is_file()),
            logs: out.with_file_name("log"),
            scratch: out.parent().map(PathBuf::from).unwrap_or_default(),
            out,
        })
    }

    /// Whether a row is to be tried.
    pub(crate) fn wants(&self, row: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|word| row.contains(word.as_str()))
    }
}

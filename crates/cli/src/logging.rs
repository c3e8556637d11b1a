//! Log lines: text or JSON, to standard error.

use std::io::IsTerminal as _;

use clap::ValueEnum;
use serde::Deserialize;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::talk::Talk;

/// The form of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged where `RUST_LOG` does not say. The Kubernetes client calls it an error whenever an API server that is
/// waited for does not answer yet; whoever waits says it better.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level(&'static str);

impl Level {
    /// Of the server.
    pub(crate) fn of_server(talk: Talk) -> Self {
        Self(match (talk.quiet, talk.verbose) {
            (true, _) => "warn,kube_client=off",
            (false, 0) => "info,kube_client=off",
            (false, 1) => "info,doorward=debug",
            (false, 2) => "debug",
            (false, _) => "trace",
        })
    }

    /// Of a command that answers and ends.
    pub(crate) fn of_client(talk: Talk) -> Self {
        Self(match talk.verbose {
            0 => "error,kube_client=off",
            1 => "warn",
            2 => "info",
            3 => "debug",
            _ => "trace",
        })
    }
}

/// Starts logging. A second call changes nothing.
pub(crate) fn start(format: LogFormat, level: Level) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level.0));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::NONE)
        .with_ansi(
            std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        );
    let _ = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}

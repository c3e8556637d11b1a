//! Log lines: text or JSON, to standard error.

use std::io::IsTerminal as _;

use clap::ValueEnum;
use doorward_server::LogWriter;
use serde::Deserialize;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
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

/// Starts logging of a command that answers and ends. A second call changes nothing.
pub(crate) fn start(format: LogFormat, level: Level) {
    start_to(std::io::stderr, format, level);
}

/// Starts logging of the server, which waits for no line to be written. The lines are complete once what this gives is
/// dropped.
pub(crate) fn start_server(format: LogFormat, level: Level) -> ServerLog {
    match LogWriter::start(std::io::stderr()) {
        Ok(writer) => {
            let lines = writer.clone();
            start_to(move || lines.clone(), format, level);
            ServerLog(Some(writer))
        }
        Err(error) => {
            start(format, level);
            tracing::warn!(%error, "no thread for the log: each line is waited for");
            ServerLog(None)
        }
    }
}

/// The server's log, complete once this is dropped.
pub(crate) struct ServerLog(Option<LogWriter>);

impl ServerLog {
    /// Completes the log.
    pub(crate) fn close(&self) {
        if let Some(writer) = &self.0 {
            writer.close();
        }
    }
}

impl Drop for ServerLog {
    fn drop(&mut self) {
        self.close();
    }
}

fn start_to<W>(writer: W, format: LogFormat, level: Level)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level.0));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_span_events(FmtSpan::NONE)
        .with_ansi(
            std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        );
    let _ = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}

//! Log lines: text or JSON, to standard error.

use std::io::IsTerminal as _;

use clap::ValueEnum;
use doorward_server::{LogForm, LogWriter, start_log};
use serde::Deserialize;
use tracing_subscriber::EnvFilter;

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
    start_to(None, format, level);
}

/// Starts logging of the server, which waits for no line to be written. The lines are complete once what this gives is
/// dropped.
pub(crate) fn start_server(format: LogFormat, level: Level) -> ServerLog {
    match LogWriter::start(std::io::stderr()) {
        Ok(writer) => {
            start_to(Some(&writer), format, level);
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

fn start_to(writer: Option<&LogWriter>, format: LogFormat, level: Level) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level.0));
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let form = match format {
        LogFormat::Text => LogForm::Text { is_coloured: std::io::stderr().is_terminal() && !no_colour },
        LogFormat::Json => LogForm::Json,
    };
    start_log(writer, form, filter);
}

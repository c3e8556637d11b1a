//! Log lines: text or JSON, to standard error.

use std::io::IsTerminal as _;

use clap::ValueEnum;
use doorward_server::LogWriter;
use serde::Deserialize;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::log_line::Line;
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

    fn targets(self) -> Targets {
        // A test reads each of them.
        targets(self.0).ok().flatten().unwrap_or_default()
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
    let asked = std::env::var("RUST_LOG").unwrap_or_default();
    let (targets, misread) = match targets(&asked) {
        Ok(Some(targets)) => (targets, None),
        Ok(None) => (level.targets(), None),
        Err(part) => (level.targets(), Some(part)),
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let registry = tracing_subscriber::registry().with(targets);
    let _ = match format {
        LogFormat::Text => {
            let is_wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            let line = Line { is_coloured: is_wanted && std::io::stderr().is_terminal() };
            registry.with(lines.event_format(line).fmt_fields(line)).try_init()
        }
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
    if let Some(part) = misread {
        tracing::error!(
            part,
            "RUST_LOG is passed over; expected a LEVEL or MODULE=LEVEL, several with commas between; levels are off, \
             error, warn, info, debug and trace"
        );
    }
}

/// What `RUST_LOG` asks for; nothing if it is empty, and the part that is wrong if one is.
///
/// Not an `EnvFilter`, which can also filter by spans and the values of fields, of which there are none here, and brings
/// a compiler of regular expressions along for them. The parts are looked at here, because `Targets` takes what it does
/// not understand for the name of a module.
fn targets(asked: &str) -> Result<Option<Targets>, String> {
    let parts = asked.split(',').map(str::trim).filter(|part| !part.is_empty());
    let mut targets = None::<Targets>;
    for part in parts {
        let wrong = || part.to_owned();
        let known = targets.take().unwrap_or_default();
        let (module, level) = match part.split_once('=') {
            Some((module, level)) => (Some(module), Some(level)),
            None if part.parse::<LevelFilter>().is_ok() => (None, Some(part)),
            None => (Some(part), None),
        };
        let level = match level {
            None => LevelFilter::TRACE,
            // Read as a level, this would be an error's.
            Some("") => return Err(wrong()),
            Some(level) => level.parse().map_err(|_| wrong())?,
        };
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_:-".contains(&byte);
        let is_name = |name: &str| !name.is_empty() && name.bytes().all(is_part);
        targets = Some(match module {
            None => known.with_default(level),
            Some(module) if is_name(module) => known.with_target(module, level),
            Some(_) => return Err(wrong()),
        });
    }
    Ok(targets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level_of(targets: &Targets, module: &str) -> LevelFilter {
        let levels = [tracing::Level::TRACE, tracing::Level::DEBUG, tracing::Level::INFO, tracing::Level::WARN];
        let enabled =
            levels.into_iter().chain([tracing::Level::ERROR]).find(|level| targets.would_enable(module, level));
        enabled.map_or(LevelFilter::OFF, LevelFilter::from_level)
    }

    #[test]
    fn the_more_is_asked_for_the_more_is_logged() {
        let shown = |verbose, quiet| {
            let talk = Talk { verbose, quiet };
            [Level::of_server(talk), Level::of_client(talk)].map(|level| {
                let targets = level.targets();
                ["doorward_server", "hyper", "kube_client"].map(|module| level_of(&targets, module))
            })
        };
        type Is = LevelFilter;
        assert_eq!(shown(0, false), [[Is::INFO, Is::INFO, Is::OFF], [Is::ERROR, Is::ERROR, Is::OFF]]);
        assert_eq!(shown(1, false), [[Is::DEBUG, Is::INFO, Is::INFO], [Is::WARN; 3]]);
        assert_eq!(shown(2, false), [[Is::DEBUG; 3], [Is::INFO; 3]]);
        assert_eq!(shown(3, false), [[Is::TRACE; 3], [Is::DEBUG; 3]]);
        assert_eq!(shown(4, false), [[Is::TRACE; 3], [Is::TRACE; 3]]);
        assert_eq!(shown(0, true)[0], [Is::WARN, Is::WARN, Is::OFF]);
    }

    #[test]
    fn what_is_asked_for_is_read_as_it_is_meant_or_named() {
        let levels = |asked: &str| {
            targets(asked)
                .map(|targets| targets.map(|targets| ["a::b", "hyper"].map(|module| level_of(&targets, module))))
        };
        type Is = LevelFilter;
        for (asked, expected) in [
            ("", None),
            (" , ", None),
            ("info", Some([Is::INFO; 2])),
            ("INFO,", Some([Is::INFO; 2])),
            ("warn, a=debug", Some([Is::DEBUG, Is::WARN])),
            ("a::b=off,trace", Some([Is::OFF, Is::TRACE])),
            ("a", Some([Is::TRACE, Is::OFF])),
        ] {
            assert_eq!(levels(asked), Ok(expected), "{asked}");
        }
        for wrong in ["a=", "a=loud", "=info", "[span]=debug", "a[span{x=1}]=debug", "[", "a b"] {
            assert_eq!(levels(wrong), Err(wrong.to_owned()), "{wrong}");
            assert_eq!(levels(&format!("info,{wrong}")), Err(wrong.to_owned()), "{wrong}");
        }
    }
}

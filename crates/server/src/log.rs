//! Starting the log: text or JSON, to standard error.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::log_writer::LogWriter;

/// The form of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogForm {
    /// For people.
    Text {
        /// With colours.
        is_coloured: bool,
    },
    /// One JSON object a line.
    Json,
}

/// Starts logging of what `filter` lets through. Lines go to `writer`; without one to standard error, and each is waited
/// for. A second call changes nothing.
pub fn start_log(writer: Option<&LogWriter>, form: LogForm, filter: EnvFilter) {
    match writer.cloned() {
        Some(writer) => start(move || writer.clone(), form, filter),
        None => start(std::io::stderr, form, filter),
    }
}

fn start<W>(writer: W, form: LogForm, filter: EnvFilter)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_span_events(FmtSpan::NONE)
        .with_ansi(form == LogForm::Text { is_coloured: true });
    let _ = match form {
        LogForm::Text { .. } => builder.try_init(),
        LogForm::Json => builder.json().flatten_event(true).try_init(),
    };
}

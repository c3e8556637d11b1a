//! Answers: one value, printed as a table, as JSON or as YAML, to standard output.

use std::io::{self, Write as _};

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::error::CliError;
use crate::table::Table;

/// The flag that chooses the form of an answer.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct OutputArgs {
    /// How to print the answer.
    #[arg(short, long = "output", value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) output: Format,
}

/// A form of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
    /// For files.
    Yaml,
}

/// A form of an answer that has more to say than fits a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum WideFormat {
    /// For people.
    #[default]
    Table,
    /// For people with a wide terminal: with reasons.
    Wide,
    /// For programs.
    Json,
    /// For files.
    Yaml,
}

/// A form of an answer that is a list of named things.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    /// For people.
    #[default]
    Table,
    /// For people with a wide terminal: with reasons.
    Wide,
    /// Names alone, one a line.
    Name,
    /// For programs.
    Json,
    /// For files.
    Yaml,
}

/// Prints an answer.
///
/// # Errors
/// If standard output cannot be written.
pub(crate) fn print<T: Serialize>(format: Format, answer: &T, table: impl FnOnce(&T) -> Table) -> Result<(), CliError> {
    let text = match format {
        Format::Table => table(answer).to_string(),
        Format::Json => serde_json::to_string_pretty(answer).map_err(io::Error::other)? + "\n",
        Format::Yaml => serde_saphyr::to_string(answer).map_err(io::Error::other)?,
    };
    print_text(&text)
}

/// Prints text as it is.
///
/// # Errors
/// If standard output cannot be written.
pub(crate) fn print_text(text: &str) -> Result<(), CliError> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Prints one line.
///
/// # Errors
/// If standard output cannot be written.
pub(crate) fn print_line(line: &str) -> Result<(), CliError> {
    print_text(&format!("{line}\n"))
}

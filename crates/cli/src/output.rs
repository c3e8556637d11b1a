//! Answers: one value, printed as a table, as JSON or as YAML, to standard output.

use std::io::{self, IsTerminal as _, Write as _};

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
    match format {
        Format::Table => print_text(&table(answer).to_string()),
        Format::Json => print_json(answer),
        Format::Yaml => print_text(&serde_saphyr::to_string(answer).map_err(io::Error::other)?),
    }
}

/// Written as it is made: an answer may have many times the size of what it is about.
fn print_json<T: Serialize>(answer: &T) -> Result<(), CliError> {
    let mut out = io::BufWriter::with_capacity(64 * 1024, anstream::stdout().lock());
    serde_json::to_writer_pretty(&mut out, answer).map_err(io::Error::from)?;
    out.write_all(b"\n")?;
    out.flush()?;
    Ok(())
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

/// How many columns the terminal has; none if standard output is no terminal.
pub(crate) fn terminal_width() -> Option<usize> {
    let size = std::io::stdout().is_terminal().then(terminal_size::terminal_size).flatten();
    size.map(|(width, _)| usize::from(width.0))
}

/// A text in lines of at most so many characters, broken between words; a longer word has a line for itself. Without a
/// width it is one line.
pub(crate) fn wrapped(text: &str, width: Option<usize>) -> Vec<String> {
    let Some(width) = width else { return vec![text.to_owned()] };
    let mut lines: Vec<String> = Vec::new();
    let mut length = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let word_length = word.chars().count();
        match lines.last_mut() {
            Some(line) if length + 1 + word_length <= width => {
                line.push(' ');
                line.push_str(word);
                length += 1 + word_length;
            }
            _ => {
                lines.push(word.to_owned());
                length = word_length;
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_between_words_and_no_word_is_lost() {
        assert_eq!(wrapped("aa bb cc dddddd e", Some(5)), ["aa bb", "cc", "dddddd", "e"]);
        assert_eq!(wrapped("ä ö ü", Some(3)), ["ä ö", "ü"]);
        assert_eq!(wrapped("a  b", None), ["a  b"]);
        assert_eq!(wrapped("", Some(3)), Vec::<String>::new());
        assert_eq!(wrapped("a b", Some(0)), ["a", "b"]);
    }
}

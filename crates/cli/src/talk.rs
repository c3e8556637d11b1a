//! Talk: what is said beside the answer, to standard error. Nothing is lost if nobody listens.

use std::fmt::Display;
use std::io::Write as _;

use anstyle::{AnsiColor, Style};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// How much is said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Talk {
    /// How often `-v` was given.
    pub(crate) verbose: u8,
    /// Whether `-q` was.
    pub(crate) quiet: bool,
}

impl Talk {
    /// What was done, or what to do next.
    pub(crate) fn note(self, text: impl Display) {
        if !self.quiet {
            say(text);
        }
    }

    /// Something that the user should not miss.
    pub(crate) fn warning(self, text: impl Display) {
        say(format_args!("{WARNING}warning:{WARNING:#} {text}"));
    }

    /// Why it failed.
    pub(crate) fn error(self, text: impl Display) {
        say(format_args!("{ERROR}error:{ERROR:#} {text}"));
    }
}

fn say(text: impl Display) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

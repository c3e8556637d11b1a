//! A line of the log as people read it: time, level, module, message, fields.
//!
//! Ours, because each decision of the token webhook is such a line: `tracing_subscriber` looks at its message character
//! by character and paints each name whether there is colour or not, so that the line took 12 % of the whole request and
//! takes 8 % here. And because of what stands in a line: a name that whoever knocks has chosen must neither begin a line
//! of its own nor tell a terminal anything (CVE-2025-58160), in any field. What cannot be printed is written as Rust
//! escapes it.

use std::fmt::{self, Debug, Write as _};

use anstyle::{AnsiColor, Effects, Style};
use jiff::Timestamp;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::field::{MakeVisitor, VisitFmt, VisitOutput};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Writes events and their fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    /// Whether a terminal shows it, and may show colours.
    pub(crate) is_coloured: bool,
}

const DIMMED: Style = Style::new().effects(Effects::DIMMED);

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let (name, colour) = level(*event.metadata().level());
        let module = event.metadata().target();
        if self.is_coloured {
            let colour = colour.on_default();
            write!(out, "{DIMMED}{:.6}{DIMMED:#} {colour}{name}{colour:#} ", Timestamp::now())?;
        } else {
            write!(out, "{:.6} {name} ", Timestamp::now())?;
        }
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            out.write_str(span.metadata().name())?;
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>().filter(|fields| !fields.is_empty()) {
                write!(out, "{{{fields}}}")?;
            }
            out.write_str(": ")?;
        }
        if self.is_coloured {
            write!(out, "{DIMMED}{module}:{DIMMED:#} ")?;
        } else {
            out.write_str(module)?;
            out.write_str(": ")?;
        }
        context.format_fields(out.by_ref(), event)?;
        out.write_char('\n')
    }
}

/// Five characters, so that what follows stands in a column.
fn level(level: Level) -> (&'static str, AnsiColor) {
    match level {
        Level::ERROR => ("ERROR", AnsiColor::Red),
        Level::WARN => (" WARN", AnsiColor::Yellow),
        Level::INFO => (" INFO", AnsiColor::Green),
        Level::DEBUG => ("DEBUG", AnsiColor::Blue),
        Level::TRACE => ("TRACE", AnsiColor::Magenta),
    }
}

impl<'a> MakeVisitor<Writer<'a>> for Line {
    type Visitor = Fields<'a>;

    fn make_visitor(&self, out: Writer<'a>) -> Fields<'a> {
        Fields { out, is_coloured: self.is_coloured, between: "", result: Ok(()) }
    }
}

/// Writes the message as it is, and each other field as `name=value`.
pub(crate) struct Fields<'a> {
    out: Writer<'a>,
    is_coloured: bool,
    /// What separates the next field from what stands before it.
    between: &'static str,
    result: fmt::Result,
}

impl Fields<'_> {
    fn name(&mut self, field: &Field) -> fmt::Result {
        self.out.write_str(self.between)?;
        self.between = " ";
        if field.name() == "message" {
            return Ok(());
        }
        if self.is_coloured {
            return write!(self.out, "{DIMMED}{}={DIMMED:#}", field.name());
        }
        // Not with `write!`: this is done for each field of each decision.
        self.out.write_str(field.name())?;
        self.out.write_str("=")
    }

    fn text(&mut self, field: &Field, value: &str) -> fmt::Result {
        self.name(field)?;
        if field.name() == "message" {
            return Printable(&mut self.out).write_str(value);
        }
        if is_plain(value) && !value.contains(['"', '\\']) {
            self.out.write_str("\"")?;
            self.out.write_str(value)?;
            return self.out.write_str("\"");
        }
        write!(self.out, "{value:?}")
    }

    fn debug(&mut self, field: &Field, value: &dyn Debug) -> fmt::Result {
        self.name(field)?;
        write!(Printable(&mut self.out), "{value:?}")
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.result = self.result.and_then(|()| self.text(field, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.result = self.result.and_then(|()| self.debug(field, value));
    }
}

impl VisitOutput<fmt::Result> for Fields<'_> {
    fn finish(self) -> fmt::Result {
        self.result
    }
}

impl VisitFmt for Fields<'_> {
    fn writer(&mut self) -> &mut dyn fmt::Write {
        &mut self.out
    }
}

/// Writes what cannot be printed as an escape: control characters, line breaks, marks that turn the direction of text.
struct Printable<'a, 'w>(&'a mut Writer<'w>);

impl fmt::Write for Printable<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Nearly always, and then it is copied at once.
        if is_plain(text) {
            return self.0.write_str(text);
        }
        for character in text.chars() {
            match character {
                '"' | '\'' | '\\' => self.0.write_char(character)?,
                other => write!(self.0, "{}", other.escape_debug())?,
            }
        }
        Ok(())
    }
}

/// Whether a text is nothing but ASCII that can be printed.
fn is_plain(text: &str) -> bool {
    // Without a way out before the end the compiler looks at many bytes at once.
    text.bytes().fold(true, |all, byte| all & matches!(byte, b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    /// What is logged, without the time in front of each line.
    fn logged(is_coloured: bool, log: impl FnOnce()) -> String {
        let lines = Lines::default();
        let line = Line { is_coloured };
        let subscriber = tracing_subscriber::fmt().event_format(line).fmt_fields(line).with_writer(lines.clone());
        tracing::subscriber::with_default(subscriber.finish(), log);
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let mut timeless = String::new();
        for line in text.split_inclusive('\n') {
            let time = line.find('Z').unwrap();
            let start = line[..time].find("20").unwrap();
            line[start..=time].parse::<Timestamp>().unwrap();
            assert_eq!(time - start, "2026-11-27T12:00:00.123456".len(), "{line}");
            timeless.push_str(&line[time + 1..]);
        }
        timeless
    }

    #[test]
    fn a_line_has_level_module_message_and_fields() {
        let text = logged(false, || {
            let groups = ["a", "b"];
            tracing::info!(cluster = %"demo", session = "me", count = 3, ?groups, "access granted");
            tracing::warn!("no fields");
        });
        let module = module_path!();
        assert_eq!(
            text,
            format!(
                "  INFO {module}: access granted cluster=demo session=\"me\" count=3 groups=[\"a\", \"b\"]\n  WARN {module}: no fields\n"
            )
        );
    }

    #[test]
    fn nothing_that_is_logged_begins_a_line_or_tells_a_terminal_anything() {
        let evil = "a\n\u{1b}[2J\u{9b}31m\r\u{7f}\u{7}\u{202e}\u{2028}ü\\\"";
        let escaped = r"a\n\u{1b}[2J\u{9b}31m\r\u{7f}\u{7}\u{202e}\u{2028}ü";
        let text = logged(false, || {
            let error = io::Error::other(evil);
            tracing::error!(shown = %evil, text = evil, debug = ?evil, error = &error as &dyn Error, "{evil}");
            tracing::error!(message = evil);
        });
        let quoted = format!(r#""{escaped}\\\"""#);
        let shown = format!(r#"{escaped}\""#);
        let module = module_path!();
        let first = format!(" ERROR {module}: {shown} shown={shown} text={quoted} debug={quoted} error={shown}\n");
        assert_eq!(text, format!("{first} ERROR {module}: {shown}\n"));
    }

    #[test]
    fn the_spans_around_an_event_come_before_it() {
        let text = logged(false, || {
            let span = tracing::info_span!("call", of = "\u{1b}me");
            let _inside = span.enter();
            tracing::info!("made");
        });
        assert_eq!(text, format!("  INFO call{{of=\"\\u{{1b}}me\"}}: {}: made\n", module_path!()));
    }

    #[test]
    fn a_terminal_gets_colours_and_all_of_them_end() {
        let text = logged(true, || tracing::warn!(left = 1, "soon"));
        assert!(text.contains("\u{1b}[33m WARN\u{1b}[0m"), "{text:?}");
        assert!(text.ends_with("\u{1b}[0m1\n"), "{text:?}");
        assert_eq!(
            anstream::adapter::strip_str(&text).to_string(),
            format!("  WARN {}: soon left=1\n", module_path!())
        );
    }
}

//! The table, and the rows as JSON lines.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::rows::{Row, Since};
use crate::tally::{Counts, Promise};

/// Collects what came of the rows.
pub(crate) struct Report {
    file: File,
    rows: Vec<[String; 9]>,
    failed: Vec<&'static str>,
}

/// What came of a row.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// It was tried.
    Tried {
        counts: Counts,
        /// Until every kind of request was answered rightly everywhere; none if that did not come.
        recovered: Option<Duration>,
    },
    /// It could not be tried here.
    NotTried(String),
    /// Something went wrong that should not.
    Failed(String),
}

impl Report {
    /// With the rows in a file.
    ///
    /// # Errors
    /// If it cannot be made.
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(Self { file, rows: Vec::new(), failed: Vec::new() })
    }

    /// Takes up a row.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn row(&mut self, row: &Row, outcome: &Outcome) -> anyhow::Result<()> {
        writeln!(self.file, "{}", as_json(row, outcome))?;
        let is_kept = is_kept(row, outcome);
        if !is_kept {
            self.failed.push(row.name);
        }
        self.rows.push(cells(row, outcome));
        if let (false, Outcome::Tried { counts, .. }) = (is_kept, outcome) {
            for remark in &counts.remarks {
                eprintln!("chaos:   {remark}");
            }
        }
        Ok(())
    }

    /// Prints the table; whether every row is as promised.
    ///
    /// # Errors
    /// If standard output is closed.
    pub(crate) fn print(&self) -> anyhow::Result<bool> {
        let mut table = comfy_table::Table::new();
        table.load_preset(comfy_table::presets::NOTHING);
        table.set_header([
            "ROW",
            "WHAT WAS TRIED",
            "REQUESTS",
            "REFUSED WRONGLY",
            "PUT OFF",
            "ALLOWED WRONGLY",
            "LOST OF ACKNOWLEDGED",
            "LONGEST WAIT",
            "RECOVERED AFTER",
        ]);
        table.add_rows(&self.rows);
        let mut out = std::io::stdout();
        for line in table.lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
        match self.failed.as_slice() {
            _ if self.rows.is_empty() => writeln!(out, "\nno row was tried")?,
            [] => writeln!(out, "\nevery row is as promised")?,
            failed => writeln!(out, "\nnot as promised: {}", failed.join(", "))?,
        }
        Ok(self.failed.is_empty() && !self.rows.is_empty())
    }
}

fn is_kept(row: &Row, outcome: &Outcome) -> bool {
    match outcome {
        // A row in which nothing was asked would prove nothing.
        Outcome::Tried { counts, recovered } => counts.requests > 0 && recovered.is_some() && counts.keep(row.promise),
        Outcome::NotTried(_) => true,
        Outcome::Failed(_) => false,
    }
}

fn cells(row: &Row, outcome: &Outcome) -> [String; 9] {
    let (name, tried) = (row.name.to_owned(), row.tried.to_owned());
    let (counts, recovered) = match outcome {
        Outcome::Tried { counts, recovered } => (counts, recovered),
        Outcome::NotTried(reason) => return without_figures(name, format!("not tried: {reason}")),
        Outcome::Failed(reason) => return without_figures(name, format!("failed: {reason}")),
    };
    let refused = match row.promise {
        Promise::Nothing => format!("({})", counts.refused_wrongly + counts.put_off),
        promise => counts.refused_against(promise).to_string(),
    };
    let since = match row.since {
        Since::Beginning => "its beginning",
        Since::End => "its end",
    };
    [
        name,
        tried,
        counts.requests.to_string(),
        refused,
        counts.put_off.to_string(),
        counts.allowed_wrongly.to_string(),
        format!("{} of {}", counts.lost, counts.acknowledged),
        format!("{:.2} s ({})", counts.longest.as_secs_f64(), counts.longest_of),
        recovered
            .map_or_else(|| "not recovered".to_owned(), |took| format!("{:.2} s from {since}", took.as_secs_f64())),
    ]
}

fn without_figures(name: String, what: String) -> [String; 9] {
    let mut cells: [String; 9] = Default::default();
    let [first, second, ..] = &mut cells;
    (*first, *second) = (name, what);
    cells
}

fn as_json(row: &Row, outcome: &Outcome) -> Value {
    match outcome {
        Outcome::NotTried(reason) => json!({ "row": row.name, "tried": row.tried, "notTried": reason }),
        Outcome::Failed(reason) => json!({ "row": row.name, "tried": row.tried, "failed": reason, "kept": false }),
        Outcome::Tried { counts, recovered } => json!({
            "row": row.name,
            "tried": row.tried,
            "promise": format!("{:?}", row.promise),
            "requests": counts.requests,
            "answeredByTheSecond": counts.retried,
            "refusedWrongly": counts.refused_against(row.promise),
            "notAnswered": counts.refused_wrongly,
            "putOff": counts.put_off,
            "allowedWrongly": counts.allowed_wrongly,
            "acknowledged": counts.acknowledged,
            "lost": counts.lost,
            "longestSeconds": counts.longest.as_secs_f64(),
            "longestOf": counts.longest_of,
            "recoveredSeconds": recovered.map(|took| took.as_secs_f64()),
            "since": format!("{:?}", row.since),
            "kept": is_kept(row, outcome),
            "remarks": counts.remarks,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::ROWS;

    fn tried(counts: Counts, recovered: Option<Duration>) -> Outcome {
        Outcome::Tried { counts, recovered }
    }

    #[test]
    fn a_row_that_asked_nothing_or_did_not_recover_is_not_as_promised() {
        let row = &ROWS[0];
        let asked = Counts { requests: 10, ..Counts::default() };
        assert!(is_kept(row, &tried(asked.clone(), Some(Duration::ZERO))));
        assert!(!is_kept(row, &tried(asked, None)));
        assert!(!is_kept(row, &tried(Counts::default(), Some(Duration::ZERO))));
    }

    #[test]
    fn what_is_refused_while_nothing_is_promised_stands_in_brackets() {
        let row = Row { promise: Promise::Nothing, since: Since::End, ..ROWS[0] };
        let counts = Counts { requests: 5, refused_wrongly: 2, put_off: 1, acknowledged: 1, ..Counts::default() };
        let [.., refused, put_off, allowed, lost, _, recovered] =
            cells(&row, &tried(counts, Some(Duration::from_millis(1500))));
        assert_eq!([refused, put_off, allowed, lost], ["(3)", "1", "0", "0 of 1"]);
        assert_eq!(recovered, "1.50 s from its end");
    }
}

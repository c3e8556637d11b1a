//! The table, and the raw rows: one JSON object a line for every measurement of every round.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde_json::json;

/// Collects what is measured.
pub(crate) struct Report {
    raw: File,
    rows: Vec<[String; 5]>,
    failed: usize,
    loaded: String,
}

/// A target.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

/// Some rounds' values of one thing.
pub(crate) struct Rounds {
    sorted: Vec<f64>,
}

impl Rounds {
    /// Of these values.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        Self { sorted }
    }

    /// The middle one; of an even number the upper of the two. Not a number if there is none.
    pub(crate) fn median(&self) -> f64 {
        self.sorted.get(self.sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// Median, and in brackets the smallest and the largest.
    pub(crate) fn spread(&self, unit: &str) -> String {
        let [Some(low), Some(high)] = [self.sorted.first(), self.sorted.last()] else { return "none".to_owned() };
        let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
        format!("{}{unit} ({} to {})", short(self.median()), short(*low), short(*high))
    }
}

/// Three digits that count.
pub(crate) fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

impl Report {
    /// With raw rows in a file.
    ///
    /// # Errors
    /// If it cannot be made.
    pub(crate) fn create(path: &Path, loaded: String) -> anyhow::Result<Self> {
        let raw = File::create(path).with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(Self { raw, rows: Vec::new(), failed: 0, loaded })
    }

    /// Keeps one measurement of one round.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn raw(&mut self, what: &str, round: usize, values: &serde_json::Value) -> anyhow::Result<()> {
        let row = json!({ "what": what, "round": round, "values": values });
        Ok(writeln!(self.raw, "{row}")?)
    }

    /// A row of the table that has a target. `detail` says what it was made of.
    /// None where `BENCH_ONLY` left its rounds out.
    pub(crate) fn row(&mut self, what: &str, target: Target, rounds: &Rounds, unit: &str, detail: String) {
        if rounds.sorted.is_empty() {
            return;
        }
        let median = rounds.median();
        let (text, is_met) = match target {
            Target::AtLeast(limit) => (format!("≥ {}", short(limit)), median >= limit),
            Target::AtMost(limit) => (format!("≤ {}", short(limit)), median <= limit),
        };
        let unit_of_target = if unit.is_empty() { String::new() } else { format!(" {unit}") };
        let met = if is_met { "met" } else { "not met" };
        self.rows.push([what.to_owned(), text + &unit_of_target, rounds.spread(unit), met.to_owned(), detail]);
    }

    /// A row that is told and not judged.
    pub(crate) fn told(&mut self, what: String, figure: String) {
        self.rows.push([what, String::new(), figure, String::new(), String::new()]);
    }

    /// A row without a figure.
    pub(crate) fn not_measured(&mut self, what: &str, target: &str, reason: &str) {
        self.rows.push([
            what.to_owned(),
            target.to_owned(),
            "not measured".to_owned(),
            String::new(),
            reason.to_owned(),
        ]);
    }

    /// Takes a part that failed into the table, so that the others are not lost.
    pub(crate) fn keep(&mut self, part: &str, measured: anyhow::Result<()>) {
        if let Err(error) = measured {
            self.failed += 1;
            let row = [part, "", "failed", "", &format!("{error:#}")];
            self.rows.push(row.map(str::to_owned));
        }
    }

    /// Prints the table.
    ///
    /// # Errors
    /// If standard output is closed, or a part failed.
    pub(crate) fn print(&self) -> anyhow::Result<()> {
        let mut table = comfy_table::Table::new();
        table.load_preset(comfy_table::presets::NOTHING);
        table.set_header(["WHAT", "TARGET", "MEDIAN (SMALLEST TO LARGEST ROUND)", "", "FROM"]);
        table.add_rows(&self.rows);
        let mut out = std::io::stdout();
        for line in table.lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
        writeln!(out, "\nload average when it began: {}", self.loaded)?;
        anyhow::ensure!(self.failed == 0, "{} of the parts failed: see the table", self.failed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_the_median_with_the_smallest_and_the_largest() {
        assert_eq!(Rounds::of([3.0, 1.0, 2.0]).spread("µs"), "2.00 µs (1.00 to 3.00)");
        assert!(Rounds::of([]).median().is_nan());
    }
}

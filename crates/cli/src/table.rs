//! The one table printer: columns aligned, no borders, as wide as the terminal and no wider.

use std::fmt;
use std::io::IsTerminal as _;

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Row};

/// Rows under headings.
pub(crate) struct Table {
    table: comfy_table::Table,
    columns: usize,
}

impl Table {
    /// A table without rows. Headings are in upper case, as kubectl's are.
    pub(crate) fn new<const N: usize>(headings: [&str; N]) -> Self {
        Self::of(&headings)
    }

    /// The same with as many headings as it turns out to need.
    pub(crate) fn of(headings: &[&str]) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_preset(NOTHING).set_header(headings.iter().copied());
        match std::io::stdout().is_terminal().then(terminal_size::terminal_size).flatten() {
            Some((width, _)) => {
                table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width.0);
            }
            // In a pipe, a line is a row.
            None => {
                table.set_content_arrangement(ContentArrangement::Disabled);
            }
        }
        Self { table, columns: headings.len() }
    }

    /// Adds a row. Control characters do not reach the terminal.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let visible = |cell: String| cell.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
        self.table.add_row(Row::from(cells.into_iter().map(visible).take(self.columns).collect::<Vec<_>>()));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = self.table.clone();
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        for line in table.lines() {
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_nothing_trails() {
        let mut table = Table::new(["NAME", "MODE"]);
        table.row(["a".to_owned(), "API".to_owned()]);
        table.row(["a-longer-one".to_owned(), "\u{1b}[31mX".to_owned()]);
        assert_eq!(table.to_string(), "NAME          MODE\na             API\na-longer-one   [31mX\n");
    }

    #[test]
    fn a_table_without_rows_has_its_headings() {
        assert_eq!(Table::new(["NAME", "MODE"]).to_string(), "NAME  MODE\n");
    }
}

//! Where the rows of a section stand in its text, line by line, for edits that leave the rest alone.
//!
//! Only the block form (`- ` at one column, rows on lines of their own) can be edited so. What is told here is a good
//! guess and no more: whoever edits by it reads the result again.

use super::parse::is_blank;
use super::yaml::{self, Node, Value};

/// How a section is laid out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// There is no row. The text without its `[]` or `null`: comments, or nothing.
    Empty { rest: String },
    /// Rows in block form.
    Block {
        /// Spaces before each `-`.
        indent: usize,
        /// First and last line of each row, from 0. Comments between rows belong to none.
        rows: Vec<(usize, usize)>,
    },
    /// Something else: rows in brackets, JSON, more than one row on a line.
    Other,
}

/// Finds the rows of a section's text.
pub(super) fn layout(text: &str) -> Layout {
    if is_blank(text) {
        return Layout::Empty { rest: String::new() };
    }
    let Ok(root) = yaml::parse(text) else {
        return Layout::Other;
    };
    match &root.value {
        Value::Sequence { items, is_block: true } => block(text, &root, items).unwrap_or(Layout::Other),
        Value::Sequence { items, .. } if items.is_empty() => empty(text, &root),
        _ if root.is_null() => empty(text, &root),
        _ => Layout::Other,
    }
}

/// The lines of a text, their ends included. A lone carriage return ends a line for YAML, and here none: such texts
/// are not edited line by line.
pub(super) fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

fn empty(text: &str, root: &Node) -> Layout {
    let content = text.get(root.start..root.end).unwrap_or_default().trim_end();
    let before = text.get(..root.start).unwrap_or_default();
    let after = text.get(root.start + content.len()..).unwrap_or_default();
    if content.is_empty() {
        return Layout::Empty { rest: text.to_owned() };
    }
    let begins_its_line = before.rsplit('\n').next().unwrap_or_default().trim().is_empty();
    let (tail, after) = after.split_once('\n').unwrap_or((after, ""));
    if !begins_its_line || !tail.trim().is_empty() || content.contains('#') {
        return Layout::Other;
    }
    Layout::Empty { rest: format!("{}{after}", before.trim_end_matches([' ', '\t'])) }
}

fn block(text: &str, root: &Node, items: &[Node]) -> Option<Layout> {
    let lines = lines(text);
    let line_starts: Vec<usize> = lines
        .iter()
        .scan(0, |at, line| {
            let start = *at;
            *at += line.len();
            Some(start)
        })
        .collect();
    let line_of = |byte: usize| line_starts.partition_point(|start| *start <= byte).saturating_sub(1);
    let first = line_of(root.start);
    let indent = root.start.checked_sub(*line_starts.get(first)?)?;
    let mut rows = Vec::with_capacity(items.len());
    let mut next = first;
    for item in items {
        let dash = (next..lines.len()).find(|at| lines.get(*at).is_some_and(|line| !is_comment_or_blank(line)))?;
        if !begins_a_row(lines.get(dash)?, indent) {
            return None;
        }
        let last = last_byte(item, text).map_or(dash, line_of);
        if last < dash {
            return None;
        }
        rows.push((dash, last));
        next = last + 1;
    }
    Some(Layout::Block { indent, rows })
}

fn is_comment_or_blank(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

fn begins_a_row(line: &str, indent: usize) -> bool {
    let (before, rest) = line.split_at_checked(indent).unwrap_or((line, ""));
    before.bytes().all(|byte| byte == b' ')
        && rest.strip_prefix('-').is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
}

/// The last byte of a node that is no white space; none where nothing stands.
fn last_byte(node: &Node, text: &str) -> Option<usize> {
    let own = || {
        let content = text.get(node.start..node.end)?.trim_end();
        (node.start + content.len()).checked_sub(1).filter(|_| !content.is_empty())
    };
    match &node.value {
        _ if node.is_alias => own(),
        Value::Sequence { items, is_block: true } => items.iter().filter_map(|item| last_byte(item, text)).max(),
        Value::Mapping { pairs, is_block: true } => {
            pairs.iter().flat_map(|(key, value)| [last_byte(key, text), last_byte(value, text)]).flatten().max()
        }
        _ => own(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_with_the_lines_that_they_take() {
        let text = "# head\n  - a: b\n    c:\n    - d  # why\n    # inside, at its end\n\n  # of the next\n  -\n  - |\n    x\n\n  - {a: b,\n  c: d}\n# tail\n";
        let rows = vec![(1, 3), (7, 7), (8, 9), (11, 12)];
        assert_eq!(layout(text), Layout::Block { indent: 2, rows });
    }

    #[test]
    fn what_has_no_rows_keeps_its_comments() {
        for (text, rest) in [
            ("", ""),
            (" ``\n", ""),
            ("[]\n", ""),
            ("null", ""),
            ("# a\n  [ ]  \n# b\n", "# a\n# b\n"),
            ("# a\n", "# a\n"),
            ("---\n", "---\n"),
        ] {
            assert_eq!(layout(text), Layout::Empty { rest: rest.to_owned() }, "{text:?}");
        }
    }

    #[test]
    fn what_cannot_be_edited_by_lines_says_so() {
        for text in ["[{a: b}]", "[] # c", "--- []", "{}", "- a\r- b\r", "- \"a", "[{\"a\":1}]", "&x []"] {
            assert_eq!(layout(text), Layout::Other, "{text:?}");
        }
    }
}

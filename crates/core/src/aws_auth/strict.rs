//! What a reader of YAML 1.1 refuses and one of YAML 1.2 takes: tabs before the first word of a line, and question marks
//! within words in brackets.
//!
//! Source: YAML 1.1, sections 4.1.1 (indentation is of spaces) and 4.6.7 (`?` is an indicator within flow collections),
//! as libyaml and its descendants check them.

use super::Place;
use super::parse::RowProblem;
use super::problem::ProblemKind;
use super::yaml::{Node, Value};

/// Checks the text of a document, as far as `end`, a byte.
pub(super) fn check(text: &str, root: &Node, end: usize) -> Result<(), RowProblem> {
    let mut quiet = Vec::new();
    collect(root, text, false, &mut quiet)?;
    quiet.sort_unstable();
    let mut quiet = quiet.into_iter().peekable();
    let (mut at, mut line_number) = (0, 0);
    for line in text.split_inclusive('\n') {
        line_number += 1;
        if at >= end {
            break;
        }
        if line.starts_with("...") {
            // The end of a document that has not begun is an error.
            let place = Place { line: line_number, column: 1 };
            let message = "a document ends here, and none has begun".to_owned();
            return if at < root.start { Err((ProblemKind::Syntax { message }, place)) } else { Ok(()) };
        }
        while quiet.next_if(|(_, end)| *end <= at).is_some() {}
        let is_within = quiet.peek().is_some_and(|(start, _)| *start < at);
        if let Some(column) = tab_before_words(line).filter(|column| !is_within || *column == 1) {
            let is_flow =
                is_within && quiet.peek().is_some_and(|(start, _)| text.get(*start..).is_some_and(is_lenient));
            if !is_flow {
                let message = "a tab cannot indent".to_owned();
                return Err((ProblemKind::Syntax { message }, Place { line: line_number, column }));
            }
        }
        at += line.len();
    }
    Ok(())
}

/// Brackets and quotes, within which tabs are white space.
fn is_lenient(text: &str) -> bool {
    text.starts_with(['[', '{', '"', '\''])
}

/// The spans, in bytes, of scalars and of collections in brackets; none within another.
fn collect(node: &Node, text: &str, is_flow: bool, spans: &mut Vec<(usize, usize)>) -> Result<(), RowProblem> {
    let is_block = match &node.value {
        _ if node.is_alias => false,
        Value::Scalar { .. } => {
            let source = text.get(node.start..node.end).unwrap_or_default();
            let is_plain = !source.starts_with(['"', '\'', '!', '&']);
            if is_flow && is_plain && source.get(1..).is_some_and(|rest| rest.contains('?')) {
                let message = "a `?` cannot stand in brackets without quotes".to_owned();
                return Err((ProblemKind::Syntax { message }, node.place()));
            }
            false
        }
        Value::Sequence { is_block, .. } | Value::Mapping { is_block, .. } => *is_block,
    };
    if !is_flow && !is_block {
        spans.push((node.start, node.end));
    }
    let is_flow = is_flow || !is_block;
    match &node.value {
        _ if node.is_alias => Ok(()),
        Value::Scalar { .. } => Ok(()),
        Value::Sequence { items, .. } => items.iter().try_for_each(|item| collect(item, text, is_flow, spans)),
        Value::Mapping { pairs, .. } => pairs.iter().try_for_each(|(key, value)| {
            collect(key, text, is_flow, spans)?;
            collect(value, text, is_flow, spans)
        }),
    }
}

/// The column of a tab that stands before the first word of a line, behind a dash included.
fn tab_before_words(line: &str) -> Option<usize> {
    let mut rest = line;
    loop {
        rest = rest.trim_start_matches(' ');
        if rest.starts_with('\t') {
            return Some(line.len() - rest.len() + 1);
        }
        rest = rest.strip_prefix(['-', '?']).filter(|rest| rest.starts_with([' ', '\t']))?;
    }
}

#[cfg(test)]
mod tests {
    use super::super::yaml::parse;
    use super::*;

    fn place(text: &str) -> Option<Place> {
        check(text, &parse(text).unwrap(), text.len()).err().map(|(_, place)| place)
    }

    #[test]
    fn a_tab_may_stand_behind_the_first_word_only() {
        for (text, line, column) in
            [("- a: b\n\t\n", 2, 1), ("\t# c\n- a\n", 1, 1), ("-\ta\n", 1, 2), ("- a\n- -\tb\n", 2, 4)]
        {
            assert_eq!(place(text), Some(Place { line, column }), "{text:?}");
        }
        for text in ["- a:\tb\n", "- [a,\n\tb]\n", "- \"a\n\tb\"\n", "- a\t# c\n", "- |\n  a\n  \tb\n"] {
            assert_eq!(place(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_document_must_begin_before_it_ends() {
        assert_eq!(place("...\n- a\n"), Some(Place::START));
        assert_eq!(place("- a\n...\n\t\n"), None);
    }

    #[test]
    fn a_question_mark_within_a_word_in_brackets_needs_quotes() {
        assert!(place("- [a?b]\n").is_some());
        assert!(place("- {a: b?}\n").is_some());
        for text in ["- a?b\n", "- ['a?b']\n", "- [\"a?\"]\n"] {
            assert_eq!(place(text), None, "{text:?}");
        }
    }
}

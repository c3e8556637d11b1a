//! The YAML of a section as a tree that keeps what decoding into types throws away: the text of every scalar, where
//! each node stands, and keys that occur twice.
//!
//! AWS's authenticator reads YAML 1.1: `yes` is a truth value and `012` a number, where YAML 1.2 sees text or another
//! number. The kind of a plain scalar is therefore decided here by the rules of 1.1, or a username would mean one thing
//! on EKS and another here. Input is hostile: size, depth and what aliases may unfold to are bounded.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, StructureStyle, Tag};

use super::Place;
use crate::arn::printable;

/// Kubernetes stores no ConfigMap above 1 MiB.
const MAX_BYTES: usize = 1 << 20;
/// A row needs three levels.
const MAX_DEPTH: usize = 64;
/// What all anchors and aliases together may copy, in bytes, near enough.
const MAX_COPIED: usize = 4 << 20;

/// A value and its place in the text.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Line, from 1.
    pub(super) line: usize,
    /// Column, in characters, from 1.
    pub(super) column: usize,
    /// Byte where it begins.
    pub(super) start: usize,
    /// Byte behind its end; for a block collection whatever the parser says, which is not its last line.
    pub(super) end: usize,
    /// Whether an alias stands here, and the value elsewhere.
    pub(super) is_alias: bool,
    pub(super) value: Value,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Scalar { text: String, kind: ScalarKind },
    Sequence { items: Vec<Node>, is_block: bool },
    Mapping { pairs: Vec<(Node, Node)>, is_block: bool },
}

/// What YAML 1.1 takes a scalar for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScalarKind {
    Null,
    Bool,
    Number,
    Text,
    /// It has a tag of YAML's own, such as `!!int`.
    Other,
    /// It has somebody's tag, such as `!secret`.
    Foreign,
}

impl Node {
    /// Where it begins.
    pub(super) fn place(&self) -> Place {
        Place { line: self.line, column: self.column }
    }

    /// Whether nothing stands here, or `null`, or `~`.
    pub(super) fn is_null(&self) -> bool {
        matches!(self.value, Value::Scalar { kind: ScalarKind::Null, .. })
    }

    /// The text, if it is text.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, kind: ScalarKind::Text } => Some(text),
            _ => None,
        }
    }

    /// What it is, for a message.
    pub(super) fn describe(&self) -> String {
        match &self.value {
            Value::Scalar { kind: ScalarKind::Null, .. } => "nothing".to_owned(),
            Value::Scalar { kind: ScalarKind::Bool, text } => format!("the truth value `{}`", printable(text)),
            Value::Scalar { kind: ScalarKind::Number, text } => format!("the number `{}`", printable(text)),
            Value::Scalar { kind: ScalarKind::Text, text } => format!("the text `{}`", printable(text)),
            Value::Scalar { kind: ScalarKind::Other | ScalarKind::Foreign, text } => {
                format!("the tagged value `{}`", printable(text))
            }
            Value::Sequence { .. } => "a list".to_owned(),
            Value::Mapping { .. } => "a mapping".to_owned(),
        }
    }

    /// About how many bytes a copy takes.
    fn weight(&self) -> usize {
        let inner = match &self.value {
            Value::Scalar { text, .. } => text.len(),
            Value::Sequence { items, .. } => items.iter().map(Self::weight).sum(),
            Value::Mapping { pairs, .. } => pairs.iter().map(|(key, value)| key.weight() + value.weight()).sum(),
        };
        inner + size_of::<Self>()
    }
}

/// Why a text is not taken for YAML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct YamlError {
    /// Line, from 1.
    pub(super) line: usize,
    /// Column, in characters, from 1.
    pub(super) column: usize,
    pub(super) kind: YamlErrorKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum YamlErrorKind {
    Syntax(String),
    TooLarge,
    Aliases,
    Documents,
}

/// Reads the only document. A text without any is a null.
pub(super) fn parse(text: &str) -> Result<Node, YamlError> {
    match parse_first(text)? {
        First { rest: None, root } => Ok(root),
        First { rest: Some(Ok(line)), .. } => Err(YamlError { line, column: 1, kind: YamlErrorKind::Documents }),
        First { rest: Some(Err(error)), .. } => Err(error),
    }
}

/// The first document of a text.
pub(super) struct First {
    /// What it holds; a null where there is none.
    pub(super) root: Node,
    /// What follows it: the line where another document begins, or why none does.
    pub(super) rest: Option<Result<usize, YamlError>>,
}

/// Reads the first document, whatever follows it.
pub(super) fn parse_first(text: &str) -> Result<First, YamlError> {
    check_characters(text)?;
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut reader =
        Reader { events: Parser::new_from_str_with_options(text, options), anchors: HashMap::new(), copied: 0 };
    let mut root = None;
    let mut rest = None;
    loop {
        match reader.next() {
            Ok(None) => break,
            Ok(Some((Event::DocumentStart(..), span))) if root.is_some() => {
                rest = Some(Ok(span.start.line()));
                break;
            }
            Ok(Some((event, span))) if event.is_node() => root = Some(reader.node(event, span)?),
            Ok(Some(_)) => {}
            Err(error) if root.is_some() => {
                rest = Some(Err(error));
                break;
            }
            Err(error) => return Err(error),
        }
    }
    let root = root.unwrap_or_else(|| Node::null(text.len()));
    match indentation(text, &root) {
        // The parser takes it for white space in the first line, though nowhere else.
        Some(before) if before.contains('\t') => {
            Err(YamlError { line: root.line, column: 1, kind: YamlErrorKind::Syntax("a tab cannot indent".to_owned()) })
        }
        _ => Ok(First { root, rest }),
    }
}

/// What stands before a node in its line.
fn indentation<'t>(text: &'t str, node: &Node) -> Option<&'t str> {
    text.get(..node.start)?.rsplit(['\n', '\r']).next()
}

/// Refuses what a reader of YAML 1.1 refuses, and the line breaks that it sees where one of YAML 1.2 sees text.
fn check_characters(text: &str) -> Result<(), YamlError> {
    if text.len() > MAX_BYTES {
        return Err(YamlError { line: 1, column: 1, kind: YamlErrorKind::TooLarge });
    }
    let (mut line, mut column) = (1, 0);
    for c in text.chars() {
        column += 1;
        let is_allowed = match c {
            '\n' => {
                line += 1;
                column = 0;
                true
            }
            '\t' | '\r' | ' '..='~' => true,
            '\u{2028}' | '\u{2029}' | '\u{FFFE}' | '\u{FFFF}' => false,
            _ => c >= '\u{A0}',
        };
        if !is_allowed {
            let message = format!("the character U+{:04X} cannot stand here", u32::from(c));
            return Err(YamlError { line, column, kind: YamlErrorKind::Syntax(message) });
        }
    }
    Ok(())
}

impl Node {
    fn null(at: usize) -> Self {
        let value = Value::Scalar { text: String::new(), kind: ScalarKind::Null };
        Self { line: 1, column: 1, start: at, end: at, is_alias: false, value }
    }
}

struct Reader<'t> {
    events: Parser<'t, granit_parser::StrInput<'t>>,
    anchors: HashMap<usize, Node>,
    copied: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<Option<(Event<'t>, Span)>, YamlError> {
        self.events.next().transpose().map_err(|error| syntax(&error))
    }

    /// Reads the node that begins with this event. Recursion is bounded by the parser's own limits of depth.
    fn node(&mut self, event: Event<'t>, span: Span) -> Result<Node, YamlError> {
        let line = span.start.line();
        let (mut end, mut is_alias) = (span.end, false);
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let kind = scalar_kind(&text, style, tag.as_deref());
                (Value::Scalar { text: text.into_owned(), kind }, anchor)
            }
            Event::SequenceStart(style, anchor, _) => {
                let mut items = Vec::new();
                loop {
                    match self.within(line)? {
                        (Event::SequenceEnd, span) => break end = span.end,
                        (event, span) => items.push(self.node(event, span)?),
                    }
                }
                (Value::Sequence { items, is_block: style == StructureStyle::Block }, anchor)
            }
            Event::MappingStart(style, anchor, _) => {
                let mut pairs = Vec::new();
                loop {
                    let key = match self.within(line)? {
                        (Event::MappingEnd, span) => break end = span.end,
                        (event, span) => self.node(event, span)?,
                    };
                    let (event, span) = self.within(line)?;
                    pairs.push((key, self.node(event, span)?));
                }
                (Value::Mapping { pairs, is_block: style == StructureStyle::Block }, anchor)
            }
            Event::Alias(id) => {
                is_alias = true;
                let target = self.anchors.get(&id).cloned();
                let target = target.ok_or(YamlError { line, column: 1, kind: YamlErrorKind::Aliases })?;
                self.charge(&target, line)?;
                (target.value, 0)
            }
            _ => return Err(YamlError { line, column: 1, kind: YamlErrorKind::Syntax("unexpected end".to_owned()) }),
        };
        let offset = |marker: granit_parser::Marker| marker.byte_offset().unwrap_or_default();
        let column = span.start.col() + 1;
        let node = Node { line, column, start: offset(span.start), end: offset(end), is_alias, value };
        if anchor != 0 {
            self.charge(&node, line)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    /// The next event, inside a collection that began at `line`.
    fn within(&mut self, line: usize) -> Result<(Event<'t>, Span), YamlError> {
        self.next()?.ok_or_else(|| YamlError {
            line,
            column: 1,
            kind: YamlErrorKind::Syntax("unexpected end".to_owned()),
        })
    }

    fn charge(&mut self, copy: &Node, line: usize) -> Result<(), YamlError> {
        self.copied = self.copied.saturating_add(copy.weight());
        if self.copied > MAX_COPIED { Err(YamlError { line, column: 1, kind: YamlErrorKind::Aliases }) } else { Ok(()) }
    }
}

fn syntax(error: &ScanError) -> YamlError {
    let (line, column) = (error.marker().line().max(1), error.marker().col() + 1);
    YamlError { line, column, kind: YamlErrorKind::Syntax(printable(&error.info())) }
}

/// What YAML 1.1 takes a scalar for, with its style and tag.
fn scalar_kind(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> ScalarKind {
    match tag {
        None if style == ScalarStyle::Plain => plain_kind(text),
        None => ScalarKind::Text,
        Some(tag) if tag.is_yaml_core_schema_tag("str") || tag.original() == "!" => ScalarKind::Text,
        Some(tag) if tag.is_yaml_core_schema() => ScalarKind::Other,
        Some(_) => ScalarKind::Foreign,
    }
}

/// What YAML 1.1 takes a plain scalar for. Source: yaml.org, the types null, bool, int and float of YAML 1.1; and
/// without the times and sexagesimal numbers, which the authenticator's reader leaves as text.
pub(super) fn plain_kind(text: &str) -> ScalarKind {
    const NULLS: [&str; 5] = ["", "~", "null", "Null", "NULL"];
    const BOOLS: [&str; 8] = ["y", "n", "yes", "no", "true", "false", "on", "off"];
    if NULLS.contains(&text) {
        return ScalarKind::Null;
    }
    let is_cased_as_one_word = |word: &str| {
        let rest = word.get(1..).unwrap_or_default();
        rest.bytes().all(|byte| byte.is_ascii_lowercase()) || word.bytes().all(|byte| byte.is_ascii_uppercase())
    };
    if BOOLS.iter().any(|word| word.eq_ignore_ascii_case(text)) && is_cased_as_one_word(text) {
        return ScalarKind::Bool;
    }
    if is_number(text) { ScalarKind::Number } else { ScalarKind::Text }
}

fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let digits: String = unsigned.chars().filter(|c| *c != '_').collect();
    let all = |digits: &str, radix| !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    for (prefix, radix) in [("0x", 16), ("0X", 16), ("0o", 8), ("0O", 8), ("0b", 2), ("0B", 2)] {
        if let Some(digits) = digits.strip_prefix(prefix) {
            return all(digits, radix);
        }
    }
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (digits.as_str(), None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_mantissa = match (whole, fraction) {
        ("", fraction) => all(fraction, 10),
        (whole, "") => all(whole, 10),
        (whole, fraction) => all(whole, 10) && all(fraction, 10),
    };
    is_mantissa && exponent.is_none_or(|exponent| all(exponent, 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_are_what_yaml_1_1_takes_them_for() {
        for (kind, texts) in [
            (ScalarKind::Null, vec!["", "~", "null", "Null", "NULL"]),
            (ScalarKind::Bool, vec!["yes", "No", "ON", "off", "y", "N", "true", "FALSE"]),
            (
                ScalarKind::Number,
                vec![
                    "1", "-1", "+1", "012", "0x1F", "0b1", "0o7", "1.5", ".5", "5.", "1e3", "1_000", ".inf", "-.INF",
                    ".nan",
                ],
            ),
            (
                ScalarKind::Text,
                vec!["nULL", "yEs", "tRUE", "1a", "e3", ".", "-", "+", "0x", "1.2.3", "1:30", "2001-01-01", "1e", "_"],
            ),
        ] {
            for text in texts {
                assert_eq!(plain_kind(text), kind, "{text}");
            }
        }
    }

    #[test]
    fn every_node_knows_its_place_and_keeps_its_text() {
        let node = parse("# c\n- a: 012\n- \"é\"\n- [x,\n y]\n").unwrap();
        let Value::Sequence { items, is_block: true } = node.value else { panic!() };
        assert_eq!(items.iter().map(|item| item.line).collect::<Vec<_>>(), [2, 3, 4]);
        let Value::Mapping { pairs, .. } = &items[0].value else { panic!() };
        let Value::Scalar { text, kind } = &pairs[0].1.value else { panic!() };
        assert_eq!((text.as_str(), *kind), ("012", ScalarKind::Number));
        assert_eq!(items[1].text(), Some("é"));
        assert_eq!(items[2].end, "# c\n- a: 012\n- \"é\"\n- [x,\n y]".len());
    }

    #[test]
    fn aliases_cannot_unfold_without_bound() {
        let mut laughs = "- &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
        for level in 1..12 {
            let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
            laughs.push_str(&format!("- &a{level} [{aliases}]\n"));
        }
        assert_eq!(parse(&laughs).unwrap_err().kind, YamlErrorKind::Aliases);
        assert_eq!(parse("&a [*a]").unwrap_err().kind, YamlErrorKind::Aliases);
        assert!(parse("[*a]").is_err());
        let big = "x".repeat(500_000);
        assert_eq!(parse(&format!("- &a {big}\n- [{}]", "*a,".repeat(1000))).unwrap_err().kind, YamlErrorKind::Aliases);
        let mut nested = String::new();
        for level in 0..60 {
            nested.push_str(&format!("&n{level} ["));
        }
        nested.push_str(&"a,".repeat(100_000));
        nested.push_str(&"]".repeat(60));
        assert_eq!(parse(&nested).unwrap_err().kind, YamlErrorKind::Aliases);
    }

    #[test]
    fn what_a_reader_of_yaml_1_1_would_read_otherwise_is_refused() {
        for text in ["\t- a", "- a\u{85}- b", "- a\u{2028}- b", "- a # \u{2029}", "- \u{0}", "- a\u{7f}", "- \u{1b}[0m"]
        {
            assert!(matches!(parse(text).unwrap_err().kind, YamlErrorKind::Syntax(_)), "{text:?}");
        }
        assert!(parse("- \"\\u2028\\t\"\n- é\r\n- \u{1F600}").is_ok());
    }

    #[test]
    fn size_depth_and_documents_are_bounded() {
        assert_eq!(parse(&"a".repeat(MAX_BYTES + 1)).unwrap_err().kind, YamlErrorKind::TooLarge);
        assert!(matches!(parse(&"[".repeat(100_000)).unwrap_err().kind, YamlErrorKind::Syntax(_)));
        assert!(matches!(parse(&"- ".repeat(100_000)).unwrap_err().kind, YamlErrorKind::Syntax(_)));
        assert!(parse(&"{a: ".repeat(100_000)).is_err());
        assert_eq!(parse("a\n---\nb\n").unwrap_err(), YamlError { line: 2, column: 1, kind: YamlErrorKind::Documents });
        assert!(parse("--- \n- a\n...\n").is_ok());
    }
}

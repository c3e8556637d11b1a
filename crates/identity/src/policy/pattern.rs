//! Texts in policies: wildcards, policy variables, and both.
//!
//! A variable is `${KEY}` or `${KEY, 'default'}` for a key with one value; `${*}`, `${?}` and `${$}` are the characters
//! themselves. A variable's value is taken literally: a `*` in it is a star and no wildcard. A variable that has no value
//! makes the comparison not certain.
//!
//! Source: IAM User Guide, "IAM policy elements: Variables and tags". Policies of the version before 2012-10-17 have no
//! variables: there `${` is text.

use std::borrow::Cow;

use super::context::{Evaluation, Found};
use super::keys::{Key, Kind};
use super::wildcard::{Case, Glyph, match_glyphs};

/// How a text of a policy is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Syntax {
    /// `*` and `?` are wildcards.
    pub(super) wildcards: bool,
    /// `${…}` is a variable.
    pub(super) variables: bool,
}

/// A text of a policy.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Pattern {
    /// To be compared as it is.
    Literal(Box<str>),
    /// `*` and `?` are wildcards, and nothing else is special.
    Wild(Box<str>),
    /// In pieces, because something in it is a variable or an escaped character.
    Pieces(Vec<Piece>),
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    Glyph(Glyph),
    Variable {
        key: Key,
        default: Option<String>,
    },
    /// A variable that is not understood.
    Unknown,
}

impl Pattern {
    pub(super) fn parse(text: &str, syntax: Syntax) -> Self {
        Self::from_pieces(pieces(text, syntax))
    }

    /// The simplest form of some pieces.
    pub(super) fn from_pieces(pieces: Vec<Piece>) -> Self {
        let is_char = |piece: &Piece| matches!(piece, Piece::Glyph(Glyph::Char(_)));
        if pieces.iter().all(is_char) {
            return Self::Literal(pieces.iter().map(as_char).collect());
        }
        // A star that is a character, not a wildcard, has no place in a text where stars are wildcards.
        let is_plain = |piece: &Piece| matches!(piece, Piece::Glyph(glyph) if *glyph == Glyph::of(as_char(piece)));
        if pieces.iter().all(is_plain) {
            return Self::Wild(pieces.iter().map(as_char).collect());
        }
        Self::Pieces(pieces)
    }

    /// Whether a text is what this describes.
    pub(super) fn matches(&self, text: &str, case: Case, evaluation: &Evaluation<'_>) -> Option<bool> {
        let fuel = &evaluation.fuel;
        match self {
            Self::Literal(wanted) => {
                fuel.spend(1 + wanted.len() / 64)?;
                Some(match case {
                    Case::Sensitive => **wanted == *text,
                    Case::Insensitive => wanted.eq_ignore_ascii_case(text),
                })
            }
            Self::Wild(pattern) => match_glyphs(pattern.chars().map(Glyph::of), text, case, fuel),
            Self::Pieces(_) => match_glyphs(self.glyphs(evaluation)?.iter().copied(), text, case, fuel),
        }
    }

    /// The text with its variables filled in; `None` if one of them has no value.
    pub(super) fn glyphs(&self, evaluation: &Evaluation<'_>) -> Option<Cow<'_, [Glyph]>> {
        let glyphs = match self {
            Self::Literal(text) => text.chars().map(Glyph::Char).collect(),
            Self::Wild(text) => text.chars().map(Glyph::of).collect(),
            Self::Pieces(pieces) => {
                let mut glyphs = Vec::with_capacity(pieces.len());
                for piece in pieces {
                    match piece {
                        Piece::Glyph(glyph) => glyphs.push(*glyph),
                        Piece::Unknown => return None,
                        Piece::Variable { key, default } => {
                            let value = match (evaluation.context.find(key), default) {
                                (Found::One(value), _) => value,
                                (Found::Missing, Some(default)) => default,
                                _ => return None,
                            };
                            glyphs.extend(value.chars().map(Glyph::Char));
                        }
                    }
                }
                glyphs
            }
        };
        evaluation.fuel.spend(glyphs.len())?;
        Some(Cow::Owned(glyphs))
    }
}

/// The character a piece was written as; a space for what is none, which no plain pattern compares with.
fn as_char(piece: &Piece) -> char {
    match piece {
        Piece::Glyph(Glyph::Char(c)) => *c,
        Piece::Glyph(Glyph::Run) => '*',
        Piece::Glyph(Glyph::One) => '?',
        Piece::Variable { .. } | Piece::Unknown => ' ',
    }
}

/// Takes a text apart.
pub(super) fn pieces(text: &str, syntax: Syntax) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if syntax.variables
            && let Some(inside) = rest.strip_prefix("${")
        {
            // One that is not closed is nothing that IAM describes.
            let Some((name, after)) = split_variable(inside) else {
                pieces.push(Piece::Unknown);
                return pieces;
            };
            pieces.push(variable(name));
            rest = after;
            continue;
        }
        pieces.push(Piece::Glyph(if syntax.wildcards { Glyph::of(c) } else { Glyph::Char(c) }));
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    pieces
}

/// What stands before the brace that closes a variable, and what comes after. A default may have braces in it.
fn split_variable(inside: &str) -> Option<(&str, &str)> {
    let mut is_quoted = false;
    for (at, c) in inside.char_indices() {
        match c {
            '\'' => is_quoted = !is_quoted,
            '}' if !is_quoted => return Some((inside.get(..at)?, inside.get(at + 1..)?)),
            _ => {}
        }
    }
    None
}

fn variable(inside: &str) -> Piece {
    if let "*" | "?" | "$" = inside {
        return inside.chars().next().map_or(Piece::Unknown, |c| Piece::Glyph(Glyph::Char(c)));
    }
    let (name, default) = match inside.split_once(',') {
        None => (inside, None),
        Some((name, default)) => {
            let default = default.trim();
            match default.strip_prefix('\'').and_then(|default| default.strip_suffix('\'')) {
                Some(default) if !default.contains('\'') => (name, Some(default.to_owned())),
                _ => return Piece::Unknown,
            }
        }
    };
    match Key::parse(name.trim()) {
        // A key with several values cannot be a variable.
        key if key.kind() == Some(Kind::One) => Piece::Variable { key, default },
        _ => Piece::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::super::context::Context;
    use super::*;

    const FULL: Syntax = Syntax { wildcards: true, variables: true };

    fn says(pattern: &str, syntax: Syntax, text: &str) -> Option<bool> {
        let mut context = Context::default();
        context.set("aws:username", "bo*b");
        context.set_tags("aws:PrincipalTag/", [("team", "blue")]);
        Pattern::parse(pattern, syntax).matches(text, Case::Sensitive, &Evaluation::of(&context))
    }

    #[test]
    fn a_variable_is_its_value_and_a_star_in_it_is_a_star() {
        for (pattern, text, expected) in [
            ("home/${aws:username}", "home/bo*b", Some(true)),
            ("home/${aws:username}", "home/boxb", Some(false)),
            ("${AWS:UserName}/*", "bo*b/x", Some(true)),
            ("${aws:PrincipalTag/TEAM}-*", "blue-1", Some(true)),
            ("${aws:PrincipalTag/none}-*", "blue-1", None),
            ("${aws:PrincipalTag/none, 'x}y'}*", "x}y1", Some(true)),
            ("${aws:PrincipalTag/team, 'x'}", "blue", Some(true)),
            ("${aws:PrincipalTag/none, x}", "x", None),
            ("${aws:PrincipalTag/none, 'x'y'}", "x'y", None),
            ("${aws:TagKeys}", "a", None),
            ("${aws:SourceIp}", "a", None),
            ("${aws:username", "bo*b", None),
            ("${}", "", None),
            ("a${*}b${?}c${$}", "a*b?c$", Some(true)),
            ("a${*}b", "axb", Some(false)),
            ("$aws:username", "$aws:username", Some(true)),
            ("a$", "a$", Some(true)),
        ] {
            assert_eq!(says(pattern, FULL, text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn what_the_syntax_does_not_have_is_text() {
        let old = Syntax { wildcards: true, variables: false };
        assert_eq!(says("${aws:username}", old, "${aws:username}"), Some(true));
        assert_eq!(says("${*}", old, "${abc}"), Some(true));
        let exact = Syntax { wildcards: false, variables: true };
        assert_eq!(says("a*", exact, "ab"), Some(false));
        assert_eq!(says("a*", exact, "a*"), Some(true));
        assert_eq!(says("${aws:username}*", exact, "bo*b*"), Some(true));
    }
}

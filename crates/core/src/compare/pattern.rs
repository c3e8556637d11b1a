//! A username or a group as a function of who comes in under it, and for which callers it is a given text.

use std::collections::BTreeSet;
use std::fmt;

use crate::principal::{PrincipalArn, is_iam_name, is_session_name};
use crate::username::{Piece, Placeholder, Template};

/// Text and what differs between the sessions of one principal. Two patterns are the same function exactly if they are
/// equal: no two texts are next to each other, and none is empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Pattern(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Part {
    Text(String),
    /// The session's name with every `@` as `-`.
    Session,
    /// The session's name.
    SessionRaw,
    /// The access key.
    AccessKey,
    /// The node's name.
    NodeName,
}

/// What a caller must bring for a pattern to be a given text; what is absent does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Bound {
    pub(super) session: Option<String>,
    pub(super) session_raw: Option<String>,
    pub(super) access_key: Option<String>,
    pub(super) node_name: Option<String>,
}

impl Pattern {
    /// A template for one principal.
    pub(super) fn of(template: &Template, principal: &PrincipalArn) -> Self {
        let mut pattern = Self(Vec::new());
        for piece in template.pieces() {
            match piece {
                Piece::Literal(text) => pattern.push_text(text),
                Piece::Placeholder(Placeholder::AccountId) => pattern.push_text(principal.account().as_str()),
                Piece::Placeholder(Placeholder::SessionName) => pattern.0.push(Part::Session),
                Piece::Placeholder(Placeholder::SessionNameRaw) => pattern.0.push(Part::SessionRaw),
                Piece::Placeholder(Placeholder::AccessKeyId) => pattern.0.push(Part::AccessKey),
                Piece::Placeholder(Placeholder::Ec2PrivateDnsName) => pattern.0.push(Part::NodeName),
            }
        }
        pattern
    }

    /// The same text for everybody.
    pub(super) fn text(text: &str) -> Self {
        let mut pattern = Self(Vec::new());
        pattern.push_text(text);
        pattern
    }

    fn push_text(&mut self, more: &str) {
        match self.0.last_mut() {
            _ if more.is_empty() => {}
            Some(Part::Text(text)) => text.push_str(more),
            _ => self.0.push(Part::Text(more.to_owned())),
        }
    }

    /// The text, if it is the same for everybody.
    pub(super) fn as_text(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    pub(super) fn has(&self, part: &Part) -> bool {
        self.0.contains(part)
    }

    /// The callers for whom the pattern is one of these texts.
    pub(super) fn solve(&self, texts: &BTreeSet<&str>) -> BTreeSet<Bound> {
        let beginning = match self.0.first() {
            Some(Part::Text(text)) => text.as_str(),
            _ => "",
        };
        let mut found = BTreeSet::new();
        for text in texts.range(beginning..).take_while(|text| text.starts_with(beginning)) {
            solve(&self.0, text, false, &Bound::default(), &mut found);
        }
        found
    }

    /// The callers for whom the pattern begins with a text, of which the last character can be in no name of a caller.
    pub(super) fn solve_beginning(&self, text: &str) -> BTreeSet<Bound> {
        let mut found = BTreeSet::new();
        solve(&self.0, text, true, &Bound::default(), &mut found);
        found
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            f.write_str(match part {
                Part::Text(text) => text,
                Part::Session => Placeholder::SessionName.as_str(),
                Part::SessionRaw => Placeholder::SessionNameRaw.as_str(),
                Part::AccessKey => Placeholder::AccessKeyId.as_str(),
                Part::NodeName => Placeholder::Ec2PrivateDnsName.as_str(),
            })?;
        }
        Ok(())
    }
}

/// Takes one part after the other off the text. With `beginning` the text may end before the parts do.
fn solve(parts: &[Part], text: &str, beginning: bool, bound: &Bound, found: &mut BTreeSet<Bound>) {
    if text.is_empty() && (beginning || parts.is_empty()) {
        found.insert(bound.clone());
        return;
    }
    let Some((part, rest)) = parts.split_first() else { return };
    if let Part::Text(literal) = part {
        if let Some(text) = text.strip_prefix(literal.as_str()) {
            solve(rest, text, beginning, bound, found);
        } else if beginning && literal.starts_with(text) {
            found.insert(bound.clone());
        }
        return;
    }
    for end in (1..=text.len()).filter(|end| text.is_char_boundary(*end)) {
        let (taken, text) = text.split_at(end);
        if !is_possible(part, taken) {
            break;
        }
        if let Some(bound) = bound.with(part, taken) {
            solve(rest, text, beginning, &bound, found);
        }
    }
}

/// Whether the text can be a value of the part, or the beginning of one.
fn is_possible(part: &Part, text: &str) -> bool {
    match part {
        Part::Text(_) => false,
        Part::Session => is_session_name(text) && !text.contains('@'),
        Part::SessionRaw => is_session_name(text),
        Part::AccessKey => is_iam_name(text, 128),
        Part::NodeName => {
            text.len() <= 253 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
        }
    }
}

impl Bound {
    fn with(&self, part: &Part, value: &str) -> Option<Self> {
        let fits = |bound: &Option<String>, value: &str| bound.as_deref().is_none_or(|bound| bound == value);
        let raw_fits =
            |raw: &Option<String>, session: &str| raw.as_deref().is_none_or(|raw| raw.replace('@', "-") == session);
        let mut next = self.clone();
        let ok = match part {
            Part::Text(_) => false,
            Part::Session => fits(&self.session, value) && raw_fits(&self.session_raw, value),
            Part::SessionRaw => fits(&self.session_raw, value) && fits(&self.session, &value.replace('@', "-")),
            Part::AccessKey => fits(&self.access_key, value),
            Part::NodeName => fits(&self.node_name, value),
        };
        let place = match part {
            Part::Text(_) => return None,
            Part::Session => &mut next.session,
            Part::SessionRaw => &mut next.session_raw,
            Part::AccessKey => &mut next.access_key,
            Part::NodeName => &mut next.node_name,
        };
        *place = Some(value.to_owned());
        ok.then_some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        let principal = PrincipalArn::parse("arn:aws:iam::123456789012:role/R").unwrap();
        Pattern::of(&Template::parse(text).unwrap(), &principal)
    }

    fn sessions(template: &str, text: &str) -> Vec<String> {
        let found = pattern(template).solve(&BTreeSet::from([text]));
        found.into_iter().map(|bound| bound.session_raw.or(bound.session).unwrap_or_default()).collect()
    }

    #[test]
    fn a_template_is_solved_for_the_session_wherever_it_stands() {
        assert_eq!(sessions("{{SessionName}}", "a-b"), ["a-b"]);
        assert_eq!(sessions("{{SessionNameRaw}}", "a@b"), ["a@b"]);
        assert_eq!(sessions("{{SessionName}}", "a@b"), [""; 0]);
        assert_eq!(sessions("{{SessionName}}", "a:b"), [""; 0]);
        assert_eq!(sessions("x:{{SessionName}}!", "x:me!"), ["me"]);
        assert_eq!(sessions("{{SessionName}}-{{SessionName}}", "a-a"), ["a"]);
        assert_eq!(sessions("{{SessionName}}-{{SessionName}}", "a-b"), [""; 0]);
        assert_eq!(sessions("{{SessionName}}/{{SessionNameRaw}}", "a-b/a@b"), ["a@b"]);
        assert_eq!(sessions("{{AccountID}}:{{SessionName}}", "123456789012:me"), ["me"]);
        assert_eq!(sessions("admin", "admin"), [""]);
        assert_eq!(sessions("admin", "admin2"), [""; 0]);
    }

    #[test]
    fn a_beginning_is_solved_too() {
        let found = |template: &str| {
            let found = pattern(template).solve_beginning("system:node:");
            found.into_iter().map(|bound| bound.session_raw).collect::<Vec<_>>()
        };
        assert_eq!(found("system:{{SessionNameRaw}}:x"), [Some("node".to_owned())]);
        assert_eq!(found("system:node:{{SessionNameRaw}}"), [None]);
        assert_eq!(found("system:node:x"), [None]);
        assert_eq!(found("system:{{SessionNameRaw}}"), []);
    }

    #[test]
    fn texts_next_to_each_other_are_one() {
        assert_eq!(pattern("{{{AccountID}}}"), pattern("{123456789012}"));
        assert_eq!(pattern("a{{AccountID}}").as_text(), Some("a123456789012"));
        assert_eq!(pattern("").as_text(), Some(""));
        assert_ne!(pattern("{{SessionName}}"), pattern("{{SessionNameRaw}}"));
    }
}

//! What a template gives to the callers of one principal: the part that is the same for all of them, and the rest.
//!
//! A row is about one principal, so that its account is known, and a user has no session. What is left of the
//! placeholders is what really differs from caller to caller.

use std::fmt::Write as _;

use crate::principal::{PrincipalArn, PrincipalKind};
use crate::username::{Piece, Placeholder, Template};

/// A template, filled in as far as a principal's ARN goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Pattern(Vec<Part>);

/// Never two texts in a row, and never an empty one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Part {
    Text(String),
    /// The session's name; of a role only.
    Session(Placeholder),
    /// The access key that signed.
    AccessKey,
    /// The name of the EC2 instance that the session is of.
    Instance,
}

impl Pattern {
    /// Fills in a template for the callers of a principal.
    pub(super) fn new(template: &Template, principal: &PrincipalArn) -> Self {
        let mut parts: Vec<Part> = Vec::new();
        let has_session = principal.kind() == PrincipalKind::Role;
        let text = |parts: &mut Vec<Part>, more: &str| match parts.last_mut() {
            _ if more.is_empty() => {}
            Some(Part::Text(text)) => text.push_str(more),
            _ => parts.push(Part::Text(more.to_owned())),
        };
        for piece in template.pieces() {
            match piece {
                Piece::Literal(more) => text(&mut parts, more),
                Piece::Placeholder(Placeholder::AccountId) => text(&mut parts, principal.account().as_str()),
                Piece::Placeholder(session @ (Placeholder::SessionName | Placeholder::SessionNameRaw)) => {
                    if has_session {
                        parts.push(Part::Session(session));
                    }
                }
                Piece::Placeholder(Placeholder::AccessKeyId) => parts.push(Part::AccessKey),
                Piece::Placeholder(Placeholder::Ec2PrivateDnsName) => parts.push(Part::Instance),
            }
        }
        Self(parts)
    }

    /// The parts.
    pub(super) fn parts(&self) -> &[Part] {
        &self.0
    }

    /// The text that every caller gets, if all get the same.
    pub(super) fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether only sessions of EC2 instances get anything.
    pub(super) fn is_for_instances(&self) -> bool {
        self.0.contains(&Part::Instance)
    }

    /// Whether it depends on the access key.
    pub(super) fn has_access_key(&self) -> bool {
        self.0.contains(&Part::AccessKey)
    }

    /// As a template is written. Double braces of the text itself, which would read as a placeholder that does not
    /// exist, become parentheses.
    pub(super) fn written(&self) -> String {
        let mut written = String::new();
        for part in &self.0 {
            let _ = match part {
                Part::Text(text) => write!(written, "{}", text.replace("{{", "((").replace("}}", "))")),
                Part::Session(session) => write!(written, "{session}"),
                Part::AccessKey => write!(written, "{}", Placeholder::AccessKeyId),
                Part::Instance => write!(written, "{}", Placeholder::Ec2PrivateDnsName),
            };
        }
        written
    }

    /// Whether some caller could get this name. A placeholder that stands there twice counts as two: that may say yes
    /// too often, and never too seldom.
    pub(super) fn can_be(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        // Where in the name the parts so far can end.
        let mut ends = vec![false; name.len() + 1];
        if let Some(start) = ends.first_mut() {
            *start = true;
        }
        for part in &self.0 {
            ends = part.ends_after(&ends, &name);
        }
        ends.last().copied().unwrap_or_default()
    }
}

impl Part {
    fn ends_after(&self, starts: &[bool], name: &[char]) -> Vec<bool> {
        let mut ends = vec![false; starts.len()];
        if let Self::Text(text) = self {
            let text: Vec<char> = text.chars().collect();
            for (at, _) in starts.iter().enumerate().filter(|(_, can_start)| **can_start) {
                if name.get(at..).is_some_and(|rest| rest.starts_with(&text))
                    && let Some(end) = ends.get_mut(at + text.len())
                {
                    *end = true;
                }
            }
            return ends;
        }
        // A run of at least one character.
        let mut inside = false;
        for ((can_start, character), end) in starts.iter().zip(name).zip(ends.iter_mut().skip(1)) {
            inside = (inside || *can_start) && self.can_contain(*character);
            *end = inside;
        }
        ends
    }

    fn can_contain(&self, c: char) -> bool {
        match self {
            Self::Text(_) => false,
            // `[\w+=,.@-]`, and of the two only the raw one keeps an `@`.
            Self::Session(session) => {
                c.is_ascii_alphanumeric()
                    || "_+=,.-".contains(c)
                    || (c == '@' && *session == Placeholder::SessionNameRaw)
            }
            Self::AccessKey => c.is_ascii_alphanumeric(),
            Self::Instance => c.is_ascii_alphanumeric() || "-.".contains(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(template: &str, arn: &str) -> Pattern {
        Pattern::new(&Template::parse(template).unwrap(), &PrincipalArn::parse(arn).unwrap())
    }

    const ROLE: &str = "arn:aws:iam::123456789012:role/dev";
    const USER: &str = "arn:aws:iam::123456789012:user/bob";

    #[test]
    fn what_the_arn_says_is_filled_in() {
        assert_eq!(pattern("team-{{AccountID}}-x", ROLE).literal(), Some("team-123456789012-x"));
        assert_eq!(pattern("dev:{{SessionName}}", USER).literal(), Some("dev:"));
        assert_eq!(pattern("{{SessionName}}", USER).literal(), Some(""));
        assert_eq!(pattern("dev:{{SessionName}}", ROLE).literal(), None);
        assert_eq!(pattern("a{{AccountID}}:{{SessionName}}", ROLE).written(), "a123456789012:{{SessionName}}");
    }

    #[test]
    fn a_pattern_knows_the_names_that_it_can_give() {
        for (template, name, expected) in [
            ("{{SessionName}}", "alice", true),
            ("{{SessionName}}", "a:b", false),
            ("{{SessionName}}", "a@b", false),
            ("{{SessionNameRaw}}", "a@b", true),
            ("{{SessionName}}", "", false),
            ("x:{{SessionName}}:y", "x:a:y", true),
            ("x:{{SessionName}}:y", "x::y", false),
            ("{{SessionName}}-{{SessionName}}", "a-b-c", true),
            ("{{AccessKeyID}}", "AKIA1", true),
            ("{{AccessKeyID}}", "AK-1", false),
            ("é{{SessionName}}é", "éaé", true),
            ("plain", "plain", true),
            ("plain", "plainer", false),
        ] {
            assert_eq!(pattern(template, ROLE).can_be(name), expected, "{template} {name}");
        }
    }
}

//! Templates of usernames and groups: literal text with placeholders such as `{{SessionName}}`.
//!
//! Used by identity mappings and by access entries. The placeholders are those of AWS's authenticator. [`Template::parse`]
//! reads them for Doorward, with two rules that are stricter than its own. A template is expanded in a *single pass*, so
//! nothing that a caller brings (a session named `{{AccessKeyID}}`) is ever expanded in its turn; and a placeholder that
//! does not exist is an error when the template is read, where the authenticator would hand the braces to Kubernetes as
//! part of somebody's name. [`Template::verbatim`] is what the authenticator itself makes of the same text.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::arn::printable;
use crate::principal::Principal;
use crate::text_form::text_form;

/// A username or group as it was written, with its placeholders found and known.
///
/// Order, equality and hash are those of the text, whoever reads it.
#[derive(Clone)]
pub struct Template {
    text: Arc<str>,
    /// Whether it means what AWS's authenticator makes of it.
    is_verbatim: bool,
}

impl Template {
    /// Reads a template. The empty text is one; it cannot be rendered.
    ///
    /// # Errors
    /// If something stands in double braces that is no placeholder: another spelling, a space inside, an unknown name.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        match unknown_placeholder(text) {
            Some(placeholder) => Err(TemplateError { placeholder: printable(placeholder) }),
            None => Ok(Self { text: text.into(), is_verbatim: false }),
        }
    }

    /// Takes a text as AWS's authenticator does: every text is a template, what stands in double braces and is no
    /// placeholder is text, and a caller's name may come out empty.
    pub fn verbatim(text: &str) -> Self {
        Self { text: text.into(), is_verbatim: true }
    }

    /// Whether it means what AWS's authenticator makes of it: see [`Self::verbatim`].
    pub(crate) fn is_verbatim(&self) -> bool {
        self.is_verbatim
    }

    /// The template as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is text alone, the same for everybody.
    pub fn is_literal(&self) -> bool {
        self.placeholders().next().is_none()
    }

    /// Its parts, from left to right; no literal is empty, and two literals may follow each other.
    ///
    /// This is the whole meaning of a template, with one exception that only [`Template::render`] knows: where AWS's
    /// authenticator reads braces around a placeholder, as in `{{{{SessionName}}}}`, a session that is named like a
    /// placeholder is expanded in its turn.
    pub fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        Pieces(&self.text)
    }

    /// Its placeholders, in order, repeated ones repeatedly.
    pub fn placeholders(&self) -> impl Iterator<Item = Placeholder> + '_ {
        self.pieces().filter_map(|piece| match piece {
            Piece::Placeholder(placeholder) => Some(placeholder),
            Piece::Literal(_) => None,
        })
    }

    /// Puts a caller's values in the placeholders' places.
    ///
    /// # Errors
    /// If the caller is no EC2 instance where a node's name is wanted. And, unless the template is
    /// [verbatim](Self::verbatim), if nothing is left: an identity without a name must never reach Kubernetes.
    pub fn render(&self, principal: &Principal) -> Result<String, RenderError> {
        if self.is_verbatim {
            return self.render_verbatim(principal);
        }
        render(&self.text, principal)
    }

    /// One placeholder after the other, everywhere, in the authenticator's order.
    fn render_verbatim(&self, principal: &Principal) -> Result<String, RenderError> {
        let mut rendered = self.text.as_ref().to_owned();
        for placeholder in Placeholder::ALL {
            if rendered.contains(placeholder.as_str()) {
                let value = placeholder.value(principal, is_instance_id_to_aws)?;
                rendered = rendered.replace(placeholder.as_str(), &value);
            }
        }
        Ok(rendered)
    }

    /// Whether a STANDARD access entry may have this username: of the placeholders only the session's name, and that
    /// only behind a `:`, so that no session can take the name of somebody else.
    ///
    /// Source: Amazon EKS User Guide, "Create access entries", on custom usernames.
    ///
    /// # Errors
    /// Says which placeholder may not stand there.
    pub fn check_for_entry(&self) -> Result<(), EntryUsernameError> {
        let mut colon_seen = false;
        for piece in self.pieces() {
            match piece {
                Piece::Literal(text) => colon_seen |= text.contains(':'),
                Piece::Placeholder(Placeholder::SessionName | Placeholder::SessionNameRaw) if colon_seen => {}
                Piece::Placeholder(placeholder @ (Placeholder::SessionName | Placeholder::SessionNameRaw)) => {
                    return Err(EntryUsernameError::NoColon { username: self.clone(), placeholder });
                }
                Piece::Placeholder(placeholder) => {
                    return Err(EntryUsernameError::Placeholder { username: self.clone(), placeholder });
                }
            }
        }
        Ok(())
    }
}

/// [`Template::render`] of a text that is known to parse.
pub(crate) fn render(text: &str, principal: &Principal) -> Result<String, RenderError> {
    let mut rendered = String::with_capacity(text.len() + 32);
    for piece in Pieces(text) {
        match piece {
            Piece::Literal(text) => rendered.push_str(text),
            Piece::Placeholder(placeholder) => rendered.push_str(&placeholder.value(principal, is_instance_id)?),
        }
    }
    let template = || Template { text: text.into(), is_verbatim: false };
    if rendered.is_empty() { Err(RenderError::Empty { template: template() }) } else { Ok(rendered) }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Template {}

impl PartialOrd for Template {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Template {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl std::hash::Hash for Template {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.text, f)
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        Self::parse(text)
    }
}

text_form!(Template);

/// What a template can take from its caller. The spelling is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Placeholder {
    /// The private DNS name of the EC2 instance that the session is named after.
    Ec2PrivateDnsName,
    /// The caller's account.
    AccountId,
    /// The session's name with every `@` as `-`; nothing for callers without a session.
    SessionName,
    /// The session's name as it is.
    SessionNameRaw,
    /// The access key that signed.
    AccessKeyId,
}

impl Placeholder {
    /// All of them, in the order in which AWS's authenticator fills them in.
    pub const ALL: [Self; 5] =
        [Self::Ec2PrivateDnsName, Self::AccountId, Self::SessionName, Self::SessionNameRaw, Self::AccessKeyId];

    /// As it is written, braces included.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ec2PrivateDnsName => "{{EC2PrivateDNSName}}",
            Self::AccountId => "{{AccountID}}",
            Self::SessionName => "{{SessionName}}",
            Self::SessionNameRaw => "{{SessionNameRaw}}",
            Self::AccessKeyId => "{{AccessKeyID}}",
        }
    }

    fn at_start_of(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|placeholder| text.starts_with(placeholder.as_str()))
    }

    /// What stands in its place for a caller. `is_instance` says what is taken for an instance's id.
    fn value(self, principal: &Principal, is_instance: fn(&str) -> bool) -> Result<Cow<'_, str>, RenderError> {
        Ok(match self {
            Self::Ec2PrivateDnsName => {
                let session = &principal.session_name;
                if !is_instance(session) {
                    return Err(RenderError::NotAnInstance { session: printable(session) });
                }
                match principal.private_dns_name.as_deref() {
                    Some(name) if !name.is_empty() => name.into(),
                    _ => return Err(RenderError::NoPrivateDnsName { instance: session.clone() }),
                }
            }
            Self::AccountId => principal.canonical.account().as_str().to_owned().into(),
            Self::SessionName => principal.session_name_without_at(),
            Self::SessionNameRaw => principal.session_name.as_str().into(),
            Self::AccessKeyId => principal.access_key_id.as_str().into(),
        })
    }
}

impl fmt::Display for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether EC2 could have given this id: `i-` and 8 or 17 hexadecimal digits, in lower case.
pub fn is_instance_id(text: &str) -> bool {
    text.strip_prefix("i-").is_some_and(|digits| {
        matches!(digits.len(), 8 | 17) && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// Whether AWS's authenticator takes this for an instance's id: `i-` and 8 or 17 letters, digits and underscores.
pub fn is_instance_id_to_aws(text: &str) -> bool {
    text.strip_prefix("i-").is_some_and(|rest| {
        matches!(rest.len(), 8 | 17) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

/// The first thing in double braces that is no placeholder, braces included. Braces that never close are text.
pub fn unknown_placeholder(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        let open = rest.get(at..)?;
        // Of three braces the last two open a placeholder.
        if open.starts_with("{{{") {
            rest = open.get(1..)?;
        } else if let Some(known) = Placeholder::at_start_of(open) {
            rest = open.get(known.as_str().len()..)?;
        } else {
            return open.find("}}").and_then(|close| open.get(..close + 2));
        }
    }
    None
}

/// Something in double braces that is no placeholder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{placeholder}` is not a placeholder: expected `{{{{EC2PrivateDNSName}}}}`, `{{{{AccountID}}}}`, \
     `{{{{SessionName}}}}`, `{{{{SessionNameRaw}}}}` or `{{{{AccessKeyID}}}}`, spelled exactly so"
)]
pub struct TemplateError {
    /// What stands there, braces included.
    pub placeholder: String,
}

/// Why a template gives no name for this caller. The caller is then refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A node's name is wanted, and the session is not named after an instance.
    #[error(
        "`{{{{EC2PrivateDNSName}}}}` needs a session named after an EC2 instance, and this one is named `{session}`"
    )]
    NotAnInstance {
        /// The session's name.
        session: String,
    },
    /// A node's name is wanted, and the instance's is not known.
    #[error("the private DNS name of instance `{instance}` is not known, or it does not run with this role")]
    NoPrivateDnsName {
        /// The instance's id.
        instance: String,
    },
    /// Nothing is left.
    #[error("`{template}` is empty for this caller")]
    Empty {
        /// The template.
        template: Template,
    },
}

/// Why a template cannot be the username of an access entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryUsernameError {
    /// The session's name is not behind a colon.
    #[error("the username `{username}` must have a `:` before `{placeholder}`")]
    NoColon {
        /// The username.
        username: Template,
        /// The placeholder that comes too early.
        placeholder: Placeholder,
    },
    /// A placeholder that only aws-auth and node entries may use.
    #[error(
        "the username `{username}` must not contain `{placeholder}`: access entries of type STANDARD can only use \
         `{{{{SessionName}}}}` and `{{{{SessionNameRaw}}}}`"
    )]
    Placeholder {
        /// The username.
        username: Template,
        /// The placeholder.
        placeholder: Placeholder,
    },
}

/// A part of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Text that stays as it is.
    Literal(&'a str),
    /// Something that the caller fills in.
    Placeholder(Placeholder),
}

/// Cuts a template into its parts.
struct Pieces<'a>(&'a str);

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let text = self.0;
        if text.is_empty() {
            return None;
        }
        if let Some(placeholder) = Placeholder::at_start_of(text) {
            self.0 = text.get(placeholder.as_str().len()..).unwrap_or_default();
            return Some(Piece::Placeholder(placeholder));
        }
        // From one pair of braces to the next, so that many of them cost no more than their length.
        let first = text.chars().next().map_or(0, char::len_utf8);
        // Pairs of bytes, because a search for a text costs more to set up than most templates are long.
        let rest = text.as_bytes().get(first..).unwrap_or_default();
        let next = rest.windows(2).position(|pair| pair == b"{{").map_or(text.len(), |at| first + at);
        let (literal, rest) = text.split_at(next);
        self.0 = rest;
        Some(Piece::Literal(literal))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(name: &str) -> Principal {
        Principal {
            arn: format!("arn:aws:sts::012345678901:assumed-role/R/{name}"),
            canonical: crate::principal::PrincipalArn::parse("arn:aws:iam::012345678901:role/R").unwrap(),
            id: crate::principal::PrincipalId("AROAX".into()),
            session_name: name.into(),
            access_key_id: "AKIA".into(),
            private_dns_name: Some("ip-10-0-0-1.ec2.internal".into()),
        }
    }

    fn render(template: &str, name: &str) -> Result<String, RenderError> {
        Template::parse(template).unwrap().render(&session(name))
    }

    #[test]
    fn placeholders_take_the_callers_values() {
        for (template, name, expected) in [
            ("admin", "s", "admin"),
            ("{{SessionName}}|{{SessionNameRaw}}", "a@b@c.io", "a-b-c.io|a@b@c.io"),
            ("{{AccountID}}:{{AccessKeyID}}", "s", "012345678901:AKIA"),
            ("{{{SessionName}}}", "x", "{x}"),
            ("a{{b", "s", "a{{b"),
            ("a}}b", "s", "a}}b"),
            ("{{", "s", "{{"),
            ("{{{", "s", "{{{"),
            ("{x}", "s", "{x}"),
            ("é{{SessionName}}é", "s", "ésé"),
            ("admin:{{SessionName}}", "", "admin:"),
        ] {
            assert_eq!(render(template, name).unwrap(), expected, "{template}");
        }
    }

    #[test]
    fn what_a_caller_brings_is_never_expanded() {
        assert_eq!(render("{{SessionName}}", "{{AccessKeyID}}").unwrap(), "{{AccessKeyID}}");
        assert_eq!(render("{{SessionName}}{{SessionNameRaw}}", "{{Session").unwrap(), "{{Session{{Session");
        assert_eq!(render("{{SessionName}}Name}}", "{{Session").unwrap(), "{{SessionName}}");
    }

    #[test]
    fn what_is_no_placeholder_is_refused_by_name() {
        for (template, placeholder) in [
            ("{{ SessionName }}", "{{ SessionName }}"),
            ("{{sessionname}}", "{{sessionname}}"),
            ("a:{{Unknown}}:b", "{{Unknown}}"),
            ("{{UserID}}", "{{UserID}}"),
            ("{{}}", "{{}}"),
            ("{{{Unknown}}}", "{{Unknown}}"),
            ("{{ {{SessionName}}", "{{ {{SessionName}}"),
            ("{{SessionName}}{{x\n}}", "{{x\\n}}"),
        ] {
            assert_eq!(Template::parse(template).unwrap_err().placeholder, placeholder, "{template}");
        }
    }

    #[test]
    fn a_nodes_name_needs_an_instance_that_is_known() {
        let template = "system:node:{{EC2PrivateDNSName}}";
        for name in ["i-12345678", "i-0123456789abcdef0"] {
            assert_eq!(render(template, name).unwrap(), "system:node:ip-10-0-0-1.ec2.internal");
        }
        for name in ["i-ABCDEF_z", "i-ABCDEF12", "i-123456789", "I-12345678", "i-12345678\n", "", "x"] {
            assert!(matches!(render(template, name), Err(RenderError::NotAnInstance { .. })), "{name}");
        }
        for unknown in [None, Some(String::new())] {
            let caller = Principal { private_dns_name: unknown, ..session("i-12345678") };
            let rendered = Template::parse(template).unwrap().render(&caller);
            assert_eq!(rendered, Err(RenderError::NoPrivateDnsName { instance: "i-12345678".into() }));
        }
    }

    #[test]
    fn nobody_gets_an_empty_name() {
        assert!(matches!(render("", "s"), Err(RenderError::Empty { .. })));
        assert!(matches!(render("{{SessionName}}", ""), Err(RenderError::Empty { .. })));
    }

    #[test]
    fn an_entrys_username_takes_a_session_only_behind_a_colon() {
        for good in ["admin", "a:{{SessionName}}", "a:b{{SessionNameRaw}}{{SessionName}}"] {
            assert_eq!(Template::parse(good).unwrap().check_for_entry(), Ok(()), "{good}");
        }
        for bad in ["{{SessionName}}", "{{SessionName}}:a", "a{{SessionNameRaw}}", "a:{{AccountID}}"] {
            assert!(Template::parse(bad).unwrap().check_for_entry().is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic_and_literals_stay(text in "[{}A-Za-zé:]{0,40}", name in "[{}A-Za-z@]{0,20}") {
            if let Ok(template) = Template::parse(&text) {
                let rendered = template.render(&session(&name));
                if template.is_literal() {
                    proptest::prop_assert_eq!(rendered.unwrap_or_default(), text);
                }
            }
        }
    }
}

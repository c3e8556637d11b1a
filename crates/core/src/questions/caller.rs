//! Whom a question is about: a principal by its ARN, as if it called.

use crate::arn::{Arn, ArnError, printable};
use crate::directory::Directory;
use crate::principal::{Principal, PrincipalArn, PrincipalId, PrincipalKind, canonicalize, is_session_name};

/// The session's name where none is given: the one that `aws eks get-token --role-arn` uses.
pub const DEFAULT_SESSION: &str = "EKSGetTokenAuth";

/// What stands for a unique id that nobody knows.
const UNKNOWN_ID: &str = "(unknown)";

/// A principal as if it called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The principal in IAM, as it was given; a session's without path.
    pub arn: PrincipalArn,
    /// What it would be verified as.
    pub principal: Principal,
    /// Whether somebody chose the session's name; otherwise it is an example.
    pub has_given_session: bool,
}

/// A text that names no principal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallerError {
    /// No ARN at all.
    #[error(
        "`{0}` is not an ARN; give the ARN of a role, a role's session, or a user. (Kubernetes users and groups have none: \
         ask about them with `kubectl auth can-i --as`.)"
    )]
    NotAnArn(String),
    /// An ARN of something else.
    #[error(transparent)]
    Arn(#[from] ArnError),
    /// Two names for the session.
    #[error("the session is named `{in_arn}` in the ARN and `{given}` beside it; give one of them")]
    TwoSessions {
        /// In the ARN.
        in_arn: String,
        /// Beside it.
        given: String,
    },
    /// A session of something that has none.
    #[error("only roles have sessions, and `{0}` is none")]
    NoSessions(String),
    /// A name that no session has.
    #[error("`{0}` cannot be the name of a session: expected 1 to 64 letters, digits and `_+=,.@-`")]
    Session(String),
    /// Another path than the real one.
    #[error("there is no `{given}`: the directory knows it as `{known}`")]
    Path {
        /// What was asked about.
        given: String,
        /// What there is.
        known: String,
    },
}

impl Caller {
    /// The principal of an ARN: a role (with or without its path), a role's session, a user, root or a federated user.
    ///
    /// The directory gives the unique id; without it there is none, and callers are recognised by ARN.
    ///
    /// # Errors
    /// If the text names no principal, or one that the directory knows under another path.
    pub fn parse(text: &str, session: Option<&str>, directory: &Directory) -> Result<Self, CallerError> {
        if !text.starts_with("arn:") {
            return Err(CallerError::NotAnArn(printable(text)));
        }
        // What is no ARN at all says so better than what names no principal.
        Arn::parse(text)?;
        let (arn, in_arn) = canonicalize(text)?;
        let session = match (in_arn, session) {
            ("", given) => given,
            (in_arn, Some(given)) if in_arn != given => {
                return Err(CallerError::TwoSessions { in_arn: printable(in_arn), given: printable(given) });
            }
            (in_arn, _) => Some(in_arn),
        };
        if let Some(session) = session {
            if arn.kind() != PrincipalKind::Role {
                return Err(CallerError::NoSessions(printable(text)));
            }
            if !is_session_name(session) {
                return Err(CallerError::Session(printable(session)));
            }
        }
        let known = directory.find(&arn);
        // A path-less role may be any: it is how sessions and aws-auth name it.
        let is_plain_role = arn.kind() == PrincipalKind::Role && arn.path() == "/";
        if let Some(known) = known.filter(|known| !is_plain_role && known.arn.path() != arn.path()) {
            return Err(CallerError::Path { given: printable(text), known: known.arn.to_string() });
        }
        let id = known.and_then(|known| known.unique_id.clone());
        Ok(Self::new(known.filter(|_| is_plain_role).map_or(arn, |known| known.arn.clone()), id, session))
    }

    /// A principal whose ARN and unique id are known to belong together.
    pub(super) fn new(arn: PrincipalArn, id: Option<PrincipalId>, session: Option<&str>) -> Self {
        let (account, name) = (arn.account(), arn.name().to_owned());
        let is_role = arn.kind() == PrincipalKind::Role;
        let session_name = if is_role { session.unwrap_or(DEFAULT_SESSION) } else { "" };
        let caller_arn = if is_role {
            format!("arn:{}:sts::{account}:assumed-role/{name}/{session_name}", arn.partition())
        } else {
            arn.as_str().to_owned()
        };
        let id = id.unwrap_or_else(|| {
            PrincipalId(match arn.kind() {
                PrincipalKind::Root => account.to_string(),
                PrincipalKind::FederatedUser => format!("{account}:{name}"),
                PrincipalKind::Role | PrincipalKind::User => UNKNOWN_ID.to_owned(),
            })
        });
        let principal = Principal {
            arn: caller_arn,
            canonical: if is_role { arn.without_path() } else { arn.clone() },
            id,
            session_name: session_name.to_owned(),
            // Nobody knows which key will sign: the placeholder stands for itself.
            access_key_id: "{{AccessKeyID}}".to_owned(),
            private_dns_name: None,
        };
        Self { arn, principal, has_given_session: session.is_some() }
    }

    /// The same principal in another session.
    #[must_use]
    pub(super) fn in_session(&self, session: &str) -> Self {
        let mut other = Self::new(self.arn.clone(), None, Some(session));
        other.principal.id = self.principal.id.clone();
        other
    }

    /// The same role as an EC2 instance has it, whose name nobody knows: the placeholder stands for itself.
    #[must_use]
    pub(super) fn as_instance(&self) -> Self {
        let mut other = if self.has_given_session { self.clone() } else { self.in_session("i-00000000000000000") };
        other.principal.private_dns_name = Some("{{EC2PrivateDNSName}}".to_owned());
        other.has_given_session = self.has_given_session;
        other
    }

    /// Whether its unique id is known.
    pub fn has_known_id(&self) -> bool {
        self.principal.id.0 != UNKNOWN_ID
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIRECTORY: &str = r#"[{"arn": "arn:aws:iam::123456789012:role/team/dev", "uniqueId": "AROAX"}]"#;

    fn caller(text: &str, session: Option<&str>) -> Result<Caller, CallerError> {
        Caller::parse(text, session, &Directory::parse(DIRECTORY).unwrap())
    }

    #[test]
    fn a_role_is_asked_about_as_one_of_its_sessions() {
        for text in ["role/dev", "role/team/dev"] {
            let caller = caller(&format!("arn:aws:iam::123456789012:{text}"), None).unwrap();
            assert_eq!(caller.principal.arn, "arn:aws:sts::123456789012:assumed-role/dev/EKSGetTokenAuth");
            assert_eq!(caller.principal.id.0, "AROAX");
            assert!(!caller.has_given_session);
        }
        let session = caller("arn:aws:sts::123456789012:assumed-role/dev/me", None).unwrap();
        assert_eq!((session.principal.session_name.as_str(), session.has_given_session), ("me", true));
        let user = caller("arn:aws:iam::123456789012:user/p/bob", None).unwrap();
        assert_eq!(user.principal.canonical.as_str(), "arn:aws:iam::123456789012:user/p/bob");
        assert!(!user.has_known_id());
    }

    #[test]
    fn what_is_no_principal_is_refused_and_says_what_is_one() {
        for (text, session, words) in [
            ("alice", None, "`alice` is not an ARN; give the ARN of a role"),
            ("system:masters", None, "Kubernetes users and groups have none"),
            ("arn:aws:iam::123456789012:group/g", None, "does not name an IAM role, user"),
            ("arn:aws:iam::1:role/g", None, "exactly 12 digits"),
            ("arn:aws:iam::123456789012:user/bob", Some("s"), "only roles have sessions"),
            ("arn:aws:iam::123456789012:role/dev", Some("a b"), "`a b` cannot be the name of a session"),
            ("arn:aws:sts::123456789012:assumed-role/dev/me", Some("you"), "named `me` in the ARN and `you` beside it"),
            (
                "arn:aws:iam::123456789012:role/other/dev",
                None,
                "the directory knows it as `arn:aws:iam::123456789012:role/team/dev`",
            ),
        ] {
            let error = caller(text, session).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}

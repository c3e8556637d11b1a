//! ARNs that nobody has: a row with one is kept by AWS's authenticator, compared with every caller, and never matches.
//!
//! A caller's ARN arrives in one of four forms (a role without its path, a user with it, an account's root, a federated
//! user), and the row's text is compared with it as it stands, only without regard to case. Whatever could be none of
//! the four is dead. Source: aws-iam-authenticator, `pkg/arn` and `pkg/mapper/configmap`.

use super::find::fold;
use crate::arn::{Arn, ArnError, ArnProblem, printable};
use crate::principal::{PrincipalArn, PrincipalKind, canonicalize};

/// Why an ARN matches nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NeverMatches {
    /// A role with its path.
    #[error(
        "`{arn}` has a path, and sessions do not tell their role's path, so that it matches nobody; without it, this is \
         `{without_path}`"
    )]
    Path {
        /// As it is written.
        arn: String,
        /// The ARN that callers with this role have.
        without_path: String,
    },
    /// The session of a role.
    #[error("`{arn}` is a session's ARN, and a row is compared with the role's, `{role}`")]
    Session {
        /// As it is written.
        arn: String,
        /// The ARN of the role.
        role: String,
    },
    /// A wildcard.
    #[error("`{arn}` has a wildcard, and a row is compared letter by letter")]
    Wildcard {
        /// As it is written.
        arn: String,
    },
    /// An account that is no twelve digits.
    #[error("the account `{account}` in `{arn}` has {} characters, and accounts have 12 digits", account.chars().count())]
    Account {
        /// As it is written.
        arn: String,
        /// The account.
        account: String,
    },
    /// A space, a control character or a letter that looks like another.
    #[error("`{arn}` has a space or a character that no ARN has")]
    Character {
        /// As it is written.
        arn: String,
    },
    /// An ARN of something that does not call.
    #[error("`{arn}` names neither a role nor a user")]
    NotAPrincipal {
        /// As it is written.
        arn: String,
    },
    /// No ARN at all.
    #[error("{0}")]
    Malformed(#[from] ArnError),
}

impl NeverMatches {
    /// Why this ARN matches nobody; none if somebody could have it.
    pub fn of(arn: &str) -> Option<Self> {
        let shown = || printable(arn);
        let folded = fold(arn);
        let error = match PrincipalArn::parse(&folded) {
            Ok(principal) if principal.kind() != PrincipalKind::Role || principal.path() == "/" => return None,
            // The path is dropped from what is written, whose case people know.
            Ok(_) => {
                let without_path = match (arn.find('/'), arn.rfind('/')) {
                    (Some(first), Some(last)) => {
                        format!("{}{}", arn.get(..first).unwrap_or_default(), arn.get(last..).unwrap_or_default())
                    }
                    _ => String::new(),
                };
                return Some(Self::Path { arn: shown(), without_path });
            }
            Err(error) => error,
        };
        if arn.contains(['*', '?']) && folded.starts_with("arn:") {
            return Some(Self::Wildcard { arn: shown() });
        }
        if let Ok((role, _)) = canonicalize(arn) {
            return Some(Self::Session { arn: shown(), role: role.to_string() });
        }
        if Arn::parse(&folded).is_ok_and(|arn| !matches!(arn.service, "iam" | "sts")) {
            return Some(Self::NotAPrincipal { arn: shown() });
        }
        let sections: Vec<&str> = arn.splitn(6, ':').collect();
        Some(match error.problem {
            ArnProblem::Character => Self::Character { arn: shown() },
            ArnProblem::Account => {
                let account = sections.get(4).copied().map(printable).unwrap_or_default();
                Self::Account { arn: shown(), account }
            }
            ArnProblem::NotAPrincipal if Arn::parse(&folded).is_ok() => Self::NotAPrincipal { arn: shown() },
            problem => Self::Malformed(ArnError { arn: shown(), problem }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_can_have_as_an_arn_may_match() {
        for arn in [
            "arn:aws:iam::123456789012:role/Admin",
            "ARN:AWS:IAM::123456789012:ROLE/ADMIN",
            "arn:aws:iam::123456789012:user/p/q/Bob",
            "arn:aws-cn:iam::123456789012:root",
            "arn:aws:sts::123456789012:federated-user/Bob",
            "arn:aws:iam::123456789012:role/\u{212A}ube",
            "arn:aws:iam::123456789012:role/ops\u{17F}",
        ] {
            assert_eq!(NeverMatches::of(arn), None, "{arn}");
        }
    }

    #[test]
    fn what_nobody_has_says_why() {
        let why = |arn: &str| NeverMatches::of(arn).unwrap();
        let path = why("arn:aws:iam::123456789012:role/Team/Dev");
        assert!(matches!(&path, NeverMatches::Path { without_path, .. } if without_path.ends_with(":role/Dev")));
        let session = why("arn:aws:sts::123456789012:assumed-role/Dev/me");
        assert!(
            matches!(&session, NeverMatches::Session { role, .. } if role.ends_with(":iam::123456789012:role/Dev"))
        );
        assert!(matches!(why("arn:aws:iam::123456789012:role/*"), NeverMatches::Wildcard { .. }));
        assert!(matches!(why("arn:aws:iam::*:role/a"), NeverMatches::Wildcard { .. }));
        assert!(
            matches!(why("arn:aws:iam::1234567890:role/a"), NeverMatches::Account { account, .. } if account.len() == 10)
        );
        assert!(matches!(why("arn:aws:iam::123456789012:role/a "), NeverMatches::Character { .. }));
        assert!(matches!(why("arn:aws:iam::123456789012:role/\u{430}"), NeverMatches::Character { .. }));
        for arn in ["arn:aws:iam::123456789012:group/g", "arn:aws:s3:::bucket", "arn:aws:sts::123456789012:role/a"] {
            assert!(matches!(why(arn), NeverMatches::NotAPrincipal { .. }), "{arn}");
        }
        for arn in ["", "admin", "arn:aws-us-govt:iam::123456789012:role/a", "arn:aws:iam::123456789012:role/"] {
            assert!(matches!(why(arn), NeverMatches::Malformed(_)), "{arn}");
        }
    }
}

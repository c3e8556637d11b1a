//! Amazon Resource Names: six sections separated by colons.
//!
//! `arn:partition:service:region:account:resource`. Source: the AWS General Reference, "ARN format". Parsing is
//! stricter than what AWS's own authenticator does (which leaves account and region unchecked): an [`Arn`] that exists
//! has a known partition, an account that is empty, `aws` or twelve digits, and no character that could hide in a log.

use std::fmt;

use crate::partition::Partition;

/// No ARN of IAM or EKS is longer (IAM: 2,048 characters).
pub const MAX_ARN_LENGTH: usize = 2048;

/// A valid ARN, with its sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arn<'a> {
    /// Second section.
    pub partition: Partition,
    /// Third section, such as `iam`, `sts`, `eks`.
    pub service: &'a str,
    /// Fourth section; empty for IAM.
    pub region: &'a str,
    /// Fifth section: twelve digits, `aws`, or empty.
    pub account: &'a str,
    /// Sixth section: all that is left, colons and slashes included; never empty.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Splits and checks an ARN.
    ///
    /// # Errors
    /// Says which section is wrong, and what was expected there.
    pub fn parse(text: &'a str) -> Result<Self, ArnError> {
        let fail = |problem| ArnError { arn: printable(text), problem };
        if text.len() > MAX_ARN_LENGTH {
            return Err(fail(ArnProblem::TooLong));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(fail(ArnProblem::Character));
        }
        let mut sections = text.splitn(6, ':');
        let mut next = || sections.next().ok_or_else(|| fail(ArnProblem::Sections));
        if next()? != "arn" {
            return Err(fail(ArnProblem::Prefix));
        }
        let partition = next()?;
        let (service, region, account, resource) = (next()?, next()?, next()?, next()?);
        let partition = Partition::from_name(partition).ok_or_else(|| fail(ArnProblem::Partition))?;
        let account_is_valid =
            account.is_empty() || account == "aws" || account.parse::<crate::account_id::AccountId>().is_ok();
        if !account_is_valid {
            return Err(fail(ArnProblem::Account));
        }
        if service.is_empty() || resource.is_empty() {
            return Err(fail(ArnProblem::Empty));
        }
        Ok(Self { partition, service, region, account, resource })
    }
}

impl fmt::Display for Arn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, service, region, account, resource } = self;
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

/// A text that should be an ARN and is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{arn}` is not a valid ARN: {problem}")]
pub struct ArnError {
    /// The text, shortened and made printable.
    pub arn: String,
    /// What is wrong with it.
    pub problem: ArnProblem,
}

/// What is wrong with an ARN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArnProblem {
    /// More than [`MAX_ARN_LENGTH`] bytes.
    #[error("it is longer than 2048 characters")]
    TooLong,
    /// A space, a control character or a character outside ASCII.
    #[error("it contains a space, a control character or a character outside ASCII")]
    Character,
    /// Fewer than six sections.
    #[error("expected six sections separated by `:`")]
    Sections,
    /// The first section is not `arn`.
    #[error("it must begin with `arn:` in lower case")]
    Prefix,
    /// The second section is no partition.
    #[error("unknown partition, expected one such as `aws`, `aws-cn` or `aws-us-gov`")]
    Partition,
    /// The fifth section is no account.
    #[error("the account must be exactly 12 digits")]
    Account,
    /// A section that may not be empty is.
    #[error("the service or the resource is empty")]
    Empty,
    /// A valid ARN, but of something that cannot authenticate.
    #[error("it does not name an IAM role, user, root or federated user")]
    NotAPrincipal,
    /// A principal whose path or name breaks IAM's rules.
    #[error("the path or name is not one that IAM allows")]
    Name,
    /// `assumed-role/NAME` without a session, or more segments than two.
    #[error("expected `assumed-role/ROLE/SESSION`")]
    Session,
}

/// At most 200 characters of what the user gave, with anything that could forge a log line made visible.
pub(crate) fn printable(text: &str) -> String {
    let shown: String = text.chars().take(200).flat_map(char::escape_debug).collect();
    if text.chars().nth(200).is_some() { format!("{shown}…") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_prints_as_it_was_parsed() {
        let text = "arn:aws:eks:us-west-2:123456789012:access-entry/c/role/123456789012/a/b:c";
        assert_eq!(Arn::parse(text).unwrap().to_string(), text);
    }

    #[test]
    fn what_is_no_arn_is_refused_with_the_section_that_is_wrong() {
        for (text, problem) in [
            ("", ArnProblem::Prefix),
            ("arn", ArnProblem::Sections),
            ("ARN:aws:iam::123456789012:role/a", ArnProblem::Prefix),
            (" arn:aws:iam::123456789012:role/a", ArnProblem::Character),
            ("arn:aws:iam::123456789012:role/a\n", ArnProblem::Character),
            ("arn:AWS:iam::123456789012:role/a", ArnProblem::Partition),
            ("arn:aws-us-govt:iam::123456789012:role/a", ArnProblem::Partition),
            ("arn:aws:iam::1234567890:role/a", ArnProblem::Account),
            ("arn:aws:iam::123456789012", ArnProblem::Sections),
            ("arn:aws:iam::123456789012:", ArnProblem::Empty),
            ("arn:aws::us-west-2:123456789012:x", ArnProblem::Empty),
        ] {
            assert_eq!(Arn::parse(text).unwrap_err().problem, problem, "{text}");
        }
        assert_eq!(Arn::parse(&"a".repeat(2049)).unwrap_err().problem, ArnProblem::TooLong);
    }
}

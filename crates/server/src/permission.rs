//! What a request needs, and whether its caller may.
//!
//! Each service says in a table of its own what its operations need (`eks/permissions.rs`, `iam/permissions.rs`,
//! `own/mod.rs`), from the parameters as they were parsed: the same values that the operation then works with.

use std::fmt;

use doorward_core::partition::Partition;
use doorward_identity::Caller;
use doorward_identity::policy::{Context, Request, Verdict};

/// One permission that a request needs.
#[derive(Clone, Debug)]
pub(crate) struct Need<'a> {
    /// Such as `eks:CreateAccessEntry`.
    pub(crate) action: String,
    /// What policies are asked about: an ARN, or `*`.
    pub(crate) resource: String,
    /// What the refusal says of the resource. It is made of the request alone, and so never tells what exists.
    pub(crate) shown: String,
    /// What conditions can ask.
    pub(crate) context: Context<'a>,
}

/// Checks every permission that a request needs. An administrator is not asked, and nothing is built for one.
///
/// # Errors
/// The first permission that is missing.
pub(crate) fn permit<'a>(caller: &Caller, needs: impl FnOnce() -> Vec<Need<'a>>) -> Result<(), Refusal> {
    if caller.is_administrator() {
        return Ok(());
    }
    for Need { action, resource, shown, context } in needs() {
        let verdict = caller.evaluate(&Request { action: &action, resource: &resource, context: &context });
        if verdict != Verdict::Allowed {
            let is_explicit = verdict == Verdict::Denied;
            return Err(Refusal { caller: caller.arn(), action, resource: shown, is_explicit });
        }
    }
    Ok(())
}

/// A refusal in AWS's words.
///
/// Source: IAM User Guide, "Troubleshoot access denied error messages".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    caller: String,
    action: String,
    resource: String,
    is_explicit: bool,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { caller, action, resource, is_explicit } = self;
        write!(f, "User: {caller} is not authorized to perform: {action} on resource: {resource} ")?;
        if *is_explicit {
            f.write_str("with an explicit deny in an identity-based policy")
        } else {
            write!(f, "because no identity-based policy allows the {action} action")
        }
    }
}

/// Whose calls of IAM are made in which region: it has one for each partition, whatever the signature says.
pub(crate) fn iam_region(partition: Partition) -> &'static str {
    match partition.name() {
        "aws-cn" => "cn-north-1",
        "aws-us-gov" => "us-gov-west-1",
        _ => "us-east-1",
    }
}

/// At most 200 characters of what a client sent, as a message can show them.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(200).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use doorward_identity::Identity;

    use super::*;

    #[test]
    fn nothing_is_built_for_an_administrator() {
        let caller = Caller {
            identity: Identity::Root,
            account: "123456789012".parse().unwrap(),
            partition: Partition::Aws,
            access_key_id: "AKIAROOT".to_owned(),
            is_temporary: false,
        };
        assert_eq!(permit(&caller, || panic!("needs are built")), Ok(()));
    }

    #[test]
    fn iam_is_in_one_region_of_each_partition() {
        for (name, region) in [("aws", "us-east-1"), ("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1")] {
            assert_eq!(iam_region(Partition::from_name(name).unwrap()), region);
        }
    }
}

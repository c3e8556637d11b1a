//! From the ARN of a row to the principal that an entry names: with its real path and in its real spelling, or not at
//! all.
//!
//! A row names a role without its path and in any case; an entry wants both exactly. Only the directory knows them, and
//! it is asked for the row's own account alone: a role of the same name in another account is another role. Where the
//! directory does not know the account, the ARN is taken as it is written. That is safe, because EKS refuses an entry
//! whose principal does not exist in that very account ("invalid principal"): a wrong path can fail, and never let in
//! anybody else. It is said all the same, so that nobody takes the plan for verified.

use super::stop::Stop;
use super::verdict::{DropCode, KeepCode};
use crate::aws_auth::NeverMatches;
use crate::directory::Directory;
use crate::partition::Partition;
use crate::principal::{PrincipalArn, PrincipalKind};

/// Whom a row lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mapped {
    /// As an entry names it.
    pub(super) arn: PrincipalArn,
    /// Whether the directory says so.
    pub(super) verified: bool,
}

/// Finds whom a row's ARN lets in.
///
/// # Errors
/// [`Stop`] for an ARN that matches nobody, and for principals that can have no entry.
pub(super) fn principal(text: &str, directory: &Directory, partition: Option<Partition>) -> Result<Mapped, Stop> {
    let arn = spelled(text)?;
    if let Some(partition) = partition.filter(|partition| *partition != arn.partition()) {
        let reason =
            format!("its partition is `{}`, and callers of this cluster are of `{partition}`", arn.partition());
        return Err(Stop::dropped(DropCode::Partition, reason));
    }
    if !matches!(arn.kind(), PrincipalKind::Role | PrincipalKind::User) {
        let reason = "entries are for roles and users; EKS takes no other principal".to_owned();
        let advice = "give the access to a role, and let its people assume that";
        return Err(Stop::kept(KeepCode::NeitherRoleNorUser, reason).advise(advice));
    }
    let mapped = match directory.find(&arn) {
        Some(known) => Mapped { arn: known.arn.clone(), verified: true },
        None if directory.knows(arn.account()) => {
            let kind = if arn.kind() == PrincipalKind::Role { "role" } else { "user" };
            let reason = format!(
                "the account {} has no such {kind}; the row lets nobody in, and would let in whoever makes one",
                arn.account()
            );
            return Err(Stop::dropped(DropCode::NoSuchPrincipal, reason));
        }
        None => Mapped { arn, verified: false },
    };
    refuse_service_linked(&mapped)?;
    refuse_unknown_path(&mapped)?;
    Ok(mapped)
}

/// Reads an ARN whatever its case, as rows are matched.
///
/// # Errors
/// [`Stop`] for one that matches nobody.
pub(super) fn spelled(text: &str) -> Result<PrincipalArn, Stop> {
    if let Some(never) = NeverMatches::of(text) {
        return Err(dead(&never));
    }
    // The name keeps its case, as far as the rest lets it.
    let spellings = [text.to_owned(), lower_frame(text), text.to_lowercase()];
    let found = spellings.iter().find_map(|spelling| PrincipalArn::parse(spelling).ok());
    found.ok_or_else(|| Stop::dropped(DropCode::NotAnArn, "it names nobody that could call"))
}

fn dead(never: &NeverMatches) -> Stop {
    let code = match never {
        NeverMatches::Path { .. } => DropCode::Path,
        NeverMatches::Session { .. } => DropCode::Session,
        NeverMatches::NotAPrincipal { .. } => DropCode::NotAPrincipal,
        NeverMatches::Wildcard { .. }
        | NeverMatches::Account { .. }
        | NeverMatches::Character { .. }
        | NeverMatches::Malformed(_) => DropCode::NotAnArn,
    };
    let stop = Stop::dropped(code, format!("it lets nobody in: {never}"));
    match never {
        NeverMatches::Path { .. } => stop
            .advise("leave it out; if the role is to have access, make an entry for it, which it does not have today"),
        _ => stop,
    }
}

/// The ARN with everything but path and name in lower case.
fn lower_frame(text: &str) -> String {
    let mut sections = text.splitn(6, ':');
    let frame: Vec<String> = sections.by_ref().take(5).map(str::to_ascii_lowercase).collect();
    let resource = sections.next().unwrap_or_default();
    let (kind, name) = resource.split_at(resource.find('/').unwrap_or(resource.len()));
    format!("{}:{}{name}", frame.join(":"), kind.to_ascii_lowercase())
}

/// IAM keeps the names that begin so for the roles of its services.
fn refuse_service_linked(mapped: &Mapped) -> Result<(), Stop> {
    let is_named_so = mapped.arn.kind() == PrincipalKind::Role && mapped.arn.name().starts_with("AWSServiceRoleFor");
    if !mapped.arn.is_service_linked_role() && !is_named_so {
        return Ok(());
    }
    let reason = "EKS refuses entries for service-linked roles; with the mode API its service loses access".to_owned();
    let advice = "let the service make the entry itself where it does that, or stay in the mode API_AND_CONFIG_MAP";
    Err(Stop::kept(KeepCode::ServiceLinkedRole, reason).advise(advice))
}

/// Roles of IAM Identity Center always stand below `/aws-reserved/`, so the ARN without a path names no role.
fn refuse_unknown_path(mapped: &Mapped) -> Result<(), Stop> {
    if mapped.verified || !mapped.arn.name().starts_with("AWSReservedSSO_") || mapped.arn.path() != "/" {
        return Ok(());
    }
    let reason = format!(
        "it is a role of IAM Identity Center, which has a path, and nothing is known of the account {}",
        mapped.arn.account()
    );
    Err(Stop::kept(KeepCode::PathUnknown, reason).advise("give its real ARN with `--directory`, and plan again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> Directory {
        Directory::parse(
            r#"[{"arn": "arn:aws:iam::123456789012:role/team/Dev", "uniqueId": "AROADEV"},
                {"arn": "arn:aws:iam::123456789012:role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"}]"#,
        )
        .unwrap()
    }

    fn find(text: &str) -> Result<Mapped, Stop> {
        principal(text, &directory(), Some(Partition::Aws))
    }

    #[test]
    fn a_role_is_named_as_the_directory_spells_it_and_with_its_path() {
        for text in [
            "arn:aws:iam::123456789012:role/Dev",
            "arn:aws:iam::123456789012:role/dEV",
            "ARN:aws:IAM::123456789012:Role/dev",
        ] {
            let mapped = find(text).unwrap();
            assert_eq!((mapped.arn.as_str(), mapped.verified), ("arn:aws:iam::123456789012:role/team/Dev", true));
        }
    }

    #[test]
    fn a_role_of_an_account_that_is_not_known_is_never_looked_up_in_another() {
        let mapped = find("arn:aws:iam::210987654321:role/Dev").unwrap();
        assert_eq!((mapped.arn.as_str(), mapped.verified), ("arn:aws:iam::210987654321:role/Dev", false));
    }

    #[test]
    fn what_matches_nobody_is_dropped_with_its_reason() {
        for (text, code) in [
            ("arn:aws:iam::123456789012:role/team/Dev", DropCode::Path),
            ("arn:aws:iam::123456789012:role/gone", DropCode::NoSuchPrincipal),
            ("arn:aws:iam::123456789012:user/Dev", DropCode::NoSuchPrincipal),
            ("arn:aws:sts::123456789012:assumed-role/Dev/me", DropCode::Session),
            ("arn:aws-cn:iam::123456789012:role/Dev", DropCode::Partition),
            ("arn:aws:iam::123456789012:group/g", DropCode::NotAPrincipal),
            ("arn:aws:iam::123456789012:role/*", DropCode::NotAnArn),
            ("arn:aws:iam::1234567890:role/Dev", DropCode::NotAnArn),
            ("role/Dev", DropCode::NotAnArn),
            ("aws:iam::123456789012:role/Dev", DropCode::NotAnArn),
            ("", DropCode::NotAnArn),
        ] {
            assert_eq!(find(text).unwrap_err().drop_code(), Some(code), "{text}");
        }
    }

    #[test]
    fn who_can_have_no_entry_stays_in_aws_auth() {
        for (text, code) in [
            ("arn:aws:iam::123456789012:root", KeepCode::NeitherRoleNorUser),
            ("arn:aws:sts::123456789012:federated-user/Bob", KeepCode::NeitherRoleNorUser),
            ("arn:aws:iam::123456789012:role/AWSServiceRoleForBatch", KeepCode::ServiceLinkedRole),
            ("arn:aws:iam::210987654321:role/AWSServiceRoleForAmazonEMRContainers", KeepCode::ServiceLinkedRole),
            ("arn:aws:iam::210987654321:role/AWSReservedSSO_Admin_0123456789abcdef", KeepCode::PathUnknown),
        ] {
            assert_eq!(find(text).unwrap_err().keep_code(), Some(code), "{text}");
        }
    }
}

//! Principals: who an access entry or an identity mapping names, and who calls.
//!
//! Three forms of the same thing meet here. The *principal ARN* names a role or a user in IAM, with its path. The
//! *caller's ARN* is what STS `GetCallerIdentity` answers: for a role it names the session and has lost the path. The
//! *canonical ARN* is the caller's ARN turned back into IAM's form: session dropped, path unknown.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::account_id::AccountId;
use crate::arn::{Arn, ArnError, ArnProblem, printable};
use crate::partition::Partition;
use crate::text_form::text_form;

/// What kind of principal an ARN names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PrincipalKind {
    /// `role/…`
    Role,
    /// `user/…`
    User,
    /// `root`, the account itself.
    Root,
    /// `federated-user/…` of STS.
    FederatedUser,
}

/// An ARN that names a principal in IAM, exactly as given (a path is kept).
///
/// Order, equality and hash are those of the text.
#[derive(Clone)]
pub struct PrincipalArn {
    text: Box<str>,
    // A World holds one of these for each access entry, so what the text says is not kept a second time, and offsets
    // are as narrow as the longest ARN allows.
    partition: Partition,
    kind: PrincipalKind,
    /// Byte offset of the name in `text`: what follows the last slash.
    name_at: u16,
    /// Byte offset of the path's leading slash; equal to `name_at - 1` where the path is `/`.
    path_at: u16,
}

impl PrincipalArn {
    /// Parses `arn:P:iam::ACCOUNT:role/…`, `…:user/…`, `…:root` or `arn:P:sts::ACCOUNT:federated-user/NAME`.
    ///
    /// # Errors
    /// Sessions (`assumed-role`), groups, instance profiles and everything else are no principals of an entry.
    pub fn parse(text: &str) -> Result<Self, ArnError> {
        let arn = Arn::parse(text)?;
        let fail = |problem| ArnError { arn: printable(text), problem };
        if !arn.region.is_empty() {
            return Err(fail(ArnProblem::NotAPrincipal));
        }
        arn.account.parse::<AccountId>().map_err(|_| fail(ArnProblem::Account))?;
        let kind = match (arn.service, arn.resource.split('/').next().unwrap_or_default()) {
            ("iam", "role") => PrincipalKind::Role,
            ("iam", "user") => PrincipalKind::User,
            ("iam", "root") if arn.resource == "root" => PrincipalKind::Root,
            ("sts", "federated-user") => PrincipalKind::FederatedUser,
            _ => return Err(fail(ArnProblem::NotAPrincipal)),
        };
        let resource_at = text.len() - arn.resource.len();
        let (path_at, name_at) = match (arn.resource.find('/'), arn.resource.rfind('/')) {
            (Some(first), Some(last)) => (resource_at + first, resource_at + last + 1),
            _ if kind == PrincipalKind::Root => (text.len(), resource_at),
            _ => return Err(fail(ArnProblem::Name)),
        };
        let offset = |at: usize| u16::try_from(at).map_err(|_| fail(ArnProblem::TooLong));
        let (path_at, name_at) = (offset(path_at)?, offset(name_at)?);
        let parsed = Self { text: text.into(), partition: arn.partition, kind, name_at, path_at };
        let path_is_plain = parsed.path() == "/";
        let name_is_valid = match kind {
            PrincipalKind::Role | PrincipalKind::User => is_iam_name(parsed.name(), 64) && is_iam_path(parsed.path()),
            PrincipalKind::FederatedUser => is_iam_name(parsed.name(), 32) && path_is_plain,
            PrincipalKind::Root => true,
        };
        if name_is_valid { Ok(parsed) } else { Err(fail(ArnProblem::Name)) }
    }

    /// The ARN as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The partition it belongs to.
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// The account it belongs to.
    pub fn account(&self) -> AccountId {
        let before = "arn:".len() + self.partition.name().len() + ":iam::".len();
        AccountId::at(&self.text, before)
    }

    /// What it names.
    pub fn kind(&self) -> PrincipalKind {
        self.kind
    }

    /// The friendly name, without the path; `root` for the account itself.
    pub fn name(&self) -> &str {
        self.text.get(usize::from(self.name_at)..).unwrap_or_default()
    }

    /// The path with its slashes, `/` where there is none.
    pub fn path(&self) -> &str {
        match self.text.get(usize::from(self.path_at)..usize::from(self.name_at)) {
            None | Some("") => "/",
            Some(path) => path,
        }
    }

    /// The same principal with the path `/`: for a role, the form that a caller's session gives away.
    pub fn without_path(&self) -> Self {
        if self.path() == "/" {
            return self.clone();
        }
        let text = self.without_path_in_two().concat().into();
        Self { text, name_at: self.path_at + 1, partition: self.partition, kind: self.kind, path_at: self.path_at }
    }

    /// The text without the path: what comes before it, slash included, and the name.
    fn without_path_in_two(&self) -> [&str; 2] {
        let path_at = usize::from(self.path_at);
        [self.text.get(..=path_at).unwrap_or_default(), self.name()]
    }

    /// What callers are told apart by: the ARN in lower case, and for a role without its path. Names in IAM are unique
    /// whatever their case, and a session does not say the role's path.
    pub fn canonical_key(&self) -> String {
        self.canonical_in_two().concat().to_ascii_lowercase()
    }

    /// Whether a text says, in any case, what callers are told apart by: [`Self::canonical_key`] without writing it.
    pub(crate) fn is_canonically(&self, text: &str) -> bool {
        let [before, name] = self.canonical_in_two();
        let parts = text.split_at_checked(before.len());
        parts.is_some_and(|(one, two)| one.eq_ignore_ascii_case(before) && two.eq_ignore_ascii_case(name))
    }

    fn canonical_in_two(&self) -> [&str; 2] {
        if self.kind == PrincipalKind::Role { self.without_path_in_two() } else { [&self.text, ""] }
    }

    /// The ARN of a role's session, as STS writes it: without the role's path.
    pub fn session_arn(&self, session_name: &str) -> String {
        let (partition, account) = (self.partition.name(), self.account());
        ["arn:", partition, ":sts::", account.as_str(), ":assumed-role/", self.name(), "/", session_name].concat()
    }

    /// Roles that an AWS service made for itself; EKS refuses entries for them.
    pub fn is_service_linked_role(&self) -> bool {
        self.kind == PrincipalKind::Role && self.path().starts_with("/aws-service-role/")
    }
}

impl PartialEq for PrincipalArn {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for PrincipalArn {}

impl PartialOrd for PrincipalArn {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PrincipalArn {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl std::hash::Hash for PrincipalArn {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Display for PrincipalArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for PrincipalArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for PrincipalArn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        Self::parse(text)
    }
}

text_form!(PrincipalArn);

/// A principal's unique id in IAM: `AROA…` for a role, `AIDA…` for a user, the account for root, `ACCOUNT:NAME` for a
/// federated user. A principal that is deleted and made again has another one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PrincipalId(pub String);

impl fmt::Display for PrincipalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The derived `Eq`, `Ord` and `Hash` of the one field are those of its text, as `Borrow` asks: whoever has the text
/// finds an entry without a copy of it, which the authorization webhook does for every request.
impl Borrow<str> for PrincipalId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A verified caller: what STS `GetCallerIdentity` says of whoever signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The caller's ARN: the session's for a role.
    pub arn: String,
    /// The caller's ARN in IAM's form. A role's path is unknown and therefore `/`.
    pub canonical: PrincipalArn,
    /// The unique id, without the session name.
    pub id: PrincipalId,
    /// The session's name; empty for anything but a role.
    pub session_name: String,
    /// The access key that signed.
    pub access_key_id: String,
    /// The private DNS name of the EC2 instance that the session name names, where somebody looked it up and the
    /// instance really runs with this role. Node usernames need it; without it they are refused.
    pub private_dns_name: Option<String>,
}

impl Principal {
    /// The session's name with every `@` as `-`, as names in Kubernetes have it.
    pub(crate) fn session_name_without_at(&self) -> Cow<'_, str> {
        if self.session_name.as_bytes().contains(&b'@') {
            self.session_name.replace('@', "-").into()
        } else {
            self.session_name.as_str().into()
        }
    }

    /// A session of a role, as [`Self::from_caller_identity`] puts it together from what `GetCallerIdentity` answers for
    /// it: for whoever has the role itself, and need not take its ARN apart again.
    ///
    /// # Errors
    /// If `role` is no role, `id` no unique id, or `session_name` no session's name.
    pub fn of_role_session(
        role: &PrincipalArn,
        id: &PrincipalId,
        session_name: &str,
        access_key_id: &str,
    ) -> Result<Self, PrincipalError> {
        let arn = role.session_arn(session_name);
        if role.kind() != PrincipalKind::Role || !is_session_name(session_name) {
            return Err(ArnError { arn: printable(&arn), problem: ArnProblem::Session }.into());
        }
        if !is_unique_id(&id.0) {
            return Err(PrincipalError::UserId { arn: printable(&arn), user_id: printable(&id.0) });
        }
        Ok(Self {
            arn,
            canonical: role.without_path(),
            id: id.clone(),
            session_name: session_name.to_owned(),
            access_key_id: access_key_id.to_owned(),
            private_dns_name: None,
        })
    }

    /// Puts together what `GetCallerIdentity` answered, refusing any disagreement between its fields.
    ///
    /// `user_id` is `AROA…:SESSION` for a role's session, else the bare unique id.
    ///
    /// # Errors
    /// If the ARN is no caller's, or account, session or id do not fit it.
    pub fn from_caller_identity(
        arn: &str,
        account: &str,
        user_id: &str,
        access_key_id: &str,
    ) -> Result<Self, PrincipalError> {
        let parsed = Arn::parse(arn)?;
        if parsed.account != account {
            return Err(PrincipalError::Account { arn: printable(arn), account: printable(account) });
        }
        let (canonical, session_name) = canonical_of(arn, parsed)?;
        let mismatch = || PrincipalError::UserId { arn: printable(arn), user_id: printable(user_id) };
        let id = match canonical.kind() {
            PrincipalKind::Role => {
                let (id, session) = user_id.split_once(':').ok_or_else(mismatch)?;
                // A role calls by its sessions alone: STS names no role, and none is believed to call.
                if session.is_empty() || session != session_name || !is_unique_id(id) {
                    return Err(mismatch());
                }
                id
            }
            PrincipalKind::FederatedUser => {
                let expected = format!("{account}:{}", canonical.name());
                if user_id != expected {
                    return Err(mismatch());
                }
                user_id
            }
            PrincipalKind::User | PrincipalKind::Root => {
                if !is_unique_id(user_id) {
                    return Err(mismatch());
                }
                user_id
            }
        };
        Ok(Self {
            arn: arn.to_owned(),
            id: PrincipalId(id.to_owned()),
            session_name: session_name.to_owned(),
            access_key_id: access_key_id.to_owned(),
            canonical,
            private_dns_name: None,
        })
    }
}

/// Whether this may be the unique id of a role or user.
fn is_unique_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Turns a caller's ARN into IAM's form, and gives the session's name (empty where there is none).
///
/// # Errors
/// If the ARN names nothing that can call: groups, instance profiles, an `assumed-role` without a session.
pub fn canonicalize(arn: &str) -> Result<(PrincipalArn, &str), ArnError> {
    canonical_of(arn, Arn::parse(arn)?)
}

fn canonical_of<'a>(arn: &str, parsed: Arn<'a>) -> Result<(PrincipalArn, &'a str), ArnError> {
    if parsed.service != "sts" || !parsed.resource.starts_with("assumed-role") {
        return Ok((PrincipalArn::parse(arn)?, ""));
    }
    let fail = |problem| ArnError { arn: printable(arn), problem };
    let mut segments = parsed.resource.split('/');
    let (Some("assumed-role"), Some(role), Some(session), None) =
        (segments.next(), segments.next(), segments.next(), segments.next())
    else {
        return Err(fail(ArnProblem::Session));
    };
    if !is_session_name(session) {
        return Err(fail(ArnProblem::Session));
    }
    let canonical = ["arn:", parsed.partition.name(), ":iam::", parsed.account, ":role/", role].concat();
    Ok((PrincipalArn::parse(&canonical).map_err(|error| fail(error.problem))?, session))
}

/// Whether STS accepts this as a session name: `[\w+=,.@-]{2,64}`; services may use one character.
pub fn is_session_name(name: &str) -> bool {
    is_iam_name(name, 64)
}

/// Whether IAM accepts this as a friendly name: `[\w+=,.@-]`, one to `max` characters.
pub fn is_iam_name(name: &str, max: usize) -> bool {
    (1..=max).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte))
}

/// Whether IAM accepts this as a path: `/`, or `/…/` with visible ASCII in between, at most 512 characters.
pub fn is_iam_path(path: &str) -> bool {
    path.starts_with('/')
        && path.ends_with('/')
        && path.len() <= 512
        && path.bytes().all(|byte| byte.is_ascii_graphic())
        && !path.contains("//")
}

/// Why what STS said of a caller is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrincipalError {
    /// The ARN is not a caller's.
    #[error(transparent)]
    Arn(#[from] ArnError),
    /// Account and ARN disagree.
    #[error("the account `{account}` is not the account of `{arn}`")]
    Account {
        /// The ARN.
        arn: String,
        /// The account given beside it.
        account: String,
    },
    /// Unique id and ARN disagree.
    #[error("the user id `{user_id}` does not fit `{arn}`")]
    UserId {
        /// The ARN.
        arn: String,
        /// The id given beside it.
        user_id: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_arn_gives_its_parts() {
        let role = PrincipalArn::parse("arn:aws:iam::123456789012:role/aws-reserved/sso/Admin").unwrap();
        assert_eq!((role.path(), role.name(), role.kind()), ("/aws-reserved/sso/", "Admin", PrincipalKind::Role));
        assert_eq!(role.without_path().as_str(), "arn:aws:iam::123456789012:role/Admin");
        assert_eq!(role.without_path().name(), "Admin");
        assert_eq!(role.without_path().path(), "/");
        let user = PrincipalArn::parse("arn:aws-cn:iam::123456789012:user/bob").unwrap();
        assert_eq!((user.path(), user.name(), user.partition()), ("/", "bob", Partition::AwsCn));
        let root = PrincipalArn::parse("arn:aws:iam::123456789012:root").unwrap();
        assert_eq!((root.path(), root.name(), root.without_path()), ("/", "root", root.clone()));
    }

    #[test]
    fn what_cannot_authenticate_is_no_principal() {
        for text in [
            "arn:aws:iam::123456789012:group/g",
            "arn:aws:iam::123456789012:instance-profile/p",
            "arn:aws:iam::123456789012:role",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:role//a",
            "arn:aws:iam::123456789012:role/*",
            "arn:aws:iam::123456789012:Role/a",
            "arn:aws:iam::123456789012:root/x",
            "arn:aws:iam:us-east-1:123456789012:role/a",
            "arn:aws:iam::aws:role/a",
            "arn:aws:iam:::role/a",
            "arn:aws:sts::123456789012:role/a",
            "arn:aws:sts::123456789012:assumed-role/a/s",
            "arn:aws:s3:::role/a",
        ] {
            assert!(PrincipalArn::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_session_becomes_its_role_and_keeps_its_name_apart() {
        let (role, session) = canonicalize("arn:aws:sts::123456789012:assumed-role/Admin/me@x.com").unwrap();
        assert_eq!((role.as_str(), session), ("arn:aws:iam::123456789012:role/Admin", "me@x.com"));
        for text in [
            "arn:aws:sts::123456789012:assumed-role/Admin",
            "arn:aws:sts::123456789012:assumed-role/Admin/",
            "arn:aws:sts::123456789012:assumed-role//s",
            "arn:aws:sts::123456789012:assumed-role/a/b/c",
            "arn:aws:iam::123456789012:assumed-role/a/b",
        ] {
            assert!(canonicalize(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_session_put_together_from_its_role_is_the_one_that_its_arn_says() {
        let id = PrincipalId("AROAX".to_owned());
        for (role, session) in [
            ("arn:aws:iam::123456789012:role/R", "s@x.com"),
            ("arn:aws-cn:iam::123456789012:role/path/to/R", "i-0123456789abcdef0"),
            ("arn:aws:iam::123456789012:role/R", "x"),
        ] {
            let role = PrincipalArn::parse(role).unwrap();
            let made = Principal::of_role_session(&role, &id, session, "ASIA").unwrap();
            let read = Principal::from_caller_identity(&made.arn, "123456789012", &format!("AROAX:{session}"), "ASIA");
            assert_eq!(made, read.unwrap());
        }
        for (principal, session) in [
            ("arn:aws:iam::123456789012:role/R", ""),
            ("arn:aws:iam::123456789012:role/R", "a/b"),
            ("arn:aws:iam::123456789012:role/R", "a\nb"),
            ("arn:aws:iam::123456789012:user/u", "s"),
        ] {
            let principal = PrincipalArn::parse(principal).unwrap();
            assert!(Principal::of_role_session(&principal, &id, session, "ASIA").is_err(), "{principal} {session:?}");
        }
        let role = PrincipalArn::parse("arn:aws:iam::123456789012:role/R").unwrap();
        for id in ["", "A:B", "A\n"] {
            assert!(Principal::of_role_session(&role, &PrincipalId(id.to_owned()), "s", "ASIA").is_err(), "{id:?}");
        }
    }

    #[test]
    fn an_identity_whose_fields_disagree_is_not_believed() {
        let session = "arn:aws:sts::123456789012:assumed-role/R/s";
        let good = Principal::from_caller_identity(session, "123456789012", "AROAX:s", "ASIA").unwrap();
        assert_eq!((good.id.0.as_str(), good.session_name.as_str()), ("AROAX", "s"));
        for (arn, account, user_id) in [
            (session, "123456789013", "AROAX:s"),
            (session, "123456789012", "AROAX:other"),
            (session, "123456789012", "AROAX"),
            (session, "123456789012", "AROAX:s:s"),
            (session, "123456789012", ":s"),
            ("arn:aws:iam::123456789012:role/R", "123456789012", "AROAX:"),
            ("arn:aws:iam::123456789012:user/u", "123456789012", "AIDA:x"),
            ("arn:aws:iam::123456789012:user/u", "123456789012", ""),
            ("arn:aws:sts::123456789012:federated-user/Bob", "123456789012", "123456789012:Eve"),
        ] {
            assert!(Principal::from_caller_identity(arn, account, user_id, "").is_err(), "{arn} {user_id}");
        }
        let root =
            Principal::from_caller_identity("arn:aws:iam::123456789012:root", "123456789012", "123456789012", "");
        assert_eq!(root.unwrap().canonical.kind(), PrincipalKind::Root);
    }

    #[test]
    fn a_map_by_unique_ids_is_asked_with_a_text() {
        let known = imbl::HashMap::unit(PrincipalId("AROADEV".to_owned()), ());
        assert!(known.contains_key("AROADEV"));
        assert!(!known.contains_key("AROADE"));
    }
}

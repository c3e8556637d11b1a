//! From a verified principal to a Kubernetes identity.
//!
//! Source: Amazon EKS user guide, "Change authentication mode": with both sources an access entry alone counts for its
//! principal, aws-auth is asked for everybody else. Identity fields as EKS's authenticator sets them.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::access_entry::AccessEntry;
use crate::aws_auth::{Match, Section};
use crate::principal::Principal;
use crate::username::RenderError;
use crate::world::World;

/// Who somebody is in the cluster: what a TokenReview answers.
///
/// What the World or the caller says already is borrowed from there: the token webhook makes one of these for each
/// request and writes it out at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubernetesIdentity<'a> {
    /// The username.
    pub username: String,
    /// `aws-iam-authenticator:ACCOUNT:ID`.
    pub uid: String,
    /// The groups, without those that the API server adds itself (`system:authenticated`).
    pub groups: Cow<'a, [String]>,
    /// Extra attributes in the order of their names; each value is one element of a list.
    pub extra: [(&'static str, Cow<'a, str>); 6],
}

impl KubernetesIdentity<'_> {
    /// The same without what it borrows.
    pub fn into_owned(self) -> KubernetesIdentity<'static> {
        KubernetesIdentity {
            username: self.username,
            uid: self.uid,
            groups: Cow::Owned(self.groups.into_owned()),
            extra: self.extra.map(|(name, value)| (name, Cow::Owned(value.into_owned()))),
        }
    }
}

/// What let somebody in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An access entry.
    AccessEntry(Arc<AccessEntry>),
    /// A row of aws-auth: its section, its place in the section's list (from 0) and its line there (from 1).
    IdentityMapping {
        /// `mapRoles`, `mapUsers` or `mapAccounts`.
        section: Section,
        /// The place in the list.
        index: usize,
        /// The line of the section's text.
        line: usize,
    },
    /// Whoever registered the cluster, while its mode is CONFIG_MAP.
    Creator,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AccessEntry(entry) => write!(f, "the access entry of `{}`", entry.principal_arn),
            Self::IdentityMapping { section, index, line } => {
                write!(f, "row {} of {} in aws-auth (line {line})", index + 1, section.key())
            }
            Self::Creator => f.write_str("the creator of the cluster"),
        }
    }
}

/// A principal that is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved<'a> {
    /// As whom.
    pub identity: KubernetesIdentity<'a>,
    /// By what.
    pub source: Source,
}

impl Resolved<'_> {
    /// The same without what it borrows.
    pub fn into_owned(self) -> Resolved<'static> {
        Resolved { identity: self.identity.into_owned(), source: self.source }
    }
}

/// Why a verified principal is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Neither an entry nor a row of aws-auth is about this principal.
    #[error("identity is not mapped")]
    NotMapped,
    /// An entry or row is, but its username or groups cannot be filled in for this session.
    #[error("the username of {by} cannot be filled in: {error}")]
    Username {
        /// The entry or row.
        by: Source,
        /// What is missing.
        error: RenderError,
    },
}

impl Refusal {
    /// A short name for metrics and logs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotMapped => "not_mapped",
            Self::Username { .. } => "username",
        }
    }
}

/// Gives the Kubernetes identity of a verified principal.
///
/// An entry is found by the principal's unique id. If it is there, aws-auth is not asked, even if the entry's username
/// cannot be filled in.
///
/// # Errors
/// [`Refusal`] if nothing maps the principal.
pub fn resolve<'a>(world: &'a World, caller: &'a Principal) -> Result<Resolved<'a>, Refusal> {
    if world.mode().uses_access_entries() {
        if let Some(entry) = world.entry_of_caller(caller) {
            return by_entry(entry, caller);
        }
    } else if world.is_creator(caller) {
        return Ok(as_creator(caller));
    }
    if world.mode().uses_aws_auth() {
        let found = world.aws_auth().find(&caller.canonical).ok_or(Refusal::NotMapped)?;
        return by_aws_auth(found, caller);
    }
    Err(Refusal::NotMapped)
}

/// Every identity that a verified principal may be given: one, except where AWS's authenticator takes one of several
/// rows at random for each request. Never empty; the first is what [`resolve`] gives.
pub fn resolve_all<'a>(world: &'a World, caller: &'a Principal) -> Vec<Result<Resolved<'a>, Refusal>> {
    let first = resolve(world, caller);
    let is_by_row = |source: &Source| matches!(source, Source::IdentityMapping { .. });
    let source = match &first {
        Ok(resolved) => Some(&resolved.source),
        Err(Refusal::Username { by, .. }) => Some(by),
        Err(Refusal::NotMapped) => None,
    };
    if !source.is_some_and(is_by_row) {
        return vec![first];
    }
    let candidates = world.aws_auth().candidates(&caller.canonical);
    candidates.into_iter().map(|found| by_aws_auth(found, caller)).collect()
}

fn by_entry<'a>(entry: &'a Arc<AccessEntry>, caller: &'a Principal) -> Result<Resolved<'a>, Refusal> {
    let source = Source::AccessEntry(Arc::clone(entry));
    match entry.username_of(caller) {
        Ok(username) => Ok(Resolved { identity: identity(caller, username, entry.kubernetes_groups().into()), source }),
        Err(error) => Err(Refusal::Username { by: source, error }),
    }
}

/// The user guide: in this mode the creator is in no visible configuration, and an administrator all the same.
fn as_creator(caller: &Principal) -> Resolved<'_> {
    let groups = vec!["system:masters".to_owned()];
    Resolved { identity: identity(caller, "kubernetes-admin".to_owned(), groups.into()), source: Source::Creator }
}

fn by_aws_auth<'a>(found: Match<'_>, caller: &'a Principal) -> Result<Resolved<'a>, Refusal> {
    let (source, rendered) = match found {
        Match::Mapping(row) => {
            (Source::IdentityMapping { section: row.section, index: row.index, line: row.line }, row.render(caller))
        }
        Match::Account(row) => (
            Source::IdentityMapping { section: Section::Accounts, index: row.index, line: row.line },
            Ok((caller.canonical.as_str().to_owned(), Vec::new())),
        ),
    };
    match rendered {
        Ok((username, groups)) => Ok(Resolved { identity: identity(caller, username, groups.into()), source }),
        Err(error) => Err(Refusal::Username { by: source, error }),
    }
}

fn identity<'a>(caller: &'a Principal, username: String, groups: Cow<'a, [String]>) -> KubernetesIdentity<'a> {
    let extra = [
        ("accessKeyId", &*caller.access_key_id),
        ("arn", &*caller.arn),
        ("canonicalArn", caller.canonical.as_str()),
        ("principalId", &*caller.id.0),
        ("sessionName", &*caller.session_name),
        ("sigs.k8s.io/aws-iam-authenticator/principalId", &*caller.id.0),
    ];
    let uid = [UID_PREFIX, caller.canonical.account().as_str(), ":", &caller.id.0].concat();
    KubernetesIdentity { username, uid, groups, extra: extra.map(|(name, value)| (name, value.into())) }
}

/// What every uid of an IAM principal begins with.
pub(crate) const UID_PREFIX: &str = "aws-iam-authenticator:";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_entry::{AccessEntry, NewAccessEntry, Tags};
    use crate::authentication_mode::AuthenticationMode;
    use crate::aws_auth;
    use crate::principal::PrincipalId;
    use jiff::Timestamp;
    use std::collections::BTreeMap;

    const ROLE: &str = "arn:aws:iam::123456789012:role/team/dev";

    fn caller(session: &str, id: &str) -> Principal {
        let arn = format!("arn:aws:sts::123456789012:assumed-role/dev/{session}");
        Principal::from_caller_identity(&arn, "123456789012", &format!("{id}:{session}"), "ASIAX").unwrap()
    }

    fn entry(id: Option<&str>, username: Option<&str>, kind: &str) -> AccessEntry {
        let request = NewAccessEntry::parse(ROLE, Some(kind), username, None, Tags::new()).unwrap();
        let id = id.map(|id| PrincipalId(id.to_owned()));
        AccessEntry::new(request, id, "uuid".to_owned(), Timestamp::UNIX_EPOCH).unwrap()
    }

    fn world(mode: AuthenticationMode, entry: Option<AccessEntry>) -> World {
        let row = "- {rolearn: 'arn:aws:iam::123456789012:role/dev', username: from-aws-auth, groups: [g]}";
        let data = BTreeMap::from([("mapRoles".to_owned(), row.to_owned())]);
        let world = World::new(mode).with_aws_auth(aws_auth::parse(&data));
        entry.into_iter().fold(world, |world, entry| world.with_entry(entry))
    }

    fn username(world: &World, caller: &Principal) -> Result<String, Refusal> {
        resolve(world, caller).map(|resolved| resolved.identity.username)
    }

    #[test]
    fn each_mode_believes_its_sources_and_an_entry_wins_over_aws_auth() {
        use AuthenticationMode::{Api, ApiAndConfigMap, ConfigMap};
        let me = caller("me@x.com", "AROADEV");
        let entry = || Some(entry(Some("AROADEV"), None, "STANDARD"));
        let from_entry = "arn:aws:sts::123456789012:assumed-role/dev/me-x.com";
        for (mode, with_entry, expected) in [
            (ConfigMap, true, Ok("from-aws-auth")),
            (ConfigMap, false, Ok("from-aws-auth")),
            (ApiAndConfigMap, true, Ok(from_entry)),
            (ApiAndConfigMap, false, Ok("from-aws-auth")),
            (Api, true, Ok(from_entry)),
            (Api, false, Err(Refusal::NotMapped)),
        ] {
            let world = world(mode, with_entry.then(entry).flatten());
            assert_eq!(username(&world, &me), expected.map(str::to_owned), "{mode} {with_entry}");
        }
    }

    #[test]
    fn the_groups_of_aws_auth_are_not_merged_into_an_entrys() {
        let world = world(AuthenticationMode::ApiAndConfigMap, Some(entry(Some("AROADEV"), None, "STANDARD")));
        assert!(resolve(&world, &caller("s1", "AROADEV")).unwrap().identity.groups.is_empty());
    }

    #[test]
    fn a_role_made_again_is_not_let_in_by_the_entry_of_the_old_one() {
        let world = world(AuthenticationMode::Api, Some(entry(Some("AROAOLD"), None, "STANDARD")));
        assert_eq!(username(&world, &caller("s1", "AROANEW")), Err(Refusal::NotMapped));
        assert!(username(&world, &caller("s1", "AROAOLD")).is_ok());
    }

    #[test]
    fn an_entry_without_a_unique_id_is_found_by_its_arn_whatever_path_and_case() {
        let world = world(AuthenticationMode::Api, Some(entry(None, None, "STANDARD")));
        assert!(username(&world, &caller("s1", "AROAANY")).is_ok());
        let arn = "arn:aws:sts::123456789012:assumed-role/DEV/s1";
        let upper = Principal::from_caller_identity(arn, "123456789012", "AROAX:s1", "").unwrap();
        assert!(username(&world, &upper).is_ok());
    }

    #[test]
    fn a_node_without_its_name_is_refused_and_aws_auth_is_not_asked() {
        let world = world(AuthenticationMode::ApiAndConfigMap, Some(entry(Some("AROADEV"), None, "EC2_LINUX")));
        let mut node = caller("i-0123456789abcdef0", "AROADEV");
        assert!(matches!(username(&world, &node), Err(Refusal::Username { .. })));
        node.private_dns_name = Some("ip-10-0-0-1.ec2.internal".to_owned());
        assert_eq!(username(&world, &node).unwrap(), "system:node:ip-10-0-0-1.ec2.internal");
    }

    #[test]
    fn the_creator_is_a_hidden_administrator_in_the_mode_config_map_alone() {
        let me = caller("me", "AROACREATOR");
        for (mode, expected) in [
            (AuthenticationMode::ConfigMap, "kubernetes-admin"),
            (AuthenticationMode::ApiAndConfigMap, "from-aws-auth"),
        ] {
            let world = world(mode, None).with_creator(Some(me.id.clone()));
            assert_eq!(username(&world, &me).unwrap(), expected, "{mode}");
        }
    }

    #[test]
    fn the_identity_carries_what_eks_sets() {
        let world = world(AuthenticationMode::Api, Some(entry(Some("AROADEV"), None, "STANDARD")));
        let caller = caller("me@x.com", "AROADEV");
        let identity = resolve(&world, &caller).unwrap().identity;
        assert_eq!(identity.uid, "aws-iam-authenticator:123456789012:AROADEV");
        let extra: Vec<_> = identity.extra.iter().map(|(key, value)| (*key, &**value)).collect();
        assert_eq!(
            extra,
            [
                ("accessKeyId", "ASIAX"),
                ("arn", "arn:aws:sts::123456789012:assumed-role/dev/me@x.com"),
                ("canonicalArn", "arn:aws:iam::123456789012:role/dev"),
                ("principalId", "AROADEV"),
                ("sessionName", "me@x.com"),
                ("sigs.k8s.io/aws-iam-authenticator/principalId", "AROADEV"),
            ]
        );
    }
}

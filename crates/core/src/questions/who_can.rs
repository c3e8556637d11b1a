//! Who may do that? Every principal of the World, and every user, group and service account of RBAC.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::can_i::logins;
use super::sessions::{Shape, templates};
use super::{Caller, Request};
use crate::account_id::AccountId;
use crate::permissions::{AUTHENTICATED, Access, By, MASTERS, Permission, PermissionSet, Scope};
use crate::principal::{PrincipalArn, PrincipalKind};
use crate::rbac::{Attributes, BindingSubject};
use crate::resolve::{KubernetesIdentity, Refusal};
use crate::world::World;

/// The session that stands for all of them: no session can be named so, and no binding can mean it.
const ANY_SESSION: &str = "{{SessionName}}";

/// So many sessions of one role are told.
const MAX_SESSIONS: usize = 16;

/// Somebody.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// A principal of IAM; with a session's name if only that session of the role may.
    Principal {
        /// Its ARN.
        arn: PrincipalArn,
        /// The session.
        session: Option<String>,
    },
    /// Every principal of an account that has no row of its own.
    Account(AccountId),
    /// Whoever made the cluster.
    Creator,
    /// A group of RBAC.
    Group(String),
    /// A service account.
    ServiceAccount {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// A user of RBAC.
    User(String),
}

impl Holder {
    /// What kind it is, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Principal { arn, .. } => match arn.kind() {
                PrincipalKind::Role => "Role",
                PrincipalKind::User => "IAMUser",
                PrincipalKind::Root => "Root",
                PrincipalKind::FederatedUser => "FederatedUser",
            },
            Self::Account(_) => "Account",
            Self::Creator => "Creator",
            Self::Group(_) => "Group",
            Self::ServiceAccount { .. } => "ServiceAccount",
            Self::User(_) => "User",
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Principal { arn, session: None } => write!(f, "{arn}"),
            Self::Principal { arn, session: Some(session) } => write!(f, "{arn} (session {session})"),
            Self::Account(account) => write!(f, "{account} (everybody of it without a row)"),
            Self::Creator => f.write_str("(whoever made the cluster)"),
            Self::Group(name) | Self::User(name) => f.write_str(name),
            Self::ServiceAccount { namespace, name } => write!(f, "{namespace}/{name}"),
        }
    }
}

/// By what somebody may.
#[derive(Clone, Debug)]
pub enum Ground<'a> {
    /// Membership of `system:masters`.
    Bypass,
    /// These permissions, each of which is enough where it counts.
    Permissions(Vec<Permission<'a>>),
}

/// Somebody of whom it is not decided here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Undecided {
    /// AWS does not print the rules of a policy that the principal has.
    Policy {
        /// The principal.
        arn: PrincipalArn,
        /// The policy's name.
        policy: String,
    },
    /// AWS's authenticator gives the principal one of several identities at random, and not all may.
    Random(PrincipalArn),
    /// So many sessions of a role may that they are not all told.
    Sessions {
        /// The role.
        arn: PrincipalArn,
        /// How many are not.
        more: usize,
    },
    /// A node's role: the Node authorizer decides.
    Node(PrincipalArn),
    /// EKS does not tell who made the cluster.
    Creator,
}

impl fmt::Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy { arn, policy } => {
                write!(f, "{arn} has the access policy {policy}, whose rules AWS does not print")
            }
            Self::Random(arn) => write!(
                f,
                "aws-auth gives {arn} one of several identities, at random for each request, and not all of them may"
            ),
            Self::Sessions { arn, more } => {
                write!(f, "{more} more sessions of {arn} have the name of a user or group who may")
            }
            Self::Node(arn) => write!(f, "{arn} is a node's: the Node authorizer decides what its nodes may do"),
            Self::Creator => f.write_str(
                "whoever made the cluster is an administrator in the mode CONFIG_MAP, and EKS does not tell who",
            ),
        }
    }
}

/// Everybody who may, and by what.
type Holders<'a> = BTreeMap<Holder, Ground<'a>>;

/// Who may, and of whom it is not decided.
#[derive(Clone, Debug, Default)]
pub struct WhoCan<'a> {
    /// Everybody who may, principals first.
    pub holders: Holders<'a>,
    /// Everybody of whom it is not decided here, and why.
    pub undecided: BTreeSet<Undecided>,
}

/// Finds everybody who may do this; with `anywhere`, in whatever namespace.
pub fn who_can<'a>(world: &'a World, request: &Request, anywhere: bool) -> WhoCan<'a> {
    let asked = Asked { request, anywhere: anywhere && request.is_in_a_namespace() };
    let mut found = WhoCan::default();
    asked.subjects_of_rbac(world, &mut found);
    // Principals become holders too, and there can be thousands: names are compared with those of RBAC alone.
    let subjects = found.holders.clone();
    for caller in principals(world, &found) {
        asked.principal(world, &caller, &subjects, &mut found);
    }
    if world.mode().uses_aws_auth() {
        for row in &world.aws_auth().accounts {
            // Whoever it is: no group but everybody's, and no binding names the user, or it would be told apart.
            let set = PermissionSet::of_rbac(world.rbac(), "", &[]);
            asked.keep(Holder::Account(row.account), &set, &mut found);
        }
    }
    if !world.mode().uses_access_entries() {
        if world.has_creator() {
            found.holders.insert(Holder::Creator, Ground::Bypass);
        } else {
            found.undecided.insert(Undecided::Creator);
        }
    }
    found
}

struct Asked<'q> {
    request: &'q Request,
    /// The namespace does not matter.
    anywhere: bool,
}

impl Asked<'_> {
    fn covers(&self, permission: &Permission<'_>) -> bool {
        let asked = self.request.attributes();
        if !self.anywhere {
            return permission.covers(&asked);
        }
        matches!(asked, Attributes::Resource(_)) && permission.rule.covers(&asked)
    }

    fn subjects_of_rbac<'a>(&self, world: &'a World, found: &mut WhoCan<'a>) {
        let rbac = world.rbac();
        for binding in rbac.bindings() {
            let Some(role) = rbac.role_of(binding) else { continue };
            let scope = binding.namespace.as_deref().map_or(Scope::Cluster, Scope::Namespace);
            for subject in &binding.subjects {
                let by = By::Binding { binding, subject, role };
                let permissions = role.rules.iter().map(|rule| Permission { rule, scope, by });
                // One rule of a role is enough to say so.
                let Some(permission) = permissions.into_iter().find(|permission| self.covers(permission)) else {
                    continue;
                };
                let holder = match subject {
                    BindingSubject::User(name) => Holder::User(name.clone()),
                    BindingSubject::Group(name) => Holder::Group(name.clone()),
                    BindingSubject::ServiceAccount { namespace, name } => {
                        Holder::ServiceAccount { namespace: namespace.clone(), name: name.clone() }
                    }
                };
                let ground = found.holders.entry(holder).or_insert_with(|| Ground::Permissions(Vec::new()));
                if let Ground::Permissions(all) = ground {
                    all.push(permission);
                }
            }
        }
        // Nobody has to bind them.
        found.holders.insert(Holder::Group(MASTERS.to_owned()), Ground::Bypass);
    }

    fn principal<'a>(&self, world: &'a World, caller: &Caller, subjects: &Holders<'a>, found: &mut WhoCan<'a>) {
        let (caller, all) = logins(world, caller);
        let may = |access: &Result<Access<'_>, Refusal>| {
            access.as_ref().is_ok_and(|access| self.ground(&access.permissions).is_some())
        };
        let allowed = all.iter().filter(|access| may(access)).count();
        if allowed > 0 && allowed < all.len() {
            found.undecided.insert(Undecided::Random(caller.arn.clone()));
        }
        let is_let_in = all.iter().any(Result::is_ok);
        for access in all.into_iter().flatten() {
            self.login(&caller, &access, found);
        }
        if is_let_in && caller.arn.kind() == PrincipalKind::Role {
            special_sessions(world, &caller, subjects, found);
        }
    }

    /// Notes a principal that is let in.
    fn login<'a>(&self, caller: &Caller, access: &Access<'a>, found: &mut WhoCan<'a>) {
        let whole = Holder::Principal { arn: caller.arn.clone(), session: None };
        self.keep(whole, &access.permissions, found);
        if !access.permissions.is_master {
            let asked = self.request.attributes();
            for association in &access.permissions.unknown {
                if self.anywhere || association.access_scope.contains(&asked) {
                    let policy = association.policy_arn.name().to_owned();
                    found.undecided.insert(Undecided::Policy { arn: caller.arn.clone(), policy });
                }
            }
            if access.permissions.is_node {
                found.undecided.insert(Undecided::Node(caller.arn.clone()));
            }
        }
    }

    /// Notes a holder if it may.
    fn keep<'a>(&self, holder: Holder, set: &PermissionSet<'a>, found: &mut WhoCan<'a>) {
        let Some(ground) = self.ground(set) else { return };
        let before = found.holders.entry(holder).or_insert_with(|| ground.clone());
        // Of identities that are given at random, the one that may most is told.
        if matches!(before, Ground::Permissions(_)) {
            *before = ground;
        }
    }

    /// By what somebody with these permissions may, if by anything.
    fn ground<'a>(&self, set: &PermissionSet<'a>) -> Option<Ground<'a>> {
        if set.is_master {
            return Some(Ground::Bypass);
        }
        let covering = set.permissions.iter().filter(|permission| self.covers(permission));
        let mut all: Vec<Permission<'a>> = covering.copied().collect();
        all.dedup_by_key(|permission| permission.by.to_string());
        (!all.is_empty()).then_some(Ground::Permissions(all))
    }
}

/// Notes the sessions of a role that may do it by more than the role may: those with the name of a user or group
/// who may.
fn special_sessions<'a>(world: &World, caller: &Caller, subjects: &Holders<'a>, found: &mut WhoCan<'a>) {
    let (username, groups) = templates(world, &caller.principal);
    let username = username.and_then(|one| Shape::of(&one, &caller.principal));
    let groups: Vec<Shape> = groups.iter().filter_map(|one| Shape::of(one, &caller.principal)).collect();
    if username.is_none() && groups.is_empty() {
        return;
    }
    let session_of = |holder: &Holder| match holder {
        Holder::User(name) => username.as_ref()?.session(name).map(str::to_owned),
        Holder::Group(name) => groups.iter().find_map(|one| one.session(name)).map(str::to_owned),
        _ => None,
    };
    let arn = &caller.arn;
    if matches!(found.holders.get(&Holder::Principal { arn: arn.clone(), session: None }), Some(Ground::Bypass)) {
        return;
    }
    let mut sessions: BTreeMap<String, Ground<'a>> = BTreeMap::new();
    let mut more = 0;
    for (holder, ground) in subjects {
        let Some(session) = session_of(holder) else { continue };
        if sessions.len() < MAX_SESSIONS || sessions.contains_key(&session) {
            sessions.entry(session).or_insert_with(|| ground.clone()).add(ground);
        } else {
            more += 1;
        }
    }
    if more > 0 {
        found.undecided.insert(Undecided::Sessions { arn: arn.clone(), more });
    }
    for (session, ground) in sessions {
        found.holders.insert(Holder::Principal { arn: arn.clone(), session: Some(session) }, ground);
    }
}

/// Every principal that the World names: of entries, of rows, and of bindings to the ARNs of a mapped account.
fn principals(world: &World, found: &WhoCan<'_>) -> Vec<Caller> {
    let mut callers: BTreeMap<String, Caller> = BTreeMap::new();
    let mut add = |arn: &PrincipalArn| {
        let known = world.directory().find(arn);
        let real = known.filter(|_| arn.path() == "/").map_or(arn, |known| &known.arn);
        let id = known.filter(|known| known.arn == *real).and_then(|known| known.unique_id.clone());
        callers.entry(arn.canonical_key()).or_insert_with(|| {
            let mut caller = Caller::new(real.clone(), id, Some(ANY_SESSION));
            caller.has_given_session = false;
            caller
        });
    };
    if world.mode().uses_access_entries() {
        world.entries().for_each(|entry| add(&entry.principal_arn));
    }
    if world.mode().uses_aws_auth() {
        let rows = world.aws_auth().mappings().filter_map(|row| {
            // Case does not matter to a row, not even that of `arn`.
            PrincipalArn::parse(&row.arn).or_else(|_| PrincipalArn::parse(&row.arn.to_ascii_lowercase())).ok()
        });
        // A row with a role's path is for nobody.
        rows.filter(|arn| arn.kind() != PrincipalKind::Role || arn.path() == "/").for_each(|arn| add(&arn));
        let users = found.holders.keys().filter_map(|holder| match holder {
            Holder::User(name) => PrincipalArn::parse(name).ok(),
            _ => None,
        });
        let is_of_a_mapped_account = |arn: &PrincipalArn| world.aws_auth().account_mapped(arn.account()).is_some();
        users.filter(is_of_a_mapped_account).for_each(|arn| add(&arn));
    }
    callers.into_values().collect()
}

impl<'a> Ground<'a> {
    fn add(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::Permissions(all), Self::Permissions(others)) => all.extend(others.iter().copied()),
            (Self::Permissions(_), Self::Bypass) => *self = Self::Bypass,
            (Self::Bypass, _) => {}
        }
        if let Self::Permissions(all) = self {
            let mut seen = BTreeSet::new();
            all.retain(|permission| seen.insert(permission.by.to_string()));
        }
    }

    /// The places where it counts, in words, each once.
    pub fn places(&self) -> Vec<String> {
        match self {
            Self::Bypass => vec!["in the whole cluster".to_owned()],
            Self::Permissions(all) => {
                let mut places: Vec<String> =
                    all.iter().map(|permission| super::words::place(&permission.scope)).collect();
                places.sort_unstable();
                places.dedup();
                places
            }
        }
    }
}

/// The identity's groups as the API server has them: with the one for everybody.
pub(super) fn groups_of<'a>(identity: &'a KubernetesIdentity<'_>) -> Vec<&'a str> {
    identity.groups.iter().map(String::as_str).chain([AUTHENTICATED]).collect()
}

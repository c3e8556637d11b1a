//! May this principal do that?

use std::fmt;

use super::{Caller, Request};
use crate::access_scope::AccessScope;
use crate::permissions::{Access, Permission, Scope, Verdict, permissions_all};
use crate::rbac::{Attributes, ResourceAttributes};
use crate::resolve::Refusal;
use crate::username::RenderError;
use crate::world::World;

/// What is decided of a request.
#[derive(Clone, Debug)]
pub enum Decision<'a> {
    /// The principal is not let into the cluster at all.
    NotLetIn(Refusal),
    /// It is a member of `system:masters`: everything is allowed, and nothing is asked.
    Bypass,
    /// This permission covers the request.
    Allowed(Permission<'a>),
    /// Nothing does.
    No,
}

/// Something that may allow what the answer does not, and cannot be decided from a World.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caveat {
    /// An associated access policy whose rules AWS does not print, and where it counts.
    UnknownPolicy {
        /// The policy's name.
        policy: String,
        /// Where it counts, in words.
        place: String,
    },
    /// Several rows of aws-auth are for the principal, and AWS's authenticator takes one at random for each request.
    Random {
        /// How many identities there are.
        identities: usize,
        /// Whether the request is allowed with some of them.
        sometimes: bool,
    },
    /// A node: the Node authorizer lets it do what the pods on it need.
    Node,
    /// A session's name was taken as an example, and RBAC binds something to another session.
    Session {
        /// The example.
        taken: String,
        /// The other one.
        other: String,
    },
    /// The mode is CONFIG_MAP, and whoever made the cluster is an administrator whom EKS does not name.
    Creator,
}

impl fmt::Display for Caveat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownPolicy { policy, place } => {
                write!(f, "AWS does not print the rules of the access policy {policy}, which counts {place}: it may allow more")
            }
            Self::Random { identities, sometimes } => {
                let allowed = if *sometimes { "with some of them it is allowed" } else { "the answer is the same for all" };
                write!(f, "aws-auth gives this principal one of {identities} identities, at random for each request; {allowed}")
            }
            Self::Node => f.write_str(
                "this is a node: the Node authorizer lets it do what the pods on it need, which is not decided here",
            ),
            Self::Session { taken, other } => write!(
                f,
                "this is the answer for a session named `{taken}`; RBAC binds something to the session `{other}` (`--session`)"
            ),
            Self::Creator => f.write_str(
                "in the mode CONFIG_MAP whoever made the cluster is an administrator, and EKS does not tell who that is",
            ),
        }
    }
}

/// The answer to a question.
#[derive(Clone, Debug)]
pub struct Answer<'a> {
    /// Who would call. A node's role is taken for an instance.
    pub caller: Caller,
    /// As whom it is let in, and all that it may do; none if it is not.
    pub access: Option<Access<'a>>,
    /// What is decided.
    pub decision: Decision<'a>,
    /// What is not; empty for whoever passes everything.
    pub caveats: Vec<Caveat>,
}

impl Answer<'_> {
    /// Whether the request is allowed, as far as it is decided here.
    pub fn is_allowed(&self) -> bool {
        matches!(self.decision, Decision::Bypass | Decision::Allowed(_))
    }
}

/// Decides one request of one principal.
pub fn can_i<'a>(world: &'a World, caller: &Caller, request: &Request) -> Answer<'a> {
    let (caller, all) = logins(world, caller);
    let (identities, mut sometimes) = (all.len(), false);
    let mut decided: Option<(Result<Access<'a>, Refusal>, Decision<'a>)> = None;
    for access in all {
        let decision = decide(&access, request);
        let is_allowed = matches!(decision, Decision::Bypass | Decision::Allowed(_));
        sometimes |= is_allowed;
        // What is not always allowed is not allowed, and a bypass that is not always there is none.
        if decided.as_ref().is_none_or(|(_, before)| rank(&decision) < rank(before)) {
            decided = Some((access, decision));
        }
    }
    // There is always one.
    let (access, decision) = decided.unwrap_or((Err(Refusal::NotMapped), Decision::NotLetIn(Refusal::NotMapped)));
    let mut caveats = Vec::new();
    match (&decision, &access) {
        (Decision::No, Ok(access)) => {
            let within = access
                .permissions
                .unknown
                .iter()
                .filter(|association| association.access_scope.contains(&request.attributes()));
            caveats.extend(within.map(|association| unknown_policy(association)));
            if access.permissions.is_node {
                caveats.push(Caveat::Node);
            }
        }
        (Decision::NotLetIn(_), _) if !world.mode().uses_access_entries() => caveats.push(Caveat::Creator),
        _ => {}
    }
    if identities > 1 {
        let sometimes = sometimes && !matches!(decision, Decision::Bypass | Decision::Allowed(_));
        caveats.push(Caveat::Random { identities, sometimes });
    }
    caveats.extend(session_caveat(world, &caller));
    Answer { caller, access: access.ok(), decision, caveats }
}

fn rank(decision: &Decision<'_>) -> u8 {
    match decision {
        Decision::NotLetIn(_) => 0,
        Decision::No => 1,
        Decision::Allowed(_) => 2,
        Decision::Bypass => 3,
    }
}

fn decide<'a>(access: &Result<Access<'a>, Refusal>, request: &Request) -> Decision<'a> {
    match access {
        Err(refusal) => Decision::NotLetIn(refusal.clone()),
        Ok(access) => match access.permissions.decide(&request.attributes()) {
            Verdict::Master => Decision::Bypass,
            Verdict::Allowed(permission) => Decision::Allowed(permission),
            Verdict::No => Decision::No,
        },
    }
}

/// Everything a principal may do, in one namespace or anywhere, as `can-i --list` shows it.
pub fn may_do<'a>(world: &'a World, caller: &Caller, namespace: Option<&str>) -> Answer<'a> {
    let (caller, all) = logins(world, caller);
    let mut caveats = Vec::new();
    if all.len() > 1 {
        caveats.push(Caveat::Random { identities: all.len(), sometimes: true });
    }
    // The first stands for all; there is always one.
    let access = all.into_iter().next().unwrap_or(Err(Refusal::NotMapped));
    let (access, decision) = match access {
        Err(refusal) => {
            if !world.mode().uses_access_entries() {
                caveats.push(Caveat::Creator);
            }
            (None, Decision::NotLetIn(refusal))
        }
        Ok(mut access) => {
            access.permissions.permissions.retain(|permission| counts_in(&permission.scope, namespace));
            let decision = if access.permissions.is_master { Decision::Bypass } else { Decision::No };
            if !access.permissions.is_master {
                caveats.extend(access.permissions.unknown.iter().map(|association| unknown_policy(association)));
                if access.permissions.is_node {
                    caveats.push(Caveat::Node);
                }
            }
            (Some(access), decision)
        }
    };
    caveats.extend(session_caveat(world, &caller));
    Answer { caller, access, decision, caveats }
}

/// As whom a principal comes in, and what it may do: one answer, or several of which each request gets one at random. A
/// role that is a node's is taken for one of its instances, because no other session of it gets in.
pub fn logins<'a>(world: &'a World, caller: &Caller) -> (Caller, Vec<Result<Access<'a>, Refusal>>) {
    let all = permissions_all(world, &caller.principal);
    let wants_an_instance = |access: &Result<Access<'_>, Refusal>| match access {
        Err(Refusal::Username { error: RenderError::NotAnInstance { .. }, .. }) => !caller.has_given_session,
        Err(Refusal::Username { error: RenderError::NoPrivateDnsName { .. }, .. }) => true,
        _ => false,
    };
    if !all.iter().any(wants_an_instance) {
        return (caller.clone(), all);
    }
    let instance = caller.as_instance();
    let all = permissions_all(world, &instance.principal);
    (instance, all)
}

fn unknown_policy(association: &crate::access_entry::AssociatedAccessPolicy) -> Caveat {
    let place = super::words::place(&Scope::Access(&association.access_scope));
    Caveat::UnknownPolicy { policy: association.policy_arn.name().to_owned(), place }
}

fn session_caveat(world: &World, caller: &Caller) -> Option<Caveat> {
    if caller.has_given_session {
        return None;
    }
    let other = super::sessions::other_session(world, &caller.principal)?;
    Some(Caveat::Session { taken: caller.principal.session_name.clone(), other })
}

/// Whether anything within a scope is in a namespace; anywhere, for none.
fn counts_in(scope: &Scope<'_>, namespace: Option<&str>) -> bool {
    let Some(namespace) = namespace else { return true };
    match scope {
        Scope::Access(AccessScope::Cluster) | Scope::Cluster => true,
        other => other.contains(&Attributes::Resource(ResourceAttributes { namespace, ..Default::default() })),
    }
}

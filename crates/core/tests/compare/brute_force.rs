//! What differs between two Worlds by trying: callers and requests of few words, one by one.
//!
//! Nothing here knows sets, sessions that stand for others or regions; a caller comes in and asks.

use std::collections::BTreeSet;

use doorward_core::compare::{Comparison, Difference, DifferenceKind, Who, WitnessCaller};
use doorward_core::permissions::{Access, By, PermissionSet, permissions_all};
use doorward_core::principal::{Principal, PrincipalArn, PrincipalId, PrincipalKind};
use doorward_core::rbac::{Attributes, NonResourceAttributes, ResourceAttributes};
use doorward_core::world::World;

const SESSIONS: [&str; 8] = ["alice", "a-b", "a@b", "node", "nodes", "i-0123456789abcdef0", "Zed.1", "z@z"];
const KEYS: [&str; 2] = ["ASIAIOSFODNN7EXAMPLE", "ASIA1111111111111111"];
const NODE_NAMES: [Option<&str>; 3] = [None, Some("ip-1"), Some("ip-2")];

/// Every request of the vocabulary; each dimension has a word that no rule names.
pub(crate) fn requests() -> Vec<Attributes<'static>> {
    let mut all = Vec::new();
    for verb in ["get", "delete", "zap"] {
        for group in ["", "apps", "zed"] {
            for (resource, subresource) in
                [("pods", ""), ("pods", "log"), ("secrets", ""), ("zaps", "log"), ("zaps", "")]
            {
                for namespace in ["", "a", "dev-1", "dev-x-prod", "b-prod", "zzz"] {
                    for name in ["", "x", "zap"] {
                        let asked = ResourceAttributes { verb, group, resource, subresource, namespace, name };
                        all.push(Attributes::Resource(asked));
                    }
                }
            }
        }
        for path in ["/", "/api", "/api/", "/api/x", "/apix", "/a", "/z"] {
            all.push(Attributes::NonResource(NonResourceAttributes { verb, path }));
        }
    }
    all
}

/// Every caller of the vocabulary, with the `Who` that the comparison should have for it; none if the directory says
/// that there is no such principal, or that another id is its.
pub(crate) fn callers(before: &World, after: &World, comparison: &Comparison) -> Vec<(Who, WitnessCaller)> {
    let mut all = Vec::new();
    for account in ["111111111111", "222222222222", "333333333333"] {
        for name in
            ["role/dev", "role/DEV", "role/ops", "role/new", "user/bob", "user/Bob", "user/p/bob", "user/other", "root"]
        {
            all.push(format!("arn:aws:iam::{account}:{name}"));
        }
        all.push(format!("arn:aws:sts::{account}:federated-user/fed"));
        all.push(format!("arn:aws:sts::{account}:federated-user/new"));
    }
    let mut callers = Vec::new();
    for arn in all {
        let canonical = PrincipalArn::parse(&arn).unwrap();
        for who in who(&canonical, comparison) {
            let id = match &who {
                Who::Principal { unique_id: Some(id), .. } => id.clone(),
                _ => own_id(&canonical),
            };
            callers.extend(sessions(&canonical, &id).map(|caller| (who.clone(), caller)));
        }
    }
    // Whoever made the cluster, where it is nobody else.
    for world in [before, after] {
        let Some(id) = world.creator() else { continue };
        let who = Who::Creator(id.clone());
        if comparison.principals.iter().any(|verdict| verdict.who == who) {
            let canonical = PrincipalArn::parse("arn:aws:iam::333333333333:role/creator").unwrap();
            callers.extend(sessions(&canonical, id).map(|caller| (who.clone(), caller)));
        }
    }
    callers
}

fn own_id(canonical: &PrincipalArn) -> PrincipalId {
    PrincipalId(match canonical.kind() {
        PrincipalKind::Role | PrincipalKind::User => "AROANOBODY".to_owned(),
        PrincipalKind::Root => canonical.account().to_string(),
        PrincipalKind::FederatedUser => format!("{}:{}", canonical.account(), canonical.name()),
    })
}

/// The verdicts that are about a caller: its own, or that of its kind.
fn who(canonical: &PrincipalArn, comparison: &Comparison) -> Vec<Who> {
    let key = canonical.canonical_key();
    let mut named = false;
    let mut found = Vec::new();
    for verdict in &comparison.principals {
        if let Who::Principal { arn, .. } = &verdict.who
            && arn.canonical_key() == key
        {
            named = true;
            let shown = if arn.kind() == PrincipalKind::Role { arn.without_path() } else { arn.clone() };
            if shown == *canonical {
                found.push(verdict.who.clone());
            }
        }
    }
    if named || comparison.absent.iter().any(|arn| arn.canonical_key() == key) {
        return found;
    }
    let account = canonical.account();
    let other = match canonical.kind() {
        PrincipalKind::Role => Who::OtherRole(account),
        PrincipalKind::User => Who::OtherUser(account),
        PrincipalKind::FederatedUser => Who::OtherFederatedUser(account),
        PrincipalKind::Root => Who::AnybodyElse,
    };
    let has = |who: &Who| comparison.principals.iter().any(|verdict| verdict.who == *who);
    match (has(&other), account.as_str()) {
        (true, _) => vec![other],
        // Of an account that the directory knows, it has told everybody.
        (false, "111111111111") => Vec::new(),
        (false, _) => vec![Who::AnybodyElse],
    }
}

fn sessions(canonical: &PrincipalArn, id: &PrincipalId) -> impl Iterator<Item = WitnessCaller> + use<> {
    let is_role = canonical.kind() == PrincipalKind::Role;
    let (canonical, id) = (canonical.clone(), id.clone());
    let names: Vec<&str> = if is_role { SESSIONS.to_vec() } else { vec![""] };
    let callers: Vec<WitnessCaller> = names
        .into_iter()
        .flat_map(|session| {
            let nodes: &[Option<&str>] = if session.starts_with("i-") { &NODE_NAMES } else { &[None] };
            nodes.iter().flat_map(move |node| KEYS.map(|key| (session, key, *node)))
        })
        .map(|(session, key, node)| WitnessCaller {
            canonical_arn: canonical.clone(),
            unique_id: id.clone(),
            session_name: session.to_owned(),
            access_key_id: key.to_owned(),
            private_dns_name: node.map(str::to_owned),
        })
        .collect();
    callers.into_iter()
}

/// What a caller may be, in everything that a comparison is about.
struct Outcome<'a> {
    username: String,
    groups: BTreeSet<String>,
    set: PermissionSet<'a>,
    unknown: BTreeSet<String>,
}

impl PartialEq for Outcome<'_> {
    fn eq(&self, other: &Self) -> bool {
        (&self.username, &self.groups, &self.unknown) == (&other.username, &other.groups, &other.unknown)
            && self.policies() == other.policies()
    }
}

impl Outcome<'_> {
    fn policies(&self) -> BTreeSet<String> {
        let by = self.set.permissions.iter().map(|permission| permission.by);
        by.filter(|by| matches!(by, By::AccessPolicy { .. })).map(|by| by.to_string()).collect()
    }

    fn allows(&self, asked: &Attributes<'_>) -> bool {
        self.set.decide(asked).is_allowed()
    }
}

fn outcomes<'a>(world: &'a World, caller: &Principal) -> Vec<Option<Outcome<'a>>> {
    let mut all: Vec<Option<Outcome<'a>>> = Vec::new();
    for result in permissions_all(world, caller) {
        let outcome = result.ok().map(|Access { resolved, permissions: set }| {
            let mut unknown: BTreeSet<String> = BTreeSet::new();
            for permission in &set.permissions {
                if let By::AccessPolicy { policy, association, .. } = permission.by
                    && !policy.omitted.is_empty()
                {
                    unknown.insert(format!("{} {:?}", policy.name, scope(&association.access_scope)));
                }
            }
            for one in &set.unknown {
                unknown.insert(format!("{} {:?}", one.policy_arn.name(), scope(&one.access_scope)));
            }
            let groups = resolved.identity.groups.iter().cloned().collect();
            Outcome { username: resolved.identity.username, groups, set, unknown }
        });
        if !all.contains(&outcome) {
            all.push(outcome);
        }
    }
    all
}

fn scope(scope: &doorward_core::access_scope::AccessScope) -> BTreeSet<String> {
    scope.namespaces().iter().map(ToString::to_string).collect()
}

/// Whatever differs for a caller.
pub(crate) fn kinds(
    before: &World,
    after: &World,
    caller: &Principal,
    requests: &[Attributes<'_>],
) -> BTreeSet<DifferenceKind> {
    let mut kinds = BTreeSet::new();
    let (before, after) = (outcomes(before, caller), outcomes(after, caller));
    let is_same = before.len() == after.len() && before.iter().all(|one| after.contains(one));
    for b in &before {
        for a in after.iter().filter(|a| !is_same || *a == b) {
            kinds.extend(pair(b.as_ref(), a.as_ref(), requests));
        }
    }
    kinds
}

fn pair(before: Option<&Outcome<'_>>, after: Option<&Outcome<'_>>, requests: &[Attributes<'_>]) -> Vec<DifferenceKind> {
    use DifferenceKind as Kind;
    let (b, a) = match (before, after) {
        (None, None) => return Vec::new(),
        (Some(_), None) => return vec![Kind::LockedOut],
        (None, Some(_)) => return vec![Kind::LetIn],
        (Some(b), Some(a)) => (b, a),
    };
    let mut kinds = Vec::new();
    let without_masters = |outcome: &Outcome<'_>| {
        let groups: BTreeSet<String> =
            outcome.groups.iter().filter(|group| *group != "system:masters").cloned().collect();
        (outcome.username.clone(), groups)
    };
    if without_masters(b) != without_masters(a) {
        kinds.push(Kind::IdentityChanged);
    }
    let mut either = |is_before: bool, is_after: bool, lost, gained| match (is_before, is_after) {
        (true, false) => kinds.push(lost),
        (false, true) => kinds.push(gained),
        _ => {}
    };
    either(b.set.is_master, a.set.is_master, Kind::BypassLost, Kind::BypassGained);
    for asked in requests {
        either(b.allows(asked), a.allows(asked), Kind::Lost, Kind::Gained);
    }
    if b.set.is_node && !a.set.is_node && !a.set.is_master {
        kinds.push(Kind::NodeLost);
    }
    if a.set.is_node && !b.set.is_node && !b.set.is_master {
        kinds.push(Kind::NodeGained);
    }
    if !a.set.is_master && !b.unknown.is_subset(&a.unknown) {
        kinds.push(Kind::PolicyLost);
    }
    if !b.set.is_master && !a.unknown.is_subset(&b.unknown) {
        kinds.push(Kind::PolicyGained);
    }
    kinds
}

/// Tries a difference's witness.
pub(crate) fn holds(before: &World, after: &World, difference: &Difference) -> bool {
    let caller = difference.caller.principal();
    let request = difference.request.as_ref().map(|request| request.attributes());
    let requests: Vec<Attributes<'_>> = request.into_iter().collect();
    let is_let_in = |world: &World| outcomes(world, &caller).iter().any(Option::is_some);
    match difference.kind {
        DifferenceKind::Undecided => false,
        DifferenceKind::LockedOut | DifferenceKind::LetIn => {
            let world = if difference.kind == DifferenceKind::LetIn { after } else { before };
            is_let_in(world)
                && kinds(before, after, &caller, &[]).contains(&difference.kind)
                && requests.iter().all(|asked| outcomes(world, &caller).iter().flatten().any(|one| one.allows(asked)))
        }
        DifferenceKind::Lost | DifferenceKind::Gained => {
            requests.len() == 1 && kinds(before, after, &caller, &requests).contains(&difference.kind)
        }
        kind => kinds(before, after, &caller, &[]).contains(&kind),
    }
}

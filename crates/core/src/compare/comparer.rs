//! One principal after the other: what decides about it in either World, and what follows from it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use super::difference::{Difference, DifferenceKind, Identities, Identity, WitnessCaller};
use super::principals::{Caller, Who};
use super::request::Request;
use super::rights::{self, Excess, ScopedRule};
use super::session::{Names, Session, sessions};
use super::sides::{Key, Shape, Side, order, shapes, sides, unknown_policies};
use crate::permissions::{MASTERS, NODES, PermissionSet};
use crate::principal::PrincipalKind;
use crate::world::World;

/// Compares principals of two Worlds, and remembers what it has compared: most principals of a cluster have the same
/// rights as many others.
pub(super) struct Comparer<'a> {
    before: &'a World,
    after: &'a World,
    names: Names<'a>,
    namesakes: BTreeSet<String>,
    /// Whether the same identity with the same policies has the same rights in both Worlds.
    has_same_rules: bool,
    known: HashMap<(Option<Key>, Option<Key>), Rc<Contrast>>,
    /// By what decides about a caller before and after, and whether it has sessions.
    found: HashMap<(Vec<Shape>, Vec<Shape>, bool), Rc<Found>>,
}

/// Findings, each with a session for which it holds, and whether it does not hold for others.
type Found = Vec<(Finding, Session, bool)>;

/// How the rights of two sides differ.
#[derive(Debug)]
struct Contrast {
    was_master: bool,
    is_master: bool,
    was_node: bool,
    is_node: bool,
    lost: Excess,
    gained: Excess,
    policies_lost: Vec<String>,
    policies_gained: Vec<String>,
}

/// A difference without its place: what it is, and everything that tells it from another.
#[derive(Debug)]
struct Finding {
    kind: DifferenceKind,
    /// Two findings with the same kind and content are one.
    content: String,
    identities: Option<Identities>,
    request: Option<Request>,
    before: Option<Identity>,
    after: Option<Identity>,
    rules: Vec<ScopedRule>,
    remaining: Vec<ScopedRule>,
    policies: Vec<String>,
}

impl<'a> Comparer<'a> {
    /// `namesakes` are the names in sentences that principals of more than one account have.
    pub(super) fn new(before: &'a World, after: &'a World, namesakes: BTreeSet<String>) -> Self {
        let users = before.rbac().users().chain(after.rbac().users()).collect();
        let groups = before.rbac().groups().chain(after.rbac().groups()).chain([MASTERS, NODES]).collect();
        let has_same_rules =
            std::ptr::eq(before.catalogue(), after.catalogue()) && before.rbac().as_ref() == after.rbac().as_ref();
        Self {
            before,
            after,
            names: Names { users, groups },
            namesakes,
            has_same_rules,
            known: HashMap::new(),
            found: HashMap::new(),
        }
    }

    /// The differences for one principal, or one kind of principals, by kind.
    pub(super) fn differences(&mut self, who: &Who, callers: &[Caller]) -> Vec<Difference> {
        let mut differences: Vec<Difference> = Vec::new();
        for caller in callers {
            for (finding, session, is_of_some) in self.of_all_sessions(caller).iter() {
                let difference = self.difference(who, finding, witness(caller, session), *is_of_some);
                if differences.iter().all(|known| known.id != difference.id) {
                    differences.push(difference);
                }
            }
        }
        differences
    }

    /// What differs for a caller in any session, by kind: with the first session in which it does, and whether there
    /// are others in which it does not. It depends on nothing but what decides about the caller.
    fn of_all_sessions(&mut self, caller: &Caller) -> Rc<Found> {
        let probe = Session { name: "probe".to_owned(), access_key_id: String::new(), node_name: None };
        let probe = witness(caller, &probe).principal();
        let (mut before, mut after) = (shapes(self.before, &probe), shapes(self.after, &probe));
        for list in [&mut before, &mut after] {
            list.sort();
            list.dedup();
        }
        let is_same = before.len() == after.len() && before.iter().zip(&after).all(|(b, a)| b.is_same(a));
        if is_same && self.has_same_rules {
            return Rc::default();
        }
        let is_role = caller.canonical.kind() == PrincipalKind::Role;
        let key = (before, after, is_role);
        if let Some(known) = self.found.get(&key) {
            return Rc::clone(known);
        }
        let found = Rc::new(self.search(caller, &key.0, &key.1, is_role));
        self.found.insert(key, Rc::clone(&found));
        found
    }

    fn search(&mut self, caller: &Caller, before: &[Shape], after: &[Shape], is_role: bool) -> Found {
        let identities = Identities {
            before: before.iter().map(Shape::identity).collect(),
            after: after.iter().map(Shape::identity).collect(),
        };
        let all = || before.iter().chain(after);
        let users: BTreeSet<_> = all().map(|shape| &shape.user).collect();
        let groups: BTreeSet<_> = all().flat_map(|shape| &shape.groups).collect();
        let sessions = sessions(&users, &groups, is_role, &self.names);
        let compared = sessions.len();
        let mut found: BTreeMap<(DifferenceKind, String), (Finding, Session, usize)> = BTreeMap::new();
        for session in sessions {
            for finding in self.findings(&witness(caller, &session), &identities) {
                let key = (finding.kind, finding.content.clone());
                found.entry(key).or_insert_with(|| (finding, session.clone(), 0)).2 += 1;
            }
        }
        found.into_values().map(|(finding, session, times)| (finding, session, times < compared)).collect()
    }

    /// What differs for one caller, each finding once.
    fn findings(&mut self, witness: &WitnessCaller, identities: &Identities) -> Vec<Finding> {
        let caller = witness.principal();
        let (before, after) = (sides(self.before, &caller), sides(self.after, &caller));
        let is_same = before.len() == after.len() && before.iter().zip(&after).all(|(b, a)| order(b) == order(a));
        let pairs: Vec<(&Option<Side>, &Option<Side>)> = if is_same {
            before.iter().zip(&after).collect()
        } else {
            // Chance decides: whatever can happen before may be followed by whatever can happen after.
            before.iter().flat_map(|b| after.iter().map(move |a| (b, a))).collect()
        };
        let mut findings: Vec<Finding> = Vec::new();
        for (before, after) in pairs {
            for finding in self.pair(before.as_ref(), after.as_ref(), witness, identities) {
                let is_known = |one: &Finding| one.kind == finding.kind && one.content == finding.content;
                if !findings.iter().any(is_known) {
                    findings.push(finding);
                }
            }
        }
        findings
    }

    fn pair(
        &mut self,
        before: Option<&Side>,
        after: Option<&Side>,
        witness: &WitnessCaller,
        identities: &Identities,
    ) -> Vec<Finding> {
        let same_key = before.map(|side| &side.key) == after.map(|side| &side.key);
        let mut findings = Vec::new();
        let identity = |side: Option<&Side>| side.map(|side| side.identity.clone());
        let bare = |kind, content: String| Finding {
            kind,
            content,
            identities: None,
            request: None,
            before: identity(before),
            after: identity(after),
            rules: Vec::new(),
            remaining: Vec::new(),
            policies: Vec::new(),
        };
        let about_names = |finding| Finding { identities: Some(identities.clone()), ..finding };
        if same_key && self.has_same_rules {
            if identity(before) != identity(after) {
                findings.push(about_names(bare(DifferenceKind::IdentityChanged, String::new())));
            }
            return findings;
        }
        let contrast = self.contrast(before, after, witness);
        let excess = |kind: DifferenceKind, excess: &Excess| match excess {
            Excess::None => None,
            Excess::Undecided => Some(about_names(bare(DifferenceKind::Undecided, String::new()))),
            Excess::Some(beyond) => Some(Finding {
                request: Some(beyond.request.clone()),
                rules: beyond.rules.clone(),
                remaining: beyond.remaining.clone(),
                ..bare(kind, content_of(&beyond.rules, &beyond.remaining))
            }),
        };
        match (before, after) {
            (None, None) => {}
            (Some(_), None) => {
                // Whoever loses everything loses it once, whatever it was.
                let rights = excess(DifferenceKind::LockedOut, &contrast.lost);
                let rest = rights.unwrap_or_else(|| bare(DifferenceKind::LockedOut, String::new()));
                let (kind, content) = (DifferenceKind::LockedOut, String::new());
                findings.push(about_names(Finding { kind, content, rules: Vec::new(), ..rest }));
            }
            (None, Some(_)) => {
                let rights = excess(DifferenceKind::LetIn, &contrast.gained);
                let policies = contrast.policies_gained.clone();
                let rest = rights.unwrap_or_else(|| bare(DifferenceKind::LetIn, String::new()));
                let content = format!("{}\n{policies:?}", rest.content);
                findings.push(about_names(Finding { kind: DifferenceKind::LetIn, content, policies, ..rest }));
            }
            (Some(b), Some(a)) => {
                if let Some(kind) = contrast.bypass() {
                    findings.push(bare(kind, String::new()));
                }
                if b.identity != a.identity && !contrast.explains(&b.identity, &a.identity) {
                    findings.push(about_names(bare(DifferenceKind::IdentityChanged, String::new())));
                }
                if let Some(kind) = contrast.node() {
                    findings.push(bare(kind, String::new()));
                }
                findings.extend(excess(DifferenceKind::Lost, &contrast.lost));
                findings.extend(excess(DifferenceKind::Gained, &contrast.gained));
                for (kind, policies) in [
                    (DifferenceKind::PolicyLost, &contrast.policies_lost),
                    (DifferenceKind::PolicyGained, &contrast.policies_gained),
                ] {
                    if !policies.is_empty() {
                        findings.push(Finding { policies: policies.clone(), ..bare(kind, policies.join("\n")) });
                    }
                }
            }
        }
        findings
    }

    fn contrast(&mut self, before: Option<&Side>, after: Option<&Side>, witness: &WitnessCaller) -> Rc<Contrast> {
        let key = (before.map(|side| side.key.clone()), after.map(|side| side.key.clone()));
        if let Some(known) = self.known.get(&key) {
            return Rc::clone(known);
        }
        let caller = witness.principal();
        let of = |side: Option<&Side>, world: &'a World| {
            side.map(|side| side.permissions(world, &caller)).unwrap_or_default()
        };
        let contrast = Rc::new(Contrast::of(&of(before, self.before), &of(after, self.after)));
        self.known.insert(key, Rc::clone(&contrast));
        contrast
    }

    fn difference(&self, who: &Who, finding: &Finding, caller: WitnessCaller, is_of_some: bool) -> Difference {
        let has_session = !caller.session_name.is_empty();
        let session = (is_of_some && has_session).then(|| caller.session_name.clone());
        let seen_by = match finding.kind {
            DifferenceKind::IdentityChanged => self.bindings_naming(finding.before.as_ref(), finding.after.as_ref()),
            _ => Vec::new(),
        };
        let mut difference = Difference {
            id: String::new(),
            kind: finding.kind,
            who: who.clone(),
            session,
            caller,
            request: finding.request.clone(),
            before: finding.before.clone(),
            after: finding.after.clone(),
            identities: finding.identities.clone(),
            rules: finding.rules.clone(),
            remaining: finding.remaining.clone(),
            policies: finding.policies.clone(),
            seen_by,
            sentence: String::new(),
        };
        difference.sentence = super::sentence::of(&difference, self.namesakes.contains(&who.short()));
        difference.id = difference.expected_id();
        difference
    }

    /// The bindings that name a username or group which only one of two identities has, at most a handful.
    fn bindings_naming(&self, before: Option<&Identity>, after: Option<&Identity>) -> Vec<String> {
        let names = |identity: Option<&Identity>| -> BTreeSet<(bool, String)> {
            let user = identity.map(|identity| (true, identity.username.clone()));
            let groups = identity.into_iter().flat_map(|identity| &identity.groups);
            user.into_iter().chain(groups.map(|group| (false, group.clone()))).collect()
        };
        let (before, after) = (names(before), names(after));
        let mut bindings = BTreeSet::new();
        for (is_user, name) in before.symmetric_difference(&after) {
            for rbac in [self.before.rbac(), self.after.rbac()] {
                let bound = rbac.bound_to_user(name).filter(|_| *is_user);
                let bound = bound.chain(rbac.bound_to_group(name).filter(|_| !is_user));
                bindings.extend(bound.map(|one| format!("{} to {}", one.binding, one.subject)));
            }
        }
        let more = bindings.len().saturating_sub(MAX_BINDINGS);
        let mut list: Vec<String> = bindings.into_iter().take(MAX_BINDINGS).collect();
        if more > 0 {
            list.push(format!("{more} more"));
        }
        list
    }
}

const MAX_BINDINGS: usize = 8;

impl Contrast {
    fn of(before: &PermissionSet<'_>, after: &PermissionSet<'_>) -> Self {
        let (mine, theirs) = (rights::of(before), rights::of(after));
        let (was, is) = (unknown_policies(before), unknown_policies(after));
        // To a member of `system:masters` no policy gives anything, and no loss of one takes anything.
        let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect::<Vec<_>>();
        Self {
            was_master: before.is_master,
            is_master: after.is_master,
            was_node: before.is_node,
            is_node: after.is_node,
            lost: rights::beyond(&mine, &theirs),
            gained: rights::beyond(&theirs, &mine),
            policies_lost: if after.is_master { Vec::new() } else { only(&was, &is) },
            policies_gained: if before.is_master { Vec::new() } else { only(&is, &was) },
        }
    }

    fn bypass(&self) -> Option<DifferenceKind> {
        match (self.was_master, self.is_master) {
            (true, false) => Some(DifferenceKind::BypassLost),
            (false, true) => Some(DifferenceKind::BypassGained),
            _ => None,
        }
    }

    fn node(&self) -> Option<DifferenceKind> {
        match (self.was_node, self.is_node) {
            (true, false) if !self.is_master => Some(DifferenceKind::NodeLost),
            (false, true) if !self.was_master => Some(DifferenceKind::NodeGained),
            _ => None,
        }
    }

    /// Whether a lost or gained membership of `system:masters` is all that changed of an identity.
    fn explains(&self, before: &Identity, after: &Identity) -> bool {
        let without = |identity: &Identity| Identity {
            username: identity.username.clone(),
            groups: identity.groups.iter().filter(|group| *group != MASTERS).cloned().collect(),
        };
        self.bypass().is_some() && without(before) == without(after)
    }
}

fn content_of(rules: &[ScopedRule], remaining: &[ScopedRule]) -> String {
    serde_json::to_string(&(rules, remaining)).unwrap_or_default()
}

fn witness(caller: &Caller, session: &Session) -> WitnessCaller {
    let is_role = caller.canonical.kind() == PrincipalKind::Role;
    WitnessCaller {
        canonical_arn: caller.canonical.clone(),
        unique_id: caller.id.clone(),
        session_name: if is_role { session.name.clone() } else { String::new() },
        access_key_id: session.access_key_id.clone(),
        private_dns_name: session.node_name.clone(),
    }
}

//! What must hold of every plan: its steps can be repeated and taken back, and no moment between them is worse, or
//! better, than before and after.

use doorward_core::permissions::permissions;
use doorward_core::plan::{Plan, PlanOptions, plan};
use doorward_core::principal::{Principal, PrincipalArn, PrincipalKind};
use doorward_core::rbac::{Attributes, NonResourceAttributes, ResourceAttributes};
use doorward_core::world::World;
use doorward_core::world_document::WorldDocument;

/// What one caller may do of everything that is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) is_node: bool,
    pub(crate) allowed: Vec<bool>,
}

impl Access {
    /// Whether this is all that both others have in common.
    fn has_what_both_have(&self, a: &Self, b: &Self) -> bool {
        (self.is_node || !a.is_node || !b.is_node)
            && self.allowed.iter().zip(a.allowed.iter().zip(&b.allowed)).all(|(here, (a, b))| *here || !a || !b)
    }

    /// Whether one of the others has all that this has.
    fn has_only_what_one_has(&self, a: &Self, b: &Self) -> bool {
        (!self.is_node || a.is_node || b.is_node)
            && self.allowed.iter().zip(a.allowed.iter().zip(&b.allowed)).all(|(here, (a, b))| !here || *a || *b)
    }
}

/// Everybody that rows, entries and the directory speak of, in several sessions, and strangers.
pub(crate) fn callers(document: &WorldDocument, named: &[String]) -> Vec<Principal> {
    let world = document.to_world().unwrap();
    // Whoever is not in an account that is known does not exist, but for the account itself.
    let exists = |arn: PrincipalArn| match world.directory().find(&arn) {
        Some(known) => Some(known.arn.clone()),
        None => (arn.kind() == PrincipalKind::Root || !world.directory().knows(arn.account())).then_some(arn),
    };
    let mut arns: Vec<PrincipalArn> =
        named.iter().filter_map(|text| PrincipalArn::parse(text).ok()).filter_map(exists).collect();
    arns.extend(world.directory().iter().map(|known| known.arn.clone()));
    arns.extend(world.entries().map(|entry| entry.principal_arn.clone()));
    arns.sort();
    arns.dedup_by_key(|arn| arn.canonical_key());
    arns.iter().enumerate().flat_map(|(at, arn)| callers_of(arn, at, &world)).collect()
}

fn callers_of(arn: &PrincipalArn, at: usize, world: &World) -> Vec<Principal> {
    let account = arn.account();
    let known = world.directory().find(arn).and_then(|known| known.unique_id.as_ref());
    match arn.kind() {
        PrincipalKind::Role => {
            let id = known.map_or_else(|| format!("AROA{at}"), |id| id.0.clone());
            let sessions = ["alice", "bob@x.io", "i-0123456789abcdef0"];
            let caller = |session: &str| {
                let caller = format!("arn:{}:sts::{account}:assumed-role/{}/{session}", arn.partition(), arn.name());
                let user_id = format!("{id}:{session}");
                let mut caller = Principal::from_caller_identity(&caller, account.as_str(), &user_id, "AKIA1").unwrap();
                caller.private_dns_name = Some("ip-10-0-0-1.ec2.internal".to_owned());
                caller
            };
            sessions.into_iter().map(caller).collect()
        }
        PrincipalKind::User => {
            let id = known.map_or_else(|| format!("AIDA{at}"), |id| id.0.clone());
            vec![Principal::from_caller_identity(arn.as_str(), account.as_str(), &id, "AKIA1").unwrap()]
        }
        PrincipalKind::Root => {
            vec![Principal::from_caller_identity(arn.as_str(), account.as_str(), account.as_str(), "AKIA1").unwrap()]
        }
        PrincipalKind::FederatedUser => vec![],
    }
}

fn requests() -> Vec<Attributes<'static>> {
    let mut all = Vec::new();
    for namespace in ["", "shop", "carts"] {
        for (verb, group, resource) in [
            ("get", "", "pods"),
            ("delete", "", "pods"),
            ("get", "", "secrets"),
            ("create", "apps", "deployments"),
            ("get", "", "nodes"),
            ("escalate", "rbac.authorization.k8s.io", "clusterroles"),
        ] {
            let asked = ResourceAttributes { verb, group, resource, namespace, ..ResourceAttributes::default() };
            all.push(Attributes::Resource(asked));
        }
    }
    all.push(Attributes::NonResource(NonResourceAttributes { verb: "get", path: "/metrics" }));
    all
}

pub(crate) fn access(world: &World, caller: &Principal) -> Option<Access> {
    let access = permissions(world, caller).ok()?;
    let allowed = requests().iter().map(|asked| access.permissions.decide(asked).is_allowed()).collect();
    Some(Access { is_node: access.permissions.is_node, allowed })
}

/// What a plan is made of: the document, or what is left of it where nobody read RBAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    Full,
    WithoutRbac,
}

impl Sight {
    pub(crate) fn of(self, document: &WorldDocument) -> WorldDocument {
        let mut seen = document.clone();
        if self == Self::WithoutRbac {
            seen.rbac = None;
        }
        seen
    }
}

/// Checks a plan by carrying it out on a document; gives the document after it.
pub(crate) fn check(
    document: &WorldDocument,
    sight: Sight,
    options: &PlanOptions,
    plan: &Plan,
    named: &[String],
) -> WorldDocument {
    let after = plan.after(document).unwrap();
    let callers = callers(document, named);
    let before_world = document.to_world().unwrap();
    let after_world = after.to_world().unwrap();
    let ends: Vec<_> =
        callers.iter().map(|caller| (access(&before_world, caller), access(&after_world, caller))).collect();
    if !plan.needs_a_decision() {
        for (caller, (before, after)) in callers.iter().zip(&ends) {
            assert_eq!(before, after, "{} has not what it had, and {plan:#?} says nothing of it", caller.arn);
        }
    }
    let mut here = document.clone();
    let mut done = Vec::new();
    for step in &plan.steps {
        let next = step.action.apply_to(&here).unwrap_or_else(|error| panic!("{}: {error}", step.id));
        assert_eq!(step.action.apply_to(&next).unwrap(), next, "{} twice is not the same as once", step.id);
        let world = next.to_world().unwrap();
        for (caller, (before, after)) in callers.iter().zip(&ends) {
            let between = access(&world, caller);
            let arn = &caller.arn;
            match (before, &between, after) {
                (Some(_), None, Some(_)) => panic!("{arn} is locked out after {}", step.id),
                (None, Some(_), None) => panic!("{arn} is let in after {}", step.id),
                (Some(before), Some(between), Some(after)) => {
                    assert!(between.has_what_both_have(before, after), "{arn} has less after {}", step.id);
                    assert!(between.has_only_what_one_has(before, after), "{arn} has more after {}", step.id);
                }
                (one @ Some(end), Some(between), None) | (one @ None, Some(between), Some(end)) => {
                    assert!(between.has_only_what_one_has(end, end), "{arn} has more after {}: {one:?}", step.id);
                }
                _ => {}
            }
        }
        done.push((here, step));
        here = next;
        ends_at_the_same(&here, &after, sight, options, &step.id);
    }
    assert_eq!(here, after);
    take_back(here, done);
    after
}

/// A plan made half-way ends where the whole plan does.
fn ends_at_the_same(half_way: &WorldDocument, after: &WorldDocument, sight: Sight, options: &PlanOptions, step: &str) {
    let rest = plan(&sight.of(half_way), options).unwrap();
    let end = rest.after(half_way).unwrap();
    // Whoever does not see bindings cannot know which are left of an earlier plan.
    let (end, after) = (sight.of(&end), sight.of(after));
    assert_eq!(end.to_json(), after.to_json(), "a new plan after {step} ends elsewhere");
}

fn take_back(mut here: WorldDocument, done: Vec<(WorldDocument, &doorward_core::plan::Step)>) {
    for (before, step) in done.into_iter().rev() {
        let Some(undo) = &step.undo else {
            // A mode does not go back, and counts from here on.
            here.authentication_mode = before.authentication_mode;
            assert_eq!(here, before, "the mode is not all that {} changed", step.id);
            continue;
        };
        here = undo.apply_to(&here).unwrap_or_else(|error| panic!("undo of {}: {error}", step.id));
        assert_eq!(undo.apply_to(&here).unwrap(), here, "the undo of {} twice is not the same as once", step.id);
        assert_eq!(here, before, "{} cannot be taken back", step.id);
    }
}

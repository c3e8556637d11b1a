//! Worlds of any size for what is counted: bytes, allocations, instructions.

use doorward_core::access_entry::{AccessEntry, AccessEntryRecord, NewAccessEntry, Tags};
use doorward_core::access_policy::{AccessPolicyArn, Catalogue};
use doorward_core::access_scope::AccessScope;
use doorward_core::authentication_mode::AuthenticationMode;
use doorward_core::partition::Partition;
use doorward_core::principal::{Principal, PrincipalId};
use doorward_core::world::World;
use jiff::Timestamp;

const ACCOUNT: &str = "123456789012";
/// Who is asked about, spread over the whole World.
const CALLERS: usize = 1_000;

/// Somebody who asks.
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    pub(crate) uid: String,
}

/// The entry of a number, as the API makes it: a role with a path that views one namespace.
pub(crate) fn entry(number: usize) -> AccessEntry {
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/bench/role-{number:07}");
    let request = NewAccessEntry::parse(&arn, None, None, None, Tags::new()).unwrap();
    let now: Timestamp = "2026-11-26T12:00:00.123456789Z".parse().unwrap();
    let uuid = format!("0f8fad5b-d9cb-469f-a165-{number:012}");
    let entry = AccessEntry::new(request, Some(PrincipalId(format!("AROABENCH{number:012}"))), uuid, now).unwrap();
    // The length of a SHA-256 in base64, which is what the API keeps here.
    let created_by = Some(format!("{number:043}"));
    let entry = AccessEntry::from(AccessEntryRecord { created_by, ..entry.record() });
    with_policy(&entry, "AmazonEKSViewPolicy", "carts")
}

/// A World with so many entries, and some callers, each with so many associations of which the last one allows to get
/// pods in the namespace `carts`.
pub(crate) fn world(entries: usize, associations: usize) -> (World, Vec<Caller>) {
    let mut world = (0..entries).fold(World::new(AuthenticationMode::Api), |world, at| world.with_entry(entry(at)));
    let others: Vec<&str> = Catalogue::built_in()
        .iter()
        .filter(|policy| policy.name != "AmazonEKSViewPolicy" && !policy.service_linked_role_only)
        .map(|policy| policy.name.as_str())
        .take(associations - 1)
        .collect();
    let mut callers = Vec::new();
    for number in (0..entries).step_by((entries / CALLERS).max(1)) {
        let entry = others.iter().fold(entry(number), |entry, name| with_policy(&entry, name, "elsewhere"));
        assert_eq!(entry.access_policies.len(), associations);
        let id = entry.principal_id().unwrap().to_owned();
        world = world.with_entry(entry);
        let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/role-{number:07}/session");
        let principal = Principal::from_caller_identity(&arn, ACCOUNT, &format!("{id}:session"), "ASIABENCH").unwrap();
        callers.push(Caller { principal, uid: format!("aws-iam-authenticator:{ACCOUNT}:{id}") });
    }
    (world, callers)
}

fn with_policy(entry: &AccessEntry, name: &str, namespace: &str) -> AccessEntry {
    let policy = AccessPolicyArn::new(Partition::Aws, name);
    let scope = AccessScope::parse("namespace", &[namespace.to_owned()]).unwrap();
    entry.associated(&policy, scope, Catalogue::built_in(), Partition::Aws, entry.created_at()).unwrap().0
}

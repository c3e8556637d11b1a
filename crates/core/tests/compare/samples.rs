//! Random pairs of small Worlds, of few different words, so that they often meet.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use doorward_core::access_entry::{AccessEntry, AccessEntryRecord, AssociatedAccessPolicy, EntryType, Tags};
use doorward_core::access_policy::{AccessPolicy, AccessPolicyArn, Catalogue, Documented};
use doorward_core::access_scope::AccessScope;
use doorward_core::authentication_mode::AuthenticationMode;
use doorward_core::aws_auth::{Authenticator, parse_as};
use doorward_core::directory::{Directory, KnownPrincipal};
use doorward_core::partition::Partition;
use doorward_core::principal::{PrincipalArn, PrincipalId};
use doorward_core::rbac::{Binding, BindingSubject, PolicyRule, Rbac, Role, RoleRef};
use doorward_core::username::Template;
use doorward_core::world::World;
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;

pub(crate) const ACCOUNTS: [&str; 2] = ["111111111111", "222222222222"];

/// One of the two Worlds, as plain texts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Half {
    pub(crate) mode: AuthenticationMode,
    pub(crate) rows: Vec<Row>,
    pub(crate) accounts: Vec<&'static str>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) bound: Vec<Bound>,
    pub(crate) creator: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) is_in_map_users: bool,
    pub(crate) arn: String,
    pub(crate) username: String,
    pub(crate) groups: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) arn: String,
    pub(crate) id: Option<&'static str>,
    pub(crate) username: String,
    pub(crate) groups: Vec<String>,
    /// Policies with namespaces; none for the whole cluster.
    pub(crate) policies: Vec<(&'static str, Vec<&'static str>)>,
}

/// A role and its binding.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bound {
    pub(crate) namespace: Option<&'static str>,
    pub(crate) subject: BindingSubject,
    pub(crate) rule: PolicyRule,
}

#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) authenticator: Authenticator,
    /// ARNs with unique ids.
    pub(crate) directory: Vec<(&'static str, Option<&'static str>)>,
    pub(crate) before: Half,
    pub(crate) after: Half,
}

fn one_of(words: &'static [&'static str]) -> BoxedStrategy<String> {
    select(words).prop_map(str::to_owned).boxed()
}

const ARNS: [&str; 14] = [
    "arn:aws:iam::111111111111:role/dev",
    "arn:aws:iam::111111111111:role/dev",
    "arn:aws:iam::111111111111:role/DEV",
    "arn:aws:iam::111111111111:role/team/dev",
    "arn:aws:iam::111111111111:role/ops",
    "arn:aws:iam::222222222222:role/dev",
    "arn:aws:iam::111111111111:user/bob",
    "arn:aws:iam::111111111111:user/Bob",
    "arn:aws:iam::111111111111:user/p/bob",
    "arn:aws:iam::111111111111:root",
    "arn:aws:sts::111111111111:federated-user/fed",
    "arn:aws:sts::111111111111:assumed-role/ops/me",
    "arn:aws:iam::1111111111:role/dev",
    "arn:aws:iam::111111111111:role/*",
];
const USERNAMES: [&str; 17] = [
    "dev",
    "bob",
    "a-b",
    "kubernetes-admin",
    "arn:aws:iam::111111111111:role/dev",
    "arn:aws:iam::111111111111:role/Dev",
    "arn:aws:iam::111111111111:user/other",
    "x:{{SessionName}}",
    "x:{{SessionNameRaw}}",
    "{{SessionName}}",
    "{{SessionNameRaw}}",
    "{{AccountID}}:{{SessionName}}",
    "{{AccessKeyID}}",
    "system:node:{{EC2PrivateDNSName}}",
    "system:{{SessionNameRaw}}:ip-1",
    "{{SessionName}}-{{SessionName}}",
    "system:node:ip-1",
];
const GROUPS: [&str; 9] = [
    "system:masters",
    "system:nodes",
    "system:{{SessionName}}",
    "g1",
    "g1",
    "g2",
    "{{SessionName}}",
    "{{SessionNameRaw}}",
    "team:{{AccountID}}",
];
const NAMED_USERS: [&str; 14] = [
    "dev",
    "bob",
    "a-b",
    "a@b",
    "x:a-b",
    "x:alice",
    "alice",
    "111111111111:alice",
    "ASIA1111111111111111",
    "system:node:ip-1",
    "arn:aws:iam::111111111111:role/dev",
    "arn:aws:iam::111111111111:user/other",
    "alice-alice",
    "kubernetes-admin",
];
const NAMED_GROUPS: [&str; 8] =
    ["g1", "g2", "a-b", "a@b", "team:111111111111", "system:authenticated", "system:nodes", "system:masters"];
const IDS: [&str; 3] = ["AROA1", "AROA2", "AIDA1"];

fn row() -> impl Strategy<Value = Row> {
    let groups = prop::collection::vec(one_of(&GROUPS), 0..=2);
    (prop::bool::weighted(0.3), one_of(&ARNS), one_of(&USERNAMES), groups)
        .prop_map(|(is_in_map_users, arn, username, groups)| Row { is_in_map_users, arn, username, groups })
}

fn is_principal(arn: &str) -> bool {
    PrincipalArn::parse(arn).is_ok()
}

fn entry() -> impl Strategy<Value = Entry> {
    let arn = one_of(&ARNS).prop_filter("no principal", |arn| is_principal(arn));
    let groups = prop::collection::vec(one_of(&["g1", "g2", "system:nodes", "other"]), 0..=2);
    let namespaces = select(&["a", "dev-*", "*-prod", "*", "dev-1", "*e*"][..]);
    let namespaces = prop_oneof![2 => Just(Vec::new()), 3 => prop::collection::vec(namespaces, 1..=2)];
    let policies = prop::collection::vec((select(&POLICIES[..]), namespaces), 0..=2);
    let id = prop_oneof![3 => Just(None), 1 => select(&IDS[..]).prop_map(Some)];
    (arn, id, one_of(&USERNAMES), groups, policies).prop_map(|(arn, id, username, groups, policies)| Entry {
        arn,
        id,
        username,
        groups,
        policies,
    })
}

fn rule() -> impl Strategy<Value = PolicyRule> {
    let verbs = prop::collection::vec(one_of(&["get", "delete", "*"]), 1..=2);
    let groups = prop::collection::vec(one_of(&["", "apps", "*"]), 1..=2);
    let resources = prop::collection::vec(one_of(&["pods", "pods/log", "*/log", "secrets", "*", "pods/*"]), 1..=2);
    let names = prop_oneof![3 => Just(Vec::new()), 1 => Just(vec!["x".to_owned()])];
    let on_resources = (verbs.clone(), groups, resources, names).prop_map(|(verbs, api_groups, resources, names)| {
        PolicyRule { verbs, api_groups, resources, resource_names: names, ..PolicyRule::default() }
    });
    let urls = prop::collection::vec(one_of(&["/api", "/api/*", "/api*", "*", "/*", "/a*"]), 1..=2);
    let on_paths = (verbs, urls).prop_map(|(verbs, non_resource_urls)| PolicyRule {
        verbs,
        non_resource_urls,
        ..PolicyRule::default()
    });
    prop_oneof![4 => on_resources, 1 => on_paths]
}

fn bound() -> impl Strategy<Value = Bound> {
    let service_account = BindingSubject::ServiceAccount { namespace: "a".to_owned(), name: "b".to_owned() };
    let subject = prop_oneof![
        4 => one_of(&NAMED_USERS).prop_map(BindingSubject::User),
        5 => one_of(&NAMED_GROUPS).prop_map(BindingSubject::Group),
        1 => Just(service_account),
    ];
    let namespace = prop_oneof![1 => Just(None), 1 => select(&["a", "dev-1"][..]).prop_map(Some)];
    (namespace, subject, rule()).prop_map(|(namespace, subject, rule)| Bound { namespace, subject, rule })
}

fn mode() -> impl Strategy<Value = AuthenticationMode> {
    use AuthenticationMode::{Api, ApiAndConfigMap, ConfigMap};
    prop_oneof![2 => Just(ConfigMap), 4 => Just(ApiAndConfigMap), 2 => Just(Api)]
}

fn half() -> impl Strategy<Value = Half> {
    let accounts = prop_oneof![3 => Just(Vec::new()), 1 => Just(vec![ACCOUNTS[0]])];
    let creator = prop_oneof![4 => Just(None), 1 => Just(Some("AROA1")), 1 => Just(Some("AROA9"))];
    let parts = (
        prop::collection::vec(row(), 0..=3),
        prop::collection::vec(entry(), 0..=3),
        prop::collection::vec(bound(), 0..=5),
    );
    (mode(), accounts, creator, parts).prop_map(|(mode, accounts, creator, (rows, entries, bound))| Half {
        mode,
        rows,
        accounts,
        entries,
        bound,
        creator,
    })
}

/// What a migration would make of the rows: entries of the same name, some of them with a mistake.
fn migrated(before: &Half, mistake: u8, bound: Vec<Bound>) -> Half {
    let mut entries: Vec<Entry> = before.entries.clone();
    for row in before.rows.iter().filter(|row| is_principal(&row.arn)) {
        let is_new = |entry: &Entry| entry.arn != row.arn;
        if entries.iter().all(is_new) {
            let is_masters = |group: &&String| *group == "system:masters";
            let policies = if row.groups.iter().any(|group| is_masters(&group)) {
                vec![("Everything", Vec::new())]
            } else {
                Vec::new()
            };
            let groups = row.groups.iter().filter(|group| !is_masters(group)).cloned().collect();
            entries.push(Entry { arn: row.arn.clone(), id: None, username: row.username.clone(), groups, policies });
        }
    }
    let mut after = Half { mode: AuthenticationMode::Api, entries, ..before.clone() };
    match (mistake, after.entries.last_mut()) {
        (0, Some(entry)) => entry.groups.push("g2".to_owned()),
        (1, Some(entry)) => entry.username = "dev".to_owned(),
        (2, Some(entry)) => entry.policies.push(("Pods", vec!["dev-*"])),
        (3, Some(_)) => drop(after.entries.pop()),
        (4, _) => after.mode = AuthenticationMode::ApiAndConfigMap,
        (5, _) => after.bound.extend(bound),
        _ => {}
    }
    after
}

pub(crate) fn sample() -> BoxedStrategy<Sample> {
    let known = [
        ("arn:aws:iam::111111111111:role/team/dev", Some("AROA1")),
        ("arn:aws:iam::111111111111:role/ops", None),
        ("arn:aws:iam::111111111111:user/bob", Some("AIDA1")),
    ];
    let directory = prop_oneof![3 => Just(Vec::new()), 1 => prop::sample::subsequence(known.to_vec(), 1..=3)];
    let authenticator = prop_oneof![Just(Authenticator::Eks), Just(Authenticator::Doorward)];
    (authenticator, directory, half(), half(), 0..10_u8, 0..64_u8)
        .prop_map(|(authenticator, directory, before, other, way, parts)| {
            let after = if way < 5 {
                migrated(&before, parts % 12, other.bound)
            } else {
                let part = |bit: u8| parts >> bit & 1 == 1;
                Half {
                    mode: if part(0) { other.mode } else { before.mode },
                    rows: if part(1) { other.rows } else { before.rows.clone() },
                    accounts: if part(2) { other.accounts } else { before.accounts.clone() },
                    entries: if part(3) { other.entries } else { before.entries.clone() },
                    bound: if part(4) { other.bound } else { before.bound.clone() },
                    creator: if part(5) { other.creator } else { before.creator },
                }
            };
            Sample { authenticator, directory, before, after }
        })
        .boxed()
}

const POLICIES: [&str; 5] = ["Everything", "Pods", "Partly", "Secret", "Named"];

/// `Secret` has rules that nobody prints, `Partly` some.
static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let strings = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let on = |verbs: &[&str], resources: &[&str], names: &[&str]| PolicyRule {
        verbs: strings(verbs),
        api_groups: strings(&["*"]),
        resources: strings(resources),
        resource_names: strings(names),
        ..PolicyRule::default()
    };
    let paths = PolicyRule { verbs: strings(&["*"]), non_resource_urls: strings(&["*"]), ..PolicyRule::default() };
    let policy = |name: &str, omitted: &[&str], rules: Vec<PolicyRule>| AccessPolicy {
        name: name.to_owned(),
        documented: Documented::Table,
        listed: true,
        service_linked_role_only: false,
        omitted: strings(omitted),
        source: None,
        rules,
    };
    Catalogue::new([
        policy("Everything", &[], vec![on(&["*"], &["*"], &[]), paths]),
        policy("Pods", &[], vec![on(&["get"], &["pods", "pods/log"], &[])]),
        policy("Partly", &["leases"], vec![on(&["get"], &["secrets"], &[])]),
        policy("Secret", &[], vec![]),
        policy("Named", &[], vec![on(&["*"], &["*/log"], &["x"]), on(&["delete"], &["secrets"], &[])]),
    ])
});

/// The two Worlds.
pub(crate) fn worlds(sample: &Sample) -> (World, World) {
    (world(sample, &sample.before), world(sample, &sample.after))
}

fn world(sample: &Sample, half: &Half) -> World {
    let known = sample.directory.iter().map(|(arn, id)| KnownPrincipal {
        arn: PrincipalArn::parse(arn).unwrap(),
        unique_id: id.map(|id| PrincipalId(id.to_owned())),
    });
    let world = World::new(half.mode)
        .with_catalogue(&CATALOGUE)
        .with_creator(half.creator.map(|id| PrincipalId(id.to_owned())))
        .with_aws_auth(parse_as(&config_map(half), sample.authenticator))
        .with_rbac(Arc::new(rbac(&half.bound)))
        .with_directory(Arc::new(Directory::new(known)));
    half.entries.iter().fold(world, |world, entry| world.with_entry(access_entry(entry)))
}

fn access_entry(entry: &Entry) -> AccessEntry {
    let now = Timestamp::UNIX_EPOCH;
    let policies = entry.policies.iter().map(|(name, namespaces)| {
        let kind = if namespaces.is_empty() { "cluster" } else { "namespace" };
        let namespaces: Vec<String> = namespaces.iter().map(|&name| name.to_owned()).collect();
        AssociatedAccessPolicy {
            policy_arn: AccessPolicyArn::new(Partition::Aws, name),
            access_scope: AccessScope::parse(kind, &namespaces).unwrap(),
            associated_at: now.into(),
            modified_at: now.into(),
        }
    });
    let record = AccessEntryRecord {
        principal_arn: PrincipalArn::parse(&entry.arn).unwrap(),
        principal_id: entry.id.map(|id| PrincipalId(id.to_owned())),
        r#type: EntryType::Standard,
        username: Template::parse(&entry.username).unwrap(),
        kubernetes_groups: entry.groups.clone(),
        tags: Tags::new(),
        id: String::new(),
        created_by: None,
        created_at: now,
        modified_at: now,
        access_policies: policies.collect(),
    };
    record.into()
}

fn rbac(bound: &[Bound]) -> Rbac {
    let name = |at: usize| format!("r{at}");
    let roles = bound.iter().enumerate().map(|(at, one)| Role {
        namespace: one.namespace.map(str::to_owned),
        name: name(at),
        rules: vec![one.rule.clone()],
    });
    let bindings = bound.iter().enumerate().map(|(at, one)| Binding {
        namespace: one.namespace.map(str::to_owned),
        name: name(at),
        role: if one.namespace.is_some() { RoleRef::Role(name(at)) } else { RoleRef::ClusterRole(name(at)) },
        subjects: vec![one.subject.clone()],
    });
    Rbac::new(roles.collect::<Vec<_>>(), bindings.collect::<Vec<_>>())
}

fn config_map(half: &Half) -> BTreeMap<String, String> {
    let mut data = BTreeMap::new();
    for (section, key, is_in_map_users) in [("mapRoles", "rolearn", false), ("mapUsers", "userarn", true)] {
        let rows = half.rows.iter().filter(|row| row.is_in_map_users == is_in_map_users);
        let rows = rows.map(|row| {
            let groups: Vec<String> = row.groups.iter().map(|group| format!("'{group}'")).collect();
            format!("- {{{key}: '{}', username: '{}', groups: [{}]}}\n", row.arn, row.username, groups.join(", "))
        });
        data.insert(section.to_owned(), rows.collect::<String>());
    }
    data.insert("mapAccounts".to_owned(), half.accounts.iter().map(|account| format!("- '{account}'\n")).collect());
    data
}

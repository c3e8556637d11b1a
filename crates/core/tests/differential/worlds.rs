//! Random clusters and callers, and what the crate makes of them.

use std::collections::BTreeMap;

use doorward_core::access_entry::{AccessEntry, NewAccessEntry, Tags};
use doorward_core::access_policy::{AccessPolicy, AccessPolicyArn, Catalogue, Documented};
use doorward_core::access_scope::AccessScope;
use doorward_core::authentication_mode::AuthenticationMode;
use doorward_core::aws_auth;
use doorward_core::partition::Partition;
use doorward_core::principal::{Principal, PrincipalArn, PrincipalId};
use doorward_core::rbac::PolicyRule;
use doorward_core::world::World;
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;

use crate::reference::{ACCESS_KEY, Caller, Cluster, Entry, Named, Part, Row, Step, Subject};
use crate::rules;

/// The first one twice, so that an entry, a row and a caller often have the same.
const ACCOUNTS: [&str; 3] = ["111111111111", "111111111111", "222222222222"];
const POLICIES: [&str; 4] = ["PolicyA", "PolicyB", "PolicyC", "PolicyD"];
const ROLES: [&str; 3] = ["dev", "Dev", "ops"];
const PATHS: [&str; 4] = ["/", "/", "/team/", "/x/y/"];
const IDS: [&str; 3] = ["AROA1", "AROA2", "AIDA1"];
const SESSIONS: [&str; 4] = ["me@x.com", "s", "i-0123456789abcdef0", "i-12345678"];

fn text(words: &'static [&'static str]) -> BoxedStrategy<String> {
    select(words).prop_map(str::to_owned).boxed()
}

fn named() -> impl Strategy<Value = Named> {
    (prop::bool::weighted(0.75), text(&ACCOUNTS), text(&PATHS), text(&ROLES))
        .prop_map(|(is_role, account, path, name)| Named { is_role, account, path, name })
}

/// Username templates that a STANDARD entry takes.
fn entry_username() -> impl Strategy<Value = Vec<Part>> {
    let literal = text(&["admin", "é", "a:b"]).prop_map(|text| vec![Part::Text(text)]);
    let session = prop_oneof![Just(Part::SessionName), Just(Part::SessionNameRaw)];
    let with_session = (text(&["a:", "x:y-"]), session, text(&["", "!"]))
        .prop_map(|(before, session, after)| vec![Part::Text(before), session, Part::Text(after)]);
    prop_oneof![literal, with_session]
}

fn entry() -> impl Strategy<Value = Entry> {
    let id = prop_oneof![3 => text(&IDS).prop_map(Some), 1 => Just(None)];
    let kind = prop_oneof![6 => Just("STANDARD"), 1 => Just("EC2_LINUX"), 1 => Just("FARGATE_LINUX")];
    let groups = prop::collection::vec(text(&["g1", "g2", "team:x"]), 0..=3);
    let policies = prop::collection::vec((text(&POLICIES), rules::scope()), 1..=4);
    (named(), id, kind, proptest::option::of(entry_username()), groups, policies).prop_map(
        |(principal, id, kind, username, groups, policies)| {
            let is_for_people = kind == "STANDARD" || !principal.is_role;
            Entry {
                principal,
                id,
                kind: if is_for_people { "STANDARD" } else { kind }.to_owned(),
                username: username.filter(|_| is_for_people),
                groups: if is_for_people { groups } else { Vec::new() },
                policies: if is_for_people { policies } else { Vec::new() },
            }
        },
    )
}

fn row_text() -> impl Strategy<Value = Vec<Part>> {
    let part = prop_oneof![
        4 => text(&["admin", "it's: #1", "{", "g", "system:masters"]).prop_map(Part::Text),
        1 => Just(Part::SessionName),
        1 => Just(Part::SessionNameRaw),
        1 => Just(Part::AccountId),
        1 => Just(Part::AccessKeyId),
        1 => Just(Part::NodeName),
    ];
    prop::collection::vec(part, 1..=2)
        // A brace before a placeholder would be read as part of it.
        .prop_filter("a lone brace", |parts| parts.len() == 1 || parts[0] != Part::Text("{".to_owned()))
}

fn row() -> impl Strategy<Value = Row> {
    let arn = (named(), prop::bool::weighted(0.2)).prop_map(|(principal, is_upper)| {
        let arn = principal.arn();
        if is_upper { arn.to_uppercase() } else { arn }
    });
    let groups = prop::collection::vec(row_text(), 0..=2);
    (any::<bool>(), arn, row_text(), groups, prop::bool::weighted(0.1)).prop_map(
        |(is_in_map_users, arn, username, groups, is_broken)| Row { is_in_map_users, arn, username, groups, is_broken },
    )
}

fn policies() -> impl Strategy<Value = BTreeMap<String, Vec<PolicyRule>>> {
    prop::array::uniform4(prop::collection::vec(rules::rule(), 0..=9))
        .prop_map(|rules| POLICIES.iter().map(|&name| name.to_owned()).zip(rules).collect())
}

pub(crate) fn cluster() -> impl Strategy<Value = Cluster> {
    let mode = prop_oneof![2 => Just("CONFIG_MAP"), 5 => Just("API_AND_CONFIG_MAP"), 5 => Just("API")];
    let step = prop_oneof![8 => entry().prop_map(Step::Put), 1 => named().prop_map(Step::Remove)];
    let steps = prop::collection::vec(step, 0..=14);
    let rows = prop::collection::vec(row(), 0..=16);
    let accounts = prop::collection::vec(text(&ACCOUNTS), 0..=1);
    (mode, steps, rows, accounts, proptest::option::of(text(&IDS)), policies()).prop_map(
        |(mode, steps, rows, accounts, creator, policies)| Cluster { mode, steps, rows, accounts, creator, policies },
    )
}

pub(crate) fn caller() -> BoxedStrategy<Caller> {
    let session = (text(&ACCOUNTS), text(&ROLES), text(&IDS), text(&SESSIONS), proptest::option::of(Just("ip-1.ec2")))
        .prop_map(|(account, role, id, session, node_name)| Caller::Session {
            account,
            role,
            id,
            session,
            node_name: node_name.map(str::to_owned),
        });
    let user = (text(&ACCOUNTS), text(&PATHS), text(&ROLES), text(&IDS))
        .prop_map(|(account, path, name, id)| Caller::User { account, path, name, id });
    let root = text(&ACCOUNTS).prop_map(|account| Caller::Root { account });
    let federated = (text(&ACCOUNTS), text(&ROLES)).prop_map(|(account, name)| Caller::Federated { account, name });
    prop_oneof![12 => session, 4 => user, 1 => root, 1 => federated].boxed()
}

/// What the token webhook says of a caller.
pub(crate) fn subject_of(caller: &Caller) -> Subject {
    Subject {
        uid: format!("aws-iam-authenticator:{}:{}", caller.account(), caller.id()),
        principal_id: Some(caller.id()),
        canonical_arn: Some(caller.canonical()),
    }
}

/// Mostly what the token webhook says of somebody; at times impersonated, incomplete or put together by a forger.
pub(crate) fn subject() -> impl Strategy<Value = Subject> {
    (caller(), 0..70, text(&IDS)).prop_map(|(caller, what, other)| {
        let subject = subject_of(&caller);
        match what {
            0 => Subject { uid: String::new(), principal_id: None, canonical_arn: None },
            1 => Subject { uid: String::new(), ..subject },
            2 => Subject { principal_id: None, ..subject },
            3 => Subject { principal_id: Some(other), ..subject },
            4 => Subject { uid: caller.id(), ..subject },
            5 => Subject { uid: subject.uid.to_uppercase(), ..subject },
            6 => Subject { canonical_arn: None, ..subject },
            7 => Subject { canonical_arn: subject.canonical_arn.map(|arn| arn.to_uppercase()), ..subject },
            _ => subject,
        }
    })
}

pub(crate) fn scoped_policies() -> impl Strategy<Value = Vec<(String, Vec<String>)>> {
    let names = &[
        "AmazonEKSClusterAdminPolicy",
        "AmazonEKSAdminPolicy",
        "AmazonEKSEditPolicy",
        "AmazonEKSViewPolicy",
        "AmazonEKSAdminViewPolicy",
        "AmazonARCRegionSwitchScalingPolicy",
        "AmazonEKSSecretReaderPolicy",
        "AmazonEMRJobPolicy",
    ];
    prop::collection::vec((text(names), rules::scope()), 1..=3)
}

pub(crate) fn one_caller() -> Caller {
    Caller::Session {
        account: ACCOUNTS[0].to_owned(),
        role: "dev".to_owned(),
        id: IDS[0].to_owned(),
        session: "s".to_owned(),
        node_name: None,
    }
}

/// A cluster with the entry of [`one_caller`].
pub(crate) fn one_entry(policies: Vec<(String, Vec<String>)>, printed: BTreeMap<String, Vec<PolicyRule>>) -> Cluster {
    let principal =
        Named { is_role: true, account: ACCOUNTS[0].to_owned(), path: "/".to_owned(), name: "dev".to_owned() };
    let entry = Entry {
        principal,
        id: Some(IDS[0].to_owned()),
        kind: "STANDARD".to_owned(),
        username: None,
        groups: Vec::new(),
        policies,
    };
    Cluster {
        mode: "API",
        steps: vec![Step::Put(entry)],
        rows: Vec::new(),
        accounts: Vec::new(),
        creator: None,
        policies: printed,
    }
}

/// The World of a cluster, made as the server makes it: step by step, through the checks of the API.
pub(crate) fn build(cluster: &Cluster) -> World {
    let catalogue = Catalogue::new(cluster.policies.iter().map(|(name, rules)| AccessPolicy {
        name: name.clone(),
        documented: Documented::Table,
        listed: true,
        service_linked_role_only: false,
        omitted: Vec::new(),
        source: None,
        rules: rules.clone(),
    }));
    // A World holds its catalogue for as long as the program runs, and a test does not run for long.
    build_with(cluster, Box::leak(Box::new(catalogue)))
}

pub(crate) fn build_with(cluster: &Cluster, catalogue: &'static Catalogue) -> World {
    let mode = AuthenticationMode::from_name(cluster.mode).unwrap();
    let world = World::new(mode)
        .with_catalogue(catalogue)
        .with_creator(cluster.creator.clone().map(PrincipalId))
        .with_aws_auth(aws_auth::parse(&config_map(cluster)));
    cluster.steps.iter().fold(world, |world, step| match step {
        Step::Put(entry) => world.with_entry(access_entry(entry, catalogue)),
        Step::Remove(principal) => world.without_entry(&PrincipalArn::parse(&principal.arn()).unwrap()),
    })
}

fn access_entry(entry: &Entry, catalogue: &Catalogue) -> AccessEntry {
    let username = entry.username.as_ref().map(|parts| template(parts));
    let arn = entry.principal.arn();
    let request =
        NewAccessEntry::parse(&arn, Some(&entry.kind), username.as_deref(), Some(&entry.groups), Tags::new()).unwrap();
    let id = entry.id.clone().map(PrincipalId);
    let made = AccessEntry::new(request, id, "uuid".to_owned(), Timestamp::UNIX_EPOCH).unwrap();
    entry.policies.iter().fold(made, |made, (name, namespaces)| {
        let kind = if namespaces.is_empty() { "cluster" } else { "namespace" };
        let scope = AccessScope::parse(kind, namespaces).unwrap();
        let arn = AccessPolicyArn::new(Partition::Aws, name);
        made.associated(&arn, scope, catalogue, Partition::Aws, Timestamp::UNIX_EPOCH).unwrap().0
    })
}

/// aws-auth in YAML, every text in single quotes.
fn config_map(cluster: &Cluster) -> BTreeMap<String, String> {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let mut data = BTreeMap::new();
    for (section, key, is_in_map_users) in [("mapRoles", "rolearn", false), ("mapUsers", "userarn", true)] {
        let mut yaml = String::new();
        for row in cluster.rows.iter().filter(|row| row.is_in_map_users == is_in_map_users) {
            yaml += &format!("- {key}: {}\n", quoted(&row.arn));
            if !row.is_broken {
                yaml += &format!("  username: {}\n", quoted(&template(&row.username)));
            }
            yaml += "  groups:\n";
            yaml.extend(row.groups.iter().map(|group| format!("  - {}\n", quoted(&template(group)))));
        }
        data.insert(section.to_owned(), yaml);
    }
    let accounts = cluster.accounts.iter().map(|account| format!("- {}\n", quoted(account))).collect();
    data.insert("mapAccounts".to_owned(), accounts);
    data
}

fn template(parts: &[Part]) -> String {
    let written = parts.iter().map(|part| match part {
        Part::Text(text) => text,
        Part::SessionName => "{{SessionName}}",
        Part::SessionNameRaw => "{{SessionNameRaw}}",
        Part::AccountId => "{{AccountID}}",
        Part::AccessKeyId => "{{AccessKeyID}}",
        Part::NodeName => "{{EC2PrivateDNSName}}",
    });
    written.collect()
}

/// The caller as the crate knows it, from what STS answers.
pub(crate) fn principal(caller: &Caller) -> Principal {
    let (arn, user_id, private_dns_name) = match caller {
        Caller::Session { account, role, id, session, node_name } => (
            format!("arn:aws:sts::{account}:assumed-role/{role}/{session}"),
            format!("{id}:{session}"),
            node_name.clone(),
        ),
        other => (other.canonical(), other.id(), None),
    };
    let verified = Principal::from_caller_identity(&arn, caller.account(), &user_id, ACCESS_KEY).unwrap();
    Principal { private_dns_name, ..verified }
}

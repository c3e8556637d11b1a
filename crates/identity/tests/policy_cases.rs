//! The evaluator of identity policies: the cases of `cases/iam-policy`, a slow reference, and policies made to be slow.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    dead_code,
    unreachable_pub,
    reason = "tests fail by panicking"
)]

mod reference;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use doorward_identity::policy::identity::evaluate;
use doorward_identity::policy::{Context, IdentityPolicy, PolicyError, Request, Verdict};
use proptest::prelude::*;
use reference::Asked;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    description: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    policies: Vec<Value>,
    action: String,
    #[serde(default = "star")]
    resource: String,
    #[serde(default)]
    context: BTreeMap<String, Value>,
    verdict: String,
}

fn star() -> String {
    "*".to_owned()
}

fn asked(action: &str, resource: &str, context: &BTreeMap<String, Value>) -> Asked {
    let mut asked = Asked { action: action.to_owned(), resource: resource.to_owned(), ..Asked::default() };
    for (key, value) in context {
        match value {
            Value::Array(values) => {
                let values = values.iter().map(|value| value.as_str().unwrap().to_owned()).collect();
                asked.multiple.insert(key.clone(), values);
            }
            value => {
                asked.single.insert(key.clone(), value.as_str().unwrap().to_owned());
            }
        }
    }
    asked
}

/// Keys of a context are the server's own, so they live for ever; a test may leak a few.
fn forever(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

fn context_of(asked: &Asked) -> Context<'_> {
    let mut context = Context::default();
    for (key, value) in &asked.single {
        match key.split_once('/') {
            Some((prefix, tag)) => context.set_tags(forever(&format!("{prefix}/")), [(tag, value.as_str())]),
            None => context.set(forever(key), value.as_str()),
        }
    }
    for (key, values) in &asked.multiple {
        context.set_all(forever(key), values.iter().map(String::as_str));
    }
    context
}

fn verdict(policies: &[Value], asked: &Asked) -> &'static str {
    let policies: Vec<IdentityPolicy> = policies
        .iter()
        .map(|policy| IdentityPolicy::parse(&policy.to_string()).unwrap_or_else(|error| panic!("{error}: {policy}")))
        .collect();
    let context = context_of(asked);
    match evaluate(&policies, &Request { action: &asked.action, resource: &asked.resource, context: &context }) {
        Verdict::Allowed => "allowed",
        Verdict::NotAllowed => "not-allowed",
        Verdict::Denied => "denied",
    }
}

#[test]
fn every_case_has_its_verdict_from_evaluator_and_reference() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/iam-policy");
    let mut ids = BTreeSet::new();
    let mut wrong = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let file: File = serde_saphyr::from_str(&std::fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(!file.description.is_empty());
        for case in file.cases {
            assert!(ids.insert(case.id.clone()), "{} stands twice", case.id);
            let asked = asked(&case.action, &case.resource, &case.context);
            let found = verdict(&case.policies, &asked);
            if found != case.verdict {
                wrong.push(format!("{}: {found} instead of {}", case.id, case.verdict));
            }
            let has_patterns =
                asked.multiple.get("eks:namespaces").is_some_and(|all| all.iter().any(|one| one.contains('*')));
            let by_reference = reference::verdict(&case.policies, &asked);
            if !has_patterns && by_reference != case.verdict {
                wrong.push(format!("{}: the reference says {by_reference} instead of {}", case.id, case.verdict));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(ids.len() >= 100, "the corpus is not there");
}

fn text() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", "a", "A", "ab", "b", "team-a", "team-b", "x*", "ä", "Ä", "5", "true", "2026-01-01"])
        .prop_map(str::to_owned)
}

/// No pattern among the namespaces: the reference does not have them.
fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", "a", "A", "ab", "b", "team-a", "team-b", "ä", "Ä"]).prop_map(str::to_owned)
}

fn resource() -> impl Strategy<Value = String> {
    prop_oneof![1 => Just(star()), 6 => arn()]
}

fn arn() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "arn:aws:eks:us-west-2:123456789012:cluster/a",
        "arn:aws:eks:us-west-2:123456789012:cluster/team-a",
        "arn:aws:eks:us-west-2:123456789012:cluster/*",
        "arn:aws:eks:eu-west-1:123456789012:access-entry/a/role/123456789012/team-a/1:2",
        "arn:aws:iam::123456789012:role/team-a",
        "arn:aws:iam::123456789012:user/p/a",
    ])
    .prop_map(str::to_owned)
}

fn pattern() -> impl Strategy<Value = String> {
    prop_oneof![
        text(),
        prop::sample::select(vec![
            "*",
            "?",
            "a*",
            "*b",
            "team-?",
            "${aws:username}",
            "${aws:username, 'a'}",
            "${*}",
            "${eks:namespaces}",
            "${aws:SourceIp}",
            "${aws:PrincipalTag/team}-a",
            "${",
            "a${$}",
            "${aws:username, a}",
            "FALSE",
            "2026-01-01T00:00:00Z",
            "1767225600",
            "4.0",
        ])
        .prop_map(str::to_owned),
    ]
}

fn arn_pattern() -> impl Strategy<Value = String> {
    let section = prop::sample::select(vec!["aws", "*", "eks", "iam", "us-*", "123456789012", "", "?ks"]);
    let last = prop::sample::select(vec![
        "*",
        "cluster/*",
        "cluster/${aws:username}",
        "role/team-?",
        "*team-a",
        "access-entry/a/*",
        "user/*/a",
        "*:2",
    ]);
    let sections = (prop::collection::vec(section, 1..5), last);
    let built = sections.prop_map(|(sections, last)| format!("arn:{}:{last}", sections.join(":")));
    prop_oneof![2 => built, 2 => arn(), 1 => Just("*".to_owned())]
}

fn key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "aws:username",
        "EKS:username",
        "eks:kubernetesGroups",
        "eks:namespaces",
        "eks:principalArn",
        "aws:ResourceTag/team",
        "aws:requesttag/TEAM",
        "aws:PrincipalTag/team",
        "aws:SourceIp",
        "aws:CurrentTime",
        "sts:DurationSeconds",
        "aws:ViaAWSService",
        "aws:TagKeys",
        "aws:RequestTag/",
    ])
}

fn operator() -> impl Strategy<Value = String> {
    let set = prop::sample::select(vec!["", "", "ForAllValues:", "ForAnyValue:", "ForSomeValues:"]);
    let name = prop::sample::select(vec![
        "StringEquals",
        "StringNotEquals",
        "StringEqualsIgnoreCase",
        "StringNotEqualsIgnoreCase",
        "StringLike",
        "StringNotLike",
        "ArnEquals",
        "ArnLike",
        "ArnNotEquals",
        "ArnNotLike",
        "Bool",
        "Null",
        "NumericEquals",
        "NumericNotEquals",
        "NumericLessThan",
        "NumericGreaterThanEquals",
        "DateEquals",
        "DateNotEquals",
        "DateLessThan",
        "DateGreaterThanEquals",
        "IpAddress",
        "BinaryEquals",
        "NumericNotLessThan",
        "BoolNot",
    ]);
    (set, name, prop::sample::select(vec!["", "", "IfExists"]))
        .prop_map(|(set, name, rest)| format!("{set}{name}{rest}"))
}

fn statement() -> impl Strategy<Value = Value> {
    let effect = prop::sample::select(vec!["Allow", "Allow", "Deny"]);
    let action = prop::sample::select(vec!["*", "eks:*", "EKS:List*", "eks:?istClusters", "iam:*"]);
    let value = prop_oneof![pattern(), arn_pattern()];
    let test = (operator(), key(), prop::collection::vec(value, 1..3));
    let resources = prop::collection::vec(arn_pattern(), 1..3);
    (effect, action, any::<bool>(), resources, prop::bool::weighted(0.8), prop::collection::vec(test, 0..3)).prop_map(
        |(effect, action, is_action, resources, is_resource, tests)| {
            let mut condition = serde_json::Map::new();
            for (operator, key, values) in tests {
                let keys = condition.entry(operator).or_insert_with(|| json!({}));
                keys[key] = json!(values);
            }
            let mut statement = json!({ "Effect": effect });
            statement[if is_action || action == "*" { "Action" } else { "NotAction" }] = json!(action);
            statement[if is_resource { "Resource" } else { "NotResource" }] = json!(resources);
            if !condition.is_empty() {
                statement["Condition"] = condition.into();
            }
            statement
        },
    )
}

fn requests() -> impl Strategy<Value = Asked> {
    let single = prop::collection::btree_map(
        prop::sample::select(vec![
            "aws:username",
            "eks:username",
            "aws:ResourceTag/team",
            "aws:RequestTag/team",
            "aws:RequestTag/Team",
            "aws:PrincipalTag/team",
            "aws:ViaAWSService",
            "sts:DurationSeconds",
        ]),
        text(),
        0..5,
    );
    let many = prop::collection::btree_map(
        prop::sample::select(vec!["eks:kubernetesGroups", "eks:namespaces", "aws:TagKeys"]),
        prop::collection::vec(name(), 0..4),
        0..3,
    );
    let action = prop::sample::select(vec!["eks:ListClusters", "iam:GetRole"]);
    (action, resource(), single, many, prop::option::of(arn())).prop_map(
        |(action, resource, single, multiple, principal)| {
            let mut single: BTreeMap<String, String> =
                single.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
            single.extend(principal.map(|arn| ("eks:principalArn".to_owned(), arn)));
            single.insert("aws:CurrentTime".to_owned(), "2026-01-01T00:00:00Z".to_owned());
            let multiple = multiple.into_iter().map(|(key, values)| (key.to_owned(), values)).collect();
            Asked { action: action.to_owned(), resource, single, multiple }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(10_000)
    ))]

    #[test]
    fn the_evaluator_agrees_with_the_reference(
        statements in prop::collection::vec(statement(), 1..4), asked in requests(), is_new in any::<bool>(),
    ) {
        let mut policy = json!({ "Statement": statements });
        if is_new {
            policy["Version"] = json!("2012-10-17");
        }
        let policies = [policy];
        prop_assert_eq!(verdict(&policies, &asked), reference::verdict(&policies, &asked));
    }

    /// Another `Deny`, whatever it says, never lets anybody do more.
    #[test]
    fn a_denial_more_never_allows(
        statements in prop::collection::vec(statement(), 1..3), denial in statement(), asked in requests(),
    ) {
        let mut denial = denial;
        denial["Effect"] = json!("Deny");
        let before = verdict(&[json!({ "Statement": statements.clone() })], &asked);
        let after = verdict(&[json!({ "Statement": statements }), json!({ "Statement": denial })], &asked);
        prop_assert!(after != "allowed" || before == "allowed");
    }
}

/// Runs in what a decision may take, on a slow machine without optimization.
fn in_time<T>(what: &str, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let outcome = run();
    assert!(start.elapsed() < Duration::from_secs(5), "{what} took {:?}", start.elapsed());
    outcome
}

fn groups(count: usize, group: &str) -> Asked {
    let mut asked = Asked { action: "eks:CreateAccessEntry".to_owned(), resource: star(), ..Asked::default() };
    asked.multiple.insert("eks:kubernetesGroups".to_owned(), vec![group.to_owned(); count]);
    asked
}

#[test]
fn a_policy_made_to_be_slow_is_not_and_grants_nothing() {
    let with = |condition: Value| {
        [json!({ "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition }] })]
    };
    let blow_up = with(json!({ "ForAllValues:StringLike": { "eks:kubernetesGroups": "*a".repeat(5_000) + "b" } }));
    let asked = groups(1_000, &"a".repeat(1_000));
    assert_eq!(in_time("a blow-up of wildcards", || verdict(&blow_up, &asked)), "not-allowed");
    let many: Vec<String> = (0..3_000).map(|number| format!("g{number}")).collect();
    let product = with(json!({ "ForAllValues:StringEquals": { "eks:kubernetesGroups": many } }));
    let asked = groups(100_000, "g2999");
    assert_eq!(in_time("a product of lists", || verdict(&product, &asked)), "not-allowed");
    let deny = [
        json!({ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } }),
        json!({ "Statement": { "Effect": "Deny", "Action": "*", "Resource": "*",
            "Condition": { "ForAnyValue:StringEquals": { "eks:kubernetesGroups": (0..3_000).collect::<Vec<_>>() } } } }),
    ];
    assert_eq!(in_time("a denial that is too much work", || verdict(&deny, &asked)), "denied");
}

#[test]
fn namespaces_made_to_be_slow_are_not() {
    let policy = [json!({ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*",
        "Condition": { "ForAllValues:StringLike": { "eks:namespaces": "a*".repeat(4_000) } } } })];
    let mut asked = groups(0, "");
    asked.multiple.insert("eks:namespaces".to_owned(), vec!["a*".repeat(31); 10_000]);
    assert_eq!(in_time("patterns against patterns", || verdict(&policy, &asked)), "not-allowed");
}

#[test]
fn a_document_made_to_break_the_reader_is_refused() {
    let nested =
        |open: &str, close: &str| format!(r#"{{"Statement":{}"x"{}}}"#, open.repeat(5_000), close.repeat(5_000));
    assert_eq!(IdentityPolicy::parse(&nested("[", "]")).unwrap_err(), PolicyError::Json);
    assert_eq!(IdentityPolicy::parse(&nested(r#"{"Condition":"#, "}")).unwrap_err(), PolicyError::Json);
    assert_eq!(IdentityPolicy::parse(&" ".repeat(200_000)).unwrap_err(), PolicyError::TooLong);
    let shallow =
        r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"a":[["b"]]}}}}"#;
    assert!(matches!(IdentityPolicy::parse(shallow), Err(PolicyError::Shape(_))));
}

#[test]
fn a_large_policy_that_is_plain_is_evaluated() {
    let arns: Vec<String> =
        (0..150).map(|n| format!("arn:aws:eks:us-west-2:123456789012:cluster/team-{n}-*")).collect();
    let policy = [json!({ "Statement": { "Effect": "Allow", "Action": "eks:*", "Resource": arns } })];
    let resource = "arn:aws:eks:us-west-2:123456789012:cluster/team-149-x".to_owned();
    let asked = Asked { action: "eks:DescribeCluster".to_owned(), resource, ..Asked::default() };
    assert_eq!(verdict(&policy, &asked), "allowed");
    let values: Vec<String> = (0..1_000).map(|n| format!("g{n}")).collect();
    let policy = [json!({ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*",
        "Condition": { "ForAllValues:StringEquals": { "eks:kubernetesGroups": values } } } })];
    assert_eq!(in_time("a list of groups", || verdict(&policy, &groups(1_000, "g999"))), "allowed");
}

//! What must hold of every policy, whatever a stranger writes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

use doorward_identity::policy::{Context, IdentityPolicy, Request, TrustPolicy, Verdict};
use proptest::prelude::*;

/// JSON that is nearly a policy: the right words in any arrangement.
fn nearly_a_policy() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "Version",
        "2012-10-17",
        "Statement",
        "Sid",
        "Effect",
        "Allow",
        "Deny",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Principal",
        "NotPrincipal",
        "AWS",
        "*",
        "eks:*",
        "sts:AssumeRole",
        "123456789012",
        "arn:aws:iam::123456789012:root",
        "Condition",
        "StringEquals",
        "sts:ExternalId",
        "Bool",
    ]);
    let text = word.prop_map(|word| format!("\"{word}\""));
    let leaf = prop_oneof![text.clone(), Just("1".to_owned()), Just("null".to_owned()), Just("true".to_owned())];
    leaf.prop_recursive(6, 60, 6, move |inner| {
        let list = prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(",")));
        let object = prop::collection::vec((text.clone(), inner), 0..6).prop_map(|entries| {
            let entries: Vec<String> = entries.into_iter().map(|(key, value)| format!("{key}:{value}")).collect();
            format!("{{{}}}", entries.join(","))
        });
        prop_oneof![list, object]
    })
}

/// A statement that is one, of parts that may or may not grant.
fn statement() -> impl Strategy<Value = String> {
    let effect = prop::sample::select(vec!["Allow", "Deny"]);
    let action = prop::sample::select(vec![
        r#""Action":"*""#,
        r#""Action":"eks:List*""#,
        r#""Action":["iam:*","eks:ListCluster?"]"#,
        r#""NotAction":"iam:*""#,
        r#""Action":"iam:*""#,
    ]);
    let resource = prop::sample::select(vec![
        r#""Resource":"*""#,
        r#""Resource":"arn:aws:eks:us-west-2:123456789012:cluster/demo""#,
        r#""NotResource":"*""#,
        r#""Resource":"arn:aws:eks:*:*:*""#,
    ]);
    let condition = prop::sample::select(vec!["", r#","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#]);
    (effect, action, resource, condition)
        .prop_map(|(effect, action, resource, rest)| format!(r#"{{"Effect":"{effect}",{action},{resource}{rest}}}"#))
}

const CLUSTER: &str = "arn:aws:eks:us-west-2:123456789012:cluster/demo";

fn ask(policy: &IdentityPolicy, resource: &str) -> Verdict {
    policy.evaluate(&Request { action: "eks:ListClusters", resource, context: &Context::default() })
}

fn policy(statements: &[String]) -> IdentityPolicy {
    IdentityPolicy::parse(&format!(r#"{{"Statement":[{}]}}"#, statements.join(","))).unwrap()
}

proptest! {
    #[test]
    fn no_text_makes_reading_a_policy_panic(text in ".{0,200}", nearly in nearly_a_policy()) {
        for text in [text, nearly] {
            let _ = IdentityPolicy::parse(&text).map(|policy| ask(&policy, CLUSTER));
            let _ = TrustPolicy::parse(&text);
        }
    }

    /// A denial is only ever answered with a denial, wherever it stands and whatever stands beside it.
    #[test]
    fn no_statement_undoes_a_denial(
        before in prop::collection::vec(statement(), 0..4), after in prop::collection::vec(statement(), 1..4),
    ) {
        let alone = policy(&after);
        let all = policy(&[before, after].concat());
        for resource in ["*", CLUSTER] {
            prop_assert!(ask(&alone, resource) != Verdict::Denied || ask(&all, resource) == Verdict::Denied);
        }
    }
}

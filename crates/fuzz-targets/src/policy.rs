//! Policy documents: identity policies and trust policies.

use doorward_identity::policy::{Context, IdentityPolicy, Request, TrustPolicy, Verdict};
use serde_json::Value;

use crate::{Outcome, assert_is_a_message};

/// What is read is JSON and keeps its text; a denial of everything beside it denies, whatever it allows; the case of an
/// action decides nothing; a document is never both a trust policy and an identity policy.
pub fn policy(data: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(data) else { return "not text" };
    let identity = IdentityPolicy::parse(text);
    let trust = TrustPolicy::parse(text);
    if let Err(error) = &identity {
        assert_is_a_message(&error.to_string());
    }
    if let Err(error) = &trust {
        assert_is_a_message(&error.to_string());
    }
    match (identity, trust) {
        (Err(_), Err(_)) => "refused",
        (Ok(policy), Err(_)) => check_identity(text, &policy),
        (Err(_), Ok(policy)) => {
            assert_eq!(policy.text(), text);
            serde_json::from_str::<Value>(text).expect("a policy is JSON");
            let json = serde_json::to_string(&policy).unwrap();
            assert_eq!(serde_json::from_str::<TrustPolicy>(&json).unwrap(), policy);
            "trust policy"
        }
        (Ok(_), Ok(_)) => panic!("one document is both kinds of policy"),
    }
}

const ACTIONS: [&str; 4] = ["eks:ListClusters", "eks:CreateAccessEntry", "iam:CreateUser", "sts:AssumeRole"];
const RESOURCES: [&str; 3] =
    ["*", "arn:aws:eks:us-west-2:123456789012:cluster/demo", "arn:aws:iam::123456789012:role/dev"];

fn check_identity(text: &str, policy: &IdentityPolicy) -> Outcome {
    assert_eq!(policy.text(), text);
    let mut document: Value = serde_json::from_str(text).expect("a policy is JSON");
    let json = serde_json::to_string(policy).unwrap();
    assert_eq!(serde_json::from_str::<IdentityPolicy>(&json).unwrap(), *policy);

    let denial = serde_json::json!({ "Effect": "Deny", "Action": "*", "Resource": "*" });
    let statements = document.get_mut("Statement").expect("a policy has statements");
    match statements {
        Value::Array(list) => list.push(denial),
        single => *single = Value::Array(vec![single.take(), denial]),
    }
    let denied = IdentityPolicy::parse(&document.to_string()).expect("a policy with one statement more");
    let mut outcome = "identity policy";
    let context = Context::default();
    for action in ACTIONS {
        for resource in RESOURCES {
            let request = Request { action, resource, context: &context };
            assert_eq!(denied.evaluate(&request), Verdict::Denied, "a denial is undone");
            let verdict = policy.evaluate(&request);
            let upper = action.to_ascii_uppercase();
            let loud = Request { action: &upper, ..request };
            assert_eq!(policy.evaluate(&loud), verdict, "case of an action decides");
            match verdict {
                Verdict::Allowed => outcome = "identity policy that allows",
                Verdict::Denied if outcome == "identity policy" => outcome = "identity policy that denies",
                _ => {}
            }
        }
    }
    outcome
}

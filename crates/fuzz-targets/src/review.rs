//! The bodies of the webhooks' reviews.

use std::sync::Arc;

use doorward_identity::{LocalProvider, Verifier};
use doorward_server::webhook::{
    AuditIds, Decisions, Prover, Refused, answer_subject_access_review, answer_token_review,
};
use futures::executor::block_on;
use serde_json::Value;

use crate::world::{ACCOUNT, WORLD, cluster, hosts, now, sessions};
use crate::{Outcome, assert_is_a_message};

/// The answer to a TokenReview is one of its version; whoever is authenticated is the one who has a key; a refusal
/// shows nothing of the token; nothing is the server's fault.
pub fn token_review(data: &[u8]) -> Outcome {
    let verifier = Verifier::Local(Box::new(LocalProvider::new(hosts(), Arc::new(sessions()))));
    let decision = Decisions::new(0, AuditIds::Off).next();
    let prover = Prover { verifier: &verifier, now: now(), decision };
    let view = || Arc::new(WORLD.view.clone());
    let answered = match block_on(answer_token_review(view, &cluster(), data, &prover)) {
        Ok(answered) => answered,
        Err(refused) => return check_refused(&refused),
    };
    let (asked, answer) = both(data, &answered.body);
    assert_eq!(answer["kind"], "TokenReview");
    assert_eq!(answer["apiVersion"], asked["apiVersion"]);
    let status = &answer["status"];
    if status["authenticated"] == true {
        assert_eq!(status["user"]["username"], "arn:aws:iam::123456789012:user/alice");
        let known = asked["spec"]["audiences"].as_array().cloned().unwrap_or_default();
        for audience in status["audiences"].as_array().into_iter().flatten() {
            assert!(known.contains(audience), "an audience that was not asked about");
        }
    } else {
        assert!(status.get("user").is_none());
        let error = status["error"].as_str().unwrap();
        assert_is_a_message(error);
        let token = asked["spec"]["token"].as_str().unwrap_or_default();
        assert!(token.len() < 12 || !error.contains(token), "a refusal shows the token");
    }
    answered.outcome
}

/// The answer to a SubjectAccessReview is one of its version and never a denial; whoever is allowed something has the
/// uid and the principal id of one who has an entry, and asks for nothing that viewing or editing does not include.
pub fn subject_access_review(data: &[u8]) -> Outcome {
    let decision = Decisions::new(0, AuditIds::Off).next();
    let answered = match answer_subject_access_review(&WORLD.view, &cluster(), data, decision) {
        Ok(answered) => answered,
        Err(refused) => return check_refused(&refused),
    };
    let (asked, answer) = both(data, &answered.body);
    assert_eq!(answer["kind"], "SubjectAccessReview");
    assert_eq!(answer["apiVersion"], asked["apiVersion"]);
    let status = answer["status"].as_object().unwrap();
    assert!(status.keys().all(|key| key == "allowed" || key == "reason"), "more than an opinion: {status:?}");
    if status["allowed"] == true {
        check_allowed(&asked["spec"], status["reason"].as_str().unwrap());
    } else {
        assert!(!status.contains_key("reason"), "a reason without a permission lengthens kubectl's message");
    }
    answered.outcome
}

fn check_allowed(spec: &Value, reason: &str) {
    assert!(reason.starts_with("EKS Access Policy: allowed by "), "{reason}");
    let uid = spec["uid"].as_str().unwrap();
    let id = uid.rsplit(':').next().unwrap();
    assert!(uid.starts_with("aws-iam-authenticator:"), "{uid}");
    let extra = spec["extra"].as_object().unwrap();
    let ids: Vec<&Value> =
        extra.iter().filter(|(key, _)| key.eq_ignore_ascii_case("principalid")).map(|(_, value)| value).collect();
    assert_eq!(ids, [&serde_json::json!([id])], "the principal id is not exactly the uid's");
    let world = &WORLD.view.cluster("demo").unwrap().world;
    let entry = world.entries().find(|entry| entry.principal_id() == Some(id));
    let entry = entry.expect("somebody without an entry is allowed something");
    assert!(reason.contains(entry.principal_arn.as_str()) && entry.principal_arn.account().as_str() == ACCOUNT);
    let asked = spec["resourceAttributes"].as_object().expect("neither policy includes a path");
    assert!(spec.get("nonResourceAttributes").is_none_or(Value::is_null));
    let of = |name: &str| asked.get(name).and_then(Value::as_str).unwrap_or_default();
    if entry.principal_arn.name() == "alice" {
        assert!(["get", "list", "watch"].contains(&of("verb")) && of("resource") != "secrets", "{asked:?}");
    } else {
        assert!(of("namespace") == "carts" || of("namespace").starts_with("dev-"), "{asked:?}");
    }
}

fn check_refused((status, message): &Refused) -> Outcome {
    assert_is_a_message(message);
    match status.as_u16() {
        400 => "bad request",
        404 => "no cluster",
        _ => panic!("a user's mistake is answered {status}"),
    }
}

/// Question and answer, by another reader than the webhook's own.
fn both(asked: &[u8], answer: &[u8]) -> (Value, Value) {
    let answer = serde_json::from_slice(answer).expect("an answer is JSON");
    (serde_json::from_slice(asked).expect("what was answered is JSON"), answer)
}

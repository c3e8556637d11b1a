//! What STS, or somebody in its place, answers.

use doorward_core::partition::Partition;
use doorward_identity::aws::{IdentityError, Reply, Throttled, read_caller_identity};
use serde_json::Value;

use crate::{Outcome, assert_is_a_message};

/// The first two bytes choose the status, the rest is the body. Whoever is believed is named by a body that another
/// reader understands in the same way, with status 200; nothing that is said of it is long or forges a line of a log.
pub fn sts_reply(data: &[u8]) -> Outcome {
    let (status, body) = match data {
        [b'=', b'=', body @ ..] => (200, body),
        [high, low, body @ ..] => (u16::from_be_bytes([*high, *low]) % 700, body),
        _ => return "too short",
    };
    let reply = Reply {
        status,
        content_type: Some("application/json".to_owned()),
        is_encoded: false,
        body: bytes::Bytes::copy_from_slice(body),
    };
    match read_caller_identity(&reply, Partition::Aws, "AKIAIOSFODNN7EXAMPLE") {
        Ok(principal) => {
            assert_eq!(status, 200);
            let answer: Value = serde_json::from_slice(body).expect("what is believed is JSON");
            let [answer] = values(&answer, &["GetCallerIdentityResponse"]);
            let [result, _] = values(answer, &["GetCallerIdentityResult", "ResponseMetadata"]);
            let [account, arn, id] = values(result, &["Account", "Arn", "UserId"]);
            assert_eq!(arn.as_str(), Some(principal.arn.as_str()));
            assert_eq!(account.as_str(), Some(principal.canonical.account().as_str()));
            assert!(id.as_str().unwrap().starts_with(principal.id.0.as_str()));
            assert_eq!(principal.canonical.partition(), Partition::Aws);
            "believed"
        }
        Err(error) => {
            assert_is_a_message(&error.to_string());
            match error {
                IdentityError::Token(_) => panic!("nothing was read of a token"),
                IdentityError::Refused { code } => {
                    assert!((400..500).contains(&status) && code.len() <= 64);
                    "refused"
                }
                IdentityError::NotAPrincipal { .. } => "not a principal",
                IdentityError::Throttled(Throttled::ByAws) => "throttled",
                IdentityError::Throttled(_) => panic!("nothing was called"),
                IdentityError::Undecided(_) => "undecided",
            }
        }
    }
}

/// The values of an object with exactly these keys.
fn values<'a, const N: usize>(value: &'a Value, keys: &[&str; N]) -> [&'a Value; N] {
    let object = value.as_object().expect("an object");
    assert_eq!(object.len(), N, "{value}");
    keys.map(|key| &object[key])
}

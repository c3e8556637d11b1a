//! Reading what STS answers. One shape is believed; the rest is sorted into refused, throttled and undecided.
//!
//! Strict, because this text decides who somebody is. Vault was fooled by a reader that took any XML for an answer
//! (CVE-2020-16250), and most JSON readers take the last of two equal keys, an array for an object, or what follows the
//! end. The vectors are in `cases/sts-reply/`.

use bytes::Bytes;
use doorward_core::partition::Partition;
use doorward_core::principal::Principal;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::{IdentityError, Throttled, Undecided};
use crate::object::Object;

/// Longest body that is read of STS, in bytes. A real one has about 500.
pub(crate) const MAX_BODY: usize = 64 * 1024;

/// An answer over HTTP.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The media type, if exactly one is given in readable form.
    pub content_type: Option<String>,
    /// Whether a content coding such as gzip is named. None was asked for.
    pub is_encoded: bool,
    /// The body.
    pub body: Bytes,
}

/// The caller that STS names in answer to `GetCallerIdentity`.
///
/// `access_key_id` is the one that signed: STS does not repeat it.
///
/// # Errors
/// [`IdentityError`]: a refusal only if STS itself says so by one of its error codes; a proxy's page is none.
pub fn read_caller_identity(
    reply: &Reply,
    partition: Partition,
    access_key_id: &str,
) -> Result<Principal, IdentityError> {
    if reply.is_encoded {
        return Err(Undecided::Unreadable.into());
    }
    if reply.status != 200 {
        return Err(match refusal(reply) {
            // With these STS refuses tokens. With others something refuses the call itself, on the way there.
            IdentityError::Refused { .. } if !matches!(reply.status, 400 | 401 | 403) => Undecided::Unreadable.into(),
            other => other,
        });
    }
    if !is_json(reply) {
        return Err(Undecided::Unreadable.into());
    }
    let answer: Object<Answer> = serde_json::from_slice(&reply.body).map_err(|_| Undecided::Unreadable)?;
    let Answer { response: Object(Response { result: Object(result), metadata: Object(metadata) }) } = answer.0;
    if !metadata.get("RequestId").is_some_and(Value::is_string) {
        return Err(Undecided::Unreadable.into());
    }
    let unfit = |problem: String| IdentityError::NotAPrincipal { problem };
    let principal = Principal::from_caller_identity(&result.arn, &result.account, &result.user_id, access_key_id)
        .map_err(|error| unfit(error.to_string()))?;
    let theirs = principal.canonical.partition();
    if theirs != partition {
        return Err(unfit(format!("its partition is `{theirs}` and this server's is `{partition}`")));
    }
    Ok(principal)
}

/// What an answer other than 200 means.
pub(crate) fn refusal(reply: &Reply) -> IdentityError {
    let code = error_code(&reply.body);
    match (reply.status, code) {
        (429, _) => Throttled::ByAws.into(),
        (400.., Some(code)) if is_throttling(&code) => Throttled::ByAws.into(),
        // Without a code to go by, the words count: STS may have them inside of something else.
        (400.., None) if has_throttling_words(&reply.body) => Throttled::ByAws.into(),
        (500.., _) => Undecided::ServerError.into(),
        (400..=499, Some(code)) => IdentityError::Refused { code },
        _ => Undecided::Unreadable.into(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    #[serde(rename = "GetCallerIdentityResponse")]
    response: Object<Response>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Response {
    #[serde(rename = "GetCallerIdentityResult")]
    result: Object<CallerIdentity>,
    #[serde(rename = "ResponseMetadata")]
    /// Nothing in here says who somebody is, so it may grow. It is read all the same: what is skipped is not checked to
    /// be JSON at all.
    metadata: Object<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct CallerIdentity {
    account: String,
    arn: String,
    user_id: String,
}

fn is_json(reply: &Reply) -> bool {
    let media_type = reply.content_type.as_deref().and_then(|value| value.split(';').next()).map(str::trim);
    media_type.is_some_and(|media_type| media_type.eq_ignore_ascii_case("application/json"))
}

/// AWS's error code, from `{"Error":{"Code":…}}` or `<Code>…</Code>`: STS answers the one if asked for JSON, and what
/// stands before it the other.
fn error_code(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Body {
        #[serde(rename = "Error")]
        error: Object<Inner>,
    }
    #[derive(Deserialize)]
    struct Inner {
        #[serde(rename = "Code")]
        code: String,
    }
    let from_json = || serde_json::from_slice::<Object<Body>>(body).ok().map(|body| body.0.error.0.code);
    let from_xml = || {
        let text = std::str::from_utf8(body).ok()?;
        let text = text.trim_start();
        if !text.starts_with("<?xml") && !text.starts_with("<ErrorResponse") && !text.starts_with("<Response") {
            return None;
        }
        let (_, rest) = text.split_once("<Code>")?;
        Some(rest.split_once("</Code>")?.0.to_owned())
    };
    let is_code = |code: &String| {
        (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
    };
    from_json().or_else(from_xml).filter(is_code)
}

/// The codes that botocore and the other SDKs retry as throttling.
fn is_throttling(code: &str) -> bool {
    let code = code.to_ascii_lowercase();
    code.starts_with("throttl")
        || code.starts_with("requestthrottled")
        || ["requestlimitexceeded", "toomanyrequestsexception", "slowdown", "bandwidthlimitexceeded"]
            .contains(&code.as_str())
}

fn has_throttling_words(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body).to_ascii_lowercase();
    ["throttling", "requestlimitexceeded"].iter().any(|word| text.contains(word))
}

//! Query strings, and requests of the query protocol that STS and IAM speak.

use doorward_server::query::{Call, Format, Parameters};
use doorward_server::{iam, sts};
use doorward_sigv4::query::{decode, encode, pairs};

use crate::world::{WORLD, counting, now, sessions};
use crate::{Outcome, assert_is_a_message};

/// A query that is read means what the standard reader of forms takes it for, and reads back from its canonical form.
/// Any text survives being encoded.
pub fn query(data: &[u8]) -> Outcome {
    let Ok(raw) = std::str::from_utf8(data) else { return "not text" };
    let encoded = encode(raw);
    assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)));
    assert_eq!(decode(&encoded).as_deref(), Ok(raw));
    let read = match pairs(raw) {
        Ok(read) => read,
        Err(error) => {
            assert_is_a_message(&error.to_string());
            return "refused";
        }
    };
    let standard: Vec<_> = form_urlencoded::parse(data).into_owned().collect();
    assert_eq!(read, standard, "another reader reads something else");
    let written: Vec<String> = read.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    // A name can be written as nothing but bytes that stand for nothing.
    if !read.iter().any(|(name, _)| name.is_empty()) {
        assert_eq!(pairs(&written.join("&")).as_ref(), Ok(&read));
    }
    if read.is_empty() { "empty" } else { "read" }
}

/// The input is the body of a POST by an administrator. Nothing is the server's fault, an error is a short message, an
/// answer is well-formed enough for a reader that counts brackets, and only actions that write change anything.
pub fn query_request(data: &[u8]) -> Outcome {
    let parameters = match Parameters::read("", data) {
        Ok(parameters) => parameters,
        Err(error) => return refused(&error),
    };
    let action = parameters.action().to_owned();
    let mut random = counting(100);
    let mut call = Call {
        region: "us-west-2",
        directory: &WORLD.view.directory,
        sessions: &sessions(),
        caller: &WORLD.alice,
        now: now(),
        request_id: "a-request",
        format: Format::Xml,
        random: &mut random,
    };
    let is_sts = matches!(action.as_str(), "GetCallerIdentity" | "AssumeRole" | "GetSessionToken");
    let run = if is_sts { sts::run } else { iam::run };
    let outcome = match run(&mut call, parameters) {
        Ok(outcome) => outcome,
        Err(error) => return refused(&error),
    };
    assert!(outcome.changes.is_empty() || iam::is_write(&action), "{action} is no write and changes something");
    assert_eq!(outcome.body.matches('<').count(), outcome.body.matches('>').count(), "{}", outcome.body);
    assert!(outcome.body.chars().all(|c| !c.is_control() || c.is_whitespace()), "{:?}", outcome.body);
    let after = outcome.changes.iter().fold(WORLD.view.directory.clone(), |directory, change| directory.apply(change));
    for change in &outcome.changes {
        if let Some(object) = after.object(&change.key()) {
            let stored = object.to_stored().expect("what was accepted can be stored");
            let read = doorward_identity::directory::Object::from_stored(stored.as_bytes());
            assert_eq!(read.map(|object| object.key()).ok(), Some(change.key()), "what was stored cannot be read back");
        }
    }
    if outcome.changes.is_empty() { "answered" } else { "changed" }
}

fn refused(error: &doorward_server::query::ApiError) -> Outcome {
    assert!(error.status.is_client_error(), "a user's mistake is answered {}", error.status);
    assert_is_a_message(&error.message);
    error.code
}

//! What is asked, and how an answer is judged.

use std::sync::Arc;

use doorward_bench::api::REGION;
use doorward_bench::http::post_json;
use doorward_bench::review;
use doorward_identity::hosts::Endpoint;
use doorward_identity::token;
use doorward_sigv4::Credentials;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use serde_json::Value;

/// The cluster.
pub(crate) const CLUSTER: &str = "chaos";

/// A token is good for 15 minutes; those that are made here are up to so many seconds old, so that they differ.
const AGES: u64 = 600;

/// Who makes tokens: the sessions of somebody.
#[derive(Clone)]
pub(crate) struct Signer {
    pub(crate) endpoint: Endpoint,
    pub(crate) sessions: Vec<Credentials>,
}

impl Signer {
    /// A token of its; those of different numbers differ, if they are made within a second.
    ///
    /// # Errors
    /// If there is no session.
    pub(crate) fn token(&self, number: u64) -> anyhow::Result<String> {
        let sessions = self.sessions.len().max(1) as u64;
        let session = usize::try_from(number % sessions).ok().and_then(|at| self.sessions.get(at));
        let session = session.ok_or_else(|| anyhow::anyhow!("nobody to sign a token"))?;
        let age = SignedDuration::from_secs(i64::try_from(number / sessions % AGES)?);
        let token = token::encode(&self.endpoint, REGION, session, CLUSTER, Timestamp::now() - age)?;
        Ok(token.expose_secret().to_owned())
    }
}

/// What is asked of whom.
#[derive(Clone)]
pub(crate) enum Ask {
    /// The token webhook: is somebody let in, with another token each time?
    Token(Arc<Signer>),
    /// The same, always with this token.
    SameToken(Arc<str>),
    /// The authorization webhook: is this review allowed?
    Review(Arc<str>),
    /// The API server: a GET of a path with somebody's token.
    ApiServer(Arc<Signer>, &'static str),
}

/// The right answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// Let in, allowed.
    Yes,
    /// Not let in, no opinion.
    No,
    /// This status of the API server.
    Status(u16),
}

/// One kind of request.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) kind: &'static str,
    pub(crate) ask: Ask,
    pub(crate) right: Right,
    /// Whether it may be put off while what it needs is away: a token that was never seen, and that somebody else proves.
    pub(crate) may_wait: bool,
}

/// What an answer is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Worth {
    Right,
    RefusedWrongly,
    AllowedWrongly,
    /// It decides nothing: another server may be asked.
    Nothing,
}

impl Question {
    /// Whether it is asked of the API server.
    pub(crate) fn is_for_api_server(&self) -> bool {
        matches!(self.ask, Ask::ApiServer(..))
    }

    /// The request as bytes.
    ///
    /// # Errors
    /// If no token can be made.
    pub(crate) fn request(&self, number: u64) -> anyhow::Result<Vec<u8>> {
        Ok(match &self.ask {
            Ask::Token(signer) => token_review(&signer.token(number)?),
            Ask::SameToken(token) => token_review(token),
            Ask::Review(review) => post_json(&format!("/clusters/{CLUSTER}/authorize"), review),
            Ask::ApiServer(signer, path) => {
                let token = signer.token(number)?;
                let head = "host: 127.0.0.1\r\naccept: application/json";
                format!("GET {path} HTTP/1.1\r\n{head}\r\nauthorization: Bearer {token}\r\n\r\n").into_bytes()
            }
        })
    }

    /// What an answer to it is worth.
    pub(crate) fn judge(&self, status: u16, body: &[u8]) -> Worth {
        let said = match (&self.ask, self.right) {
            (Ask::ApiServer(..), Right::Status(right)) => return judge_api_server(right, status),
            _ if status != 200 => return Worth::Nothing,
            (Ask::Review(_), _) => status_of(body, "/status/allowed"),
            _ => status_of(body, "/status/authenticated"),
        };
        match (said, self.right) {
            (None, _) => Worth::Nothing,
            (Some(true), Right::No) => Worth::AllowedWrongly,
            (Some(false), Right::Yes) => Worth::RefusedWrongly,
            _ => Worth::Right,
        }
    }
}

/// A TokenReview as kube-apiserver sends it.
pub(crate) fn token_review(token: &str) -> Vec<u8> {
    post_json(&format!("/clusters/{CLUSTER}/authenticate"), &review::token_review(token))
}

/// A yes or no of a review's answer. What is left out means no, in an answer that is one.
pub(crate) fn status_of(body: &[u8], pointer: &str) -> Option<bool> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    answer.get("status")?;
    Some(answer.pointer(pointer) == Some(&Value::Bool(true)))
}

/// 401: nobody; 403: somebody who may not; 200: somebody who may. Anything else decides nothing.
fn judge_api_server(right: u16, status: u16) -> Worth {
    let rank = |status| match status {
        401 => Some(0),
        403 => Some(1),
        200 => Some(2),
        _ => None,
    };
    match (rank(status), rank(right)) {
        (Some(heard), Some(right)) if heard > right => Worth::AllowedWrongly,
        (Some(heard), Some(right)) if heard < right => Worth::RefusedWrongly,
        (Some(_), Some(_)) => Worth::Right,
        _ => Worth::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(right: Right) -> Question {
        Question { kind: "review", ask: Ask::Review("{}".into()), right, may_wait: false }
    }

    #[test]
    fn a_yes_where_no_is_right_is_allowed_wrongly_and_the_other_way_round_refused_wrongly() {
        let (yes, no) = (br#"{"status":{"allowed":true}}"#.as_slice(), br#"{"status":{"reason":""}}"#.as_slice());
        assert_eq!(question(Right::Yes).judge(200, yes), Worth::Right);
        assert_eq!(question(Right::No).judge(200, yes), Worth::AllowedWrongly);
        assert_eq!(question(Right::Yes).judge(200, no), Worth::RefusedWrongly);
        assert_eq!(question(Right::No).judge(200, no), Worth::Right);
    }

    #[test]
    fn what_is_no_decision_is_neither_right_nor_wrong() {
        assert_eq!(question(Right::No).judge(503, br#"{"status":{"allowed":false}}"#), Worth::Nothing);
        assert_eq!(question(Right::No).judge(200, b"rubbish"), Worth::Nothing);
        assert_eq!(question(Right::No).judge(200, b"{}"), Worth::Nothing);
        assert_eq!(judge_api_server(401, 500), Worth::Nothing);
    }

    #[test]
    fn who_is_somebody_although_nobody_or_may_although_not_is_allowed_wrongly() {
        assert_eq!(judge_api_server(401, 403), Worth::AllowedWrongly);
        assert_eq!(judge_api_server(403, 200), Worth::AllowedWrongly);
        assert_eq!(judge_api_server(403, 401), Worth::RefusedWrongly);
        assert_eq!(judge_api_server(200, 403), Worth::RefusedWrongly);
        assert_eq!(judge_api_server(403, 403), Worth::Right);
    }
}

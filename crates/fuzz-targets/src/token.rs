//! The bearer token, and the request that is rebuilt from it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorward_identity::token::{PREFIX, Token, decode, verify_local};
use secrecy::ExposeSecret as _;

use crate::Outcome;
use crate::world::{WORLD, hosts, now, sessions};

/// Reads the input as a token, or, if it does not begin as one, as the URL inside of one.
///
/// A token that is read says the same as the request rebuilt from it, which reads back as itself; a token that is
/// verified is that of the one principal who has a key, for the cluster it was made for and no other; a refusal shows
/// nothing of the token.
pub fn token(data: &[u8]) -> Outcome {
    let text = match std::str::from_utf8(data) {
        Ok(text) if text.starts_with(PREFIX) => text.to_owned(),
        _ => wrap(data),
    };
    let token = match decode(&text, &hosts(), now()) {
        Ok(token) => token,
        Err(error) => {
            assert!(!error.to_string().contains(text.get(12..).filter(|rest| rest.len() > 8).unwrap_or("k8s-aws-v1.")));
            return error.reason();
        }
    };
    let url = URL_SAFE_NO_PAD.decode(&text[PREFIX.len()..]).expect("a token that is read is base64url");
    let url = String::from_utf8(url).expect("a token that is read is text");
    let again = rebuilt(&token);
    assert_eq!(
        url.split_once('?').unwrap().0.trim_end_matches('/'),
        again.split_once('?').unwrap().0.trim_end_matches('/')
    );
    assert_eq!(sorted_pairs(&url), sorted_pairs(&again), "what is rebuilt is not what was validated");
    let second = decode(&wrap(again.as_bytes()), &hosts(), now()).expect("what is rebuilt can be read");
    assert_eq!(rebuilt(&second), again);

    let verify = |cluster| verify_local(&WORLD.view.directory, &sessions(), &token, cluster, now());
    match verify("demo") {
        Ok(principal) => {
            assert_eq!(principal.canonical.as_str(), "arn:aws:iam::123456789012:user/alice");
            assert!(verify("demo2").is_err() && verify("Demo").is_err(), "a token for one cluster opens another");
            "verified"
        }
        Err(error) => error.reason(),
    }
}

fn wrap(url: &[u8]) -> String {
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(url))
}

fn rebuilt(token: &Token) -> String {
    format!("{}?{}", token.endpoint(), token.query().expose_secret())
}

/// Names and values in a fixed order, by another reader than the token's own.
fn sorted_pairs(url: &str) -> Vec<(String, String)> {
    let query = url.split_once('?').unwrap().1;
    let mut pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    pairs.sort();
    pairs
}

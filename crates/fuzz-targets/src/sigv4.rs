//! Requests as they arrive, and the claim of a signature in them.

use doorward_sigv4::{PayloadHash, Presented, Request, Window, sign_headers};

use crate::world::{credentials, now, secret};
use crate::{Outcome, assert_is_a_message};

/// The input is a request: `METHOD PATH?QUERY`, header lines, an empty line, a body.
///
/// What is read as a claim has a scope of its own day; what verifies does not with another method, body or secret; and
/// whatever can be signed verifies.
pub fn sigv4(data: &[u8]) -> Outcome {
    let Some(parts) = Parts::read(data) else { return "no request" };
    let headers: Vec<(&str, &[u8])> = parts.headers.clone();
    let request = parts.request(&headers);
    signed_by_us_verifies(&parts);
    match Presented::from_request(&request) {
        Ok(None) => "unsigned",
        Err(error) => {
            assert_is_a_message(&error.to_string());
            "malformed"
        }
        Ok(Some(presented)) => {
            assert!(presented.scope().to_string().ends_with("/aws4_request"));
            match presented.verify(&request, &secret(), now(), &Window::API) {
                Ok(()) => {
                    only_this_request_verifies(&presented, &request);
                    "verified"
                }
                Err(error) => {
                    assert_is_a_message(&error.to_string());
                    "not verified"
                }
            }
        }
    }
}

fn only_this_request_verifies(presented: &Presented, request: &Request<'_>) {
    let other_secret = doorward_sigv4::SecretKey::new("another".to_owned());
    assert!(presented.verify(request, &other_secret, now(), &Window::API).is_err());
    let method = if request.method == "GET" { "PUT" } else { "GET" };
    let body_sha256 = PayloadHash::of(b"another body than any in the corpora");
    let path = format!("{}x", request.path);
    for other in
        [Request { method, ..*request }, Request { body_sha256, ..*request }, Request { path: &path, ..*request }]
    {
        assert!(presented.verify(&other, &secret(), now(), &Window::API).is_err(), "{other:?} verifies as well");
    }
}

fn signed_by_us_verifies(parts: &Parts<'_>) {
    // Ours are the headers that a signature is made of.
    let ours = ["authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"];
    let is_theirs = |name: &str| !ours.iter().any(|our| our.eq_ignore_ascii_case(name));
    let headers: Vec<(&str, &[u8])> = parts.headers.iter().copied().filter(|(name, _)| is_theirs(name)).collect();
    let request = parts.request(&headers);
    // A query with a signature of its own is another form.
    if request.query.to_ascii_lowercase().contains("amz") || request.query.contains('%') {
        return;
    }
    let Ok(signed) = sign_headers(&request, &credentials(), "us-west-2", "eks", now()) else { return };
    let mut with_signature = headers.clone();
    with_signature.push(("Authorization", signed.authorization.as_bytes()));
    with_signature.push(("X-Amz-Date", signed.x_amz_date.as_bytes()));
    let request = parts.request(&with_signature);
    let presented = Presented::from_request(&request).expect("what was signed can be read").expect("a claim");
    presented.verify(&request, &secret(), now(), &Window::API).expect("what was signed verifies");
}

struct Parts<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    headers: Vec<(&'a str, &'a [u8])>,
    body: &'a [u8],
}

impl<'a> Parts<'a> {
    fn read(data: &'a [u8]) -> Option<Self> {
        let mut lines = data.split(|byte| *byte == b'\n');
        let (method, target) = std::str::from_utf8(lines.next()?).ok()?.split_once(' ')?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = Vec::new();
        for line in lines.by_ref() {
            if line.is_empty() {
                break;
            }
            let at = line.iter().position(|byte| *byte == b':')?;
            headers.push((std::str::from_utf8(&line[..at]).ok()?, &line[at + 1..]));
        }
        let rest: usize = lines.map(|line| line.len() + 1).sum();
        Some(Self { method, path, query, headers, body: &data[data.len() - rest.saturating_sub(1).min(data.len())..] })
    }

    fn request<'r>(&'r self, headers: &'r [(&'r str, &'r [u8])]) -> Request<'r> {
        let Self { method, path, query, .. } = *self;
        Request { method, path, query, headers, body_sha256: PayloadHash::of(self.body) }
    }
}

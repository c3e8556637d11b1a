//! Calls of the EKS API signed in the `Authorization` header: what is accepted, what is refused, and that requests
//! signed by the `aws-sigv4` crate (the signer of the Rust SDK) verify here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

use aws_credential_types::Credentials as SdkCredentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use doorward_sigv4::{
    Credentials, Form, MalformedError, PayloadHash, Presented, Request, SecretKey, VerifyError, Window,
    parse_timestamp, sign_headers,
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const HOST: &[u8] = b"127.0.0.1:8090";
const PATH: &str = "/clusters/demo/access-entries/arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fteam%2Fdev";

#[test]
fn a_signed_call_verifies_within_fifteen_minutes_either_way() {
    let call = Call::signed(None);
    for (seconds, verifies) in [(0, true), (900, true), (901, false), (-900, true), (-901, false)] {
        let verdict = call.verify_at(at() + SignedDuration::from_secs(seconds));
        assert_eq!(verdict.is_ok(), verifies, "{seconds}: {verdict:?}");
    }
    assert_eq!(call.presented().unwrap().form(), Form::Header);
}

#[test]
fn a_session_token_is_signed_and_read() {
    let call = Call::signed(Some("FwoGZXIvYXdzEXAMPLE+/=="));
    assert_eq!(call.verify_at(at()), Ok(()));
    let presented = call.presented().unwrap();
    assert_eq!(presented.session_token(), Some("FwoGZXIvYXdzEXAMPLE+/=="));
    let list = presented.signed_headers().joined();
    assert_eq!(list, "content-type;host;x-amz-date;x-amz-security-token");
}

#[test]
fn headers_that_are_not_signed_may_come_and_go() {
    let mut call = Call::signed(None);
    call.add("amz-sdk-request", "attempt=1; max=3");
    call.add("user-agent", "x");
    call.add("x-amzn-trace-id", "Root=1");
    assert_eq!(call.verify_at(at()), Ok(()));
}

#[test]
fn decisive_headers_are_signed_and_come_once() {
    for (name, value, error) in [
        ("X-Amz-Security-Token", "t", MalformedError::UnsignedHeader("x-amz-security-token")),
        ("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD", MalformedError::UnsignedHeader("x-amz-content-sha256")),
        ("X-K8s-Aws-Id", "demo", MalformedError::UnsignedHeader("x-k8s-aws-id")),
        ("HOST", "127.0.0.1:8090", MalformedError::DuplicateHeader("host")),
        ("x-amz-date", "20260101T000000Z", MalformedError::DuplicateHeader("x-amz-date")),
        ("authorization", "AWS4-HMAC-SHA256 x", MalformedError::DuplicateHeader("authorization")),
    ] {
        let mut call = Call::signed(None);
        call.add(name, value);
        assert_eq!(call.presented(), Err(error), "{name}");
    }
}

#[test]
fn an_authorization_header_is_read_strictly() {
    let good = Call::signed(None).header("authorization");
    let (credential, rest) = good.split_once(", ").unwrap();
    let (list, signature) = rest.split_once(", ").unwrap();
    let credential = credential.strip_prefix("AWS4-HMAC-SHA256 ").unwrap();
    for same in [
        format!("AWS4-HMAC-SHA256 {credential},{list},{signature}"),
        format!("AWS4-HMAC-SHA256  {signature},  {list} , {credential} "),
    ] {
        let mut call = Call::signed(None);
        call.set("authorization", &same);
        assert_eq!(call.verify_at(at()), Ok(()), "{same}");
    }
    for (bad, error) in [
        (String::new(), MalformedError::UnknownAlgorithm),
        ("Bearer k8s-aws-v1.abc".to_owned(), MalformedError::UnknownAlgorithm),
        (good.replace("AWS4-HMAC", "aws4-hmac"), MalformedError::UnknownAlgorithm),
        (format!("AWS4-HMAC-SHA256 {credential}, {list}"), MalformedError::MissingPart("Signature")),
        (format!("AWS4-HMAC-SHA256 {list}, {signature}"), MalformedError::MissingPart("Credential")),
        (format!("AWS4-HMAC-SHA256 {credential}, {signature}"), MalformedError::MissingPart("SignedHeaders")),
        (format!("{good}, {credential}"), MalformedError::DuplicatePart("Credential".to_owned())),
        (format!("{good}, Region=us-west-2"), MalformedError::UnknownPart),
        (format!("{good},"), MalformedError::UnknownPart),
        (good.replace("Credential=", "credential="), MalformedError::UnknownPart),
        (good.replace("/eks/", "/"), MalformedError::Credential),
        (format!("{good}0"), MalformedError::Signature),
        (good.replace("Signature=", "Signature=\u{e9}"), MalformedError::HeaderBytes("authorization")),
    ] {
        let mut call = Call::signed(None);
        call.set("authorization", &bad);
        assert_eq!(call.presented(), Err(error), "{bad}");
    }
}

#[test]
fn the_date_header_is_needed() {
    let mut call = Call::signed(None);
    call.headers.retain(|(name, _)| name != "x-amz-date");
    call.add("date", "Thu, 01 Jan 2026 00:00:00 GMT");
    assert_eq!(call.presented(), Err(MalformedError::MissingPart("X-Amz-Date")));
}

#[test]
fn a_declared_body_hash_is_the_real_one() {
    let body = br#"{"principalArn":"x"}"#;
    let hash = PayloadHash::of(body).to_hex();
    for (declared, verdict) in [
        (hash.as_str(), Ok(())),
        (&PayloadHash::empty().to_hex(), Err(VerifyError::PayloadMismatch)),
        ("UNSIGNED-PAYLOAD", Err(VerifyError::Malformed(MalformedError::PayloadForm))),
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", Err(VerifyError::Malformed(MalformedError::PayloadForm))),
    ] {
        let headers = [("host", HOST), ("x-amz-content-sha256", declared.as_bytes())];
        let call = Call::sign("POST", PATH, "", &headers, body, None);
        assert_eq!(call.verify_at(at()), verdict, "{declared}");
    }
}

/// Python signs `/clusters/access-entries/x` and sends `/clusters//access-entries/x`; Go signs what it sends.
#[test]
fn empty_and_dot_segments_verify_as_sent_and_as_normalised() {
    for (signed, sent, verifies) in [
        ("/clusters//access-entries/x", "/clusters//access-entries/x", true),
        ("/clusters/access-entries/x", "/clusters//access-entries/x", true),
        ("/clusters/demo/access-entries/", "/clusters/demo/access-entries/", true),
        ("/clusters/demo/access-entries", "/clusters/demo/access-entries/", false),
        ("/clusters//access-entries/x", "/clusters/access-entries/x", false),
        ("/clusters", "/clusters/..", false),
        ("/", "/clusters/..", true),
    ] {
        let mut call = Call::sign("GET", signed, "", &[("host", HOST)], b"", None);
        call.path = sent.to_owned();
        assert_eq!(call.verify_at(at()).is_ok(), verifies, "signed {signed}, sent {sent}");
    }
}

#[test]
fn escapes_of_a_path_are_not_decoded() {
    let mut call = Call::sign("GET", PATH, "", &[("host", HOST)], b"", None);
    call.path = PATH.replace("%2F", "/");
    assert_eq!(call.verify_at(at()), Err(VerifyError::SignatureMismatch));
    call.path = PATH.replace("%3A", "%3a");
    assert_eq!(call.verify_at(at()), Err(VerifyError::SignatureMismatch));
}

/// A request with all that may vary in one, and the means to alter it after signing.
struct Call {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Call {
    fn signed(session_token: Option<&str>) -> Self {
        let headers: [(&str, &[u8]); 2] = [("Host", HOST), ("Content-Type", b"application/json")];
        Self::sign("POST", PATH, "maxResults=1", &headers, b"{}", session_token)
    }

    fn sign(
        method: &str,
        path: &str,
        query: &str,
        headers: &[(&str, &[u8])],
        body: &[u8],
        session_token: Option<&str>,
    ) -> Self {
        let secret = SecretKey::new(SECRET.to_owned());
        let credentials = Credentials::new("AKIDEXAMPLE".to_owned(), secret, session_token.map(str::to_owned)).unwrap();
        let request = Request { method, path, query, headers, body_sha256: PayloadHash::of(body) };
        let added = sign_headers(&request, &credentials, "us-west-2", "eks", at()).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let mut call = Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect(),
            body: body.to_vec(),
        };
        call.add("authorization", &added.authorization);
        call.add("x-amz-date", &added.x_amz_date);
        if let Some(token) = &added.x_amz_security_token {
            call.add("x-amz-security-token", token);
        }
        call
    }

    fn add(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    fn set(&mut self, name: &str, value: &str) {
        self.headers.iter_mut().find(|(key, _)| key == name).unwrap().1 = value.to_owned();
    }

    fn header(&self, name: &str) -> String {
        self.headers.iter().find(|(key, _)| key == name).unwrap().1.clone()
    }

    fn with_request<T>(&self, run: impl FnOnce(&Request<'_>) -> T) -> T {
        let headers: Vec<(&str, &[u8])> = self.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
        let Self { method, path, query, body, .. } = self;
        run(&Request { method, path, query, headers: &headers, body_sha256: PayloadHash::of(body) })
    }

    fn presented(&self) -> Result<Presented, MalformedError> {
        self.with_request(|request| Ok(Presented::from_request(request)?.unwrap()))
    }

    fn verify_at(&self, now: Timestamp) -> Result<(), VerifyError> {
        self.verify_with(SECRET, now)
    }

    fn verify_with(&self, secret: &str, now: Timestamp) -> Result<(), VerifyError> {
        let presented = self.presented()?;
        let secret = SecretKey::new(secret.to_owned());
        self.with_request(|request| presented.verify(request, &secret, now, &Window::API))
    }
}

fn at() -> Timestamp {
    parse_timestamp("20260101T120000Z").unwrap()
}

fn path_segments() -> impl Strategy<Value = String> {
    prop::collection::vec("[A-Za-z0-9._~-]{1,6}(%(2F|3A|20|E1))?|\\.|\\.\\.|", 0..5)
        .prop_map(|segments| format!("/{}", segments.join("/")))
}

fn query_string() -> impl Strategy<Value = String> {
    prop::collection::vec(("[A-Za-z0-9.-]{1,5}", "[A-Za-z0-9._~-]{0,5}(%(2F|2B|20|3D))?"), 0..4)
        .prop_map(|pairs| pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// The oracle: another implementation signs, this one verifies, in both forms and with both treatments of paths.
    #[test]
    fn what_the_rust_sdk_signs_verifies_here(
        method in prop::sample::select(vec!["GET", "POST", "DELETE"]),
        path in path_segments(),
        query in query_string(),
        header in "[!-~]{1,8}( {1,3}[!-~]{1,8})?",
        body in prop::collection::vec(any::<u8>(), 0..40),
        secret in "[A-Za-z0-9/+]{1,90}",
        token in prop::option::of("[A-Za-z0-9/+=]{1,60}"),
        normalise in any::<bool>(),
        in_query in any::<bool>(),
    ) {
        let identity = SdkCredentials::new("AKIDEXAMPLE", secret.clone(), token.clone(), None, "test").into();
        let mut settings = SigningSettings::default();
        settings.expires_in = Some(std::time::Duration::from_secs(60));
        settings.uri_path_normalization_mode =
            if normalise { UriPathNormalizationMode::Enabled } else { UriPathNormalizationMode::Disabled };
        if in_query {
            settings.signature_location = SignatureLocation::QueryParams;
        }
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("eu-west-1")
            .name("sts")
            .time(std::time::SystemTime::from(at()))
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let uri = format!("https://h.example:8443{path}?{query}");
        let headers = [("host", "h.example:8443"), ("x-k8s-aws-id", header.as_str())];
        let signable =
            SignableRequest::new(method, uri, headers.into_iter(), SignableBody::Bytes(&body)).unwrap();
        let (instructions, _) = sign(signable, &params).unwrap().into_parts();
        let (new_headers, new_params) = instructions.into_parts();

        let mut call = Call {
            method: method.to_owned(),
            path: path.clone(),
            query,
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            body,
        };
        for header in &new_headers {
            call.add(header.name(), header.value());
        }
        for (name, value) in &new_params {
            let separator = if call.query.is_empty() { "" } else { "&" };
            call.query = format!("{}{separator}{name}={}", call.query, doorward_sigv4::query::encode(value));
        }
        let presented = call.presented().unwrap();
        prop_assert_eq!(presented.session_token(), token.as_deref());
        // At the end of a path, the Rust SDK makes `/a/..` into `/` with a slash where botocore leaves none; no client
        // of the APIs served here sends that.
        if !(normalise && (path.ends_with("/.") || path.ends_with("/.."))) {
            prop_assert_eq!(call.verify_with(&secret, at()), Ok(()));
        }
        let other = format!("{secret}x");
        prop_assert!(call.verify_with(&other, at()).is_err());
    }
}

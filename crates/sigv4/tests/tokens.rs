//! EKS tokens: presigned `GetCallerIdentity` requests as the aws CLI, the Go SDK and Terraform make them, and what a
//! forger makes of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

use doorward_sigv4::query::QueryError;
use doorward_sigv4::{
    Credentials, Form, MalformedError, PayloadHash, Presented, Request, SecretKey, VerifyError, Window,
    parse_timestamp, presign,
};
use jiff::{SignedDuration, Timestamp};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const SESSION_TOKEN: &str = "FwoGZXIvYXdzEXAMPLE+/==";
const HOST: &str = "sts.us-east-1.amazonaws.com";
const CLUSTER: &str = "conformance";
const QUERY: &str = "Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256\
    &X-Amz-Credential=AKIDEXAMPLE%2F20260101%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date=20260101T000000Z\
    &X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id\
    &X-Amz-Signature=82b826f6ea03ec1a01e309bd16f5a406157b85b575476276f9689dea0ac1968e";

#[test]
fn presigning_gives_the_golden_tokens() {
    for (region, host, token, signature) in [
        ("us-east-1", HOST, None, "82b826f6ea03ec1a01e309bd16f5a406157b85b575476276f9689dea0ac1968e"),
        (
            "cn-north-1",
            "sts.cn-north-1.amazonaws.com.cn",
            None,
            "b43e2c42918cd3af4609f333cc4a3476d3ac72a400762e42fa94e1c4b267c936",
        ),
        ("us-east-1", HOST, Some(SESSION_TOKEN), "8b6477bda6cf34a271caf79b9b9fe140a54e7cad93949f6d19f36a070edec968"),
        (
            "cn-north-1",
            "sts.cn-north-1.amazonaws.com.cn",
            Some(SESSION_TOKEN),
            "617d5edf2b5ec0a3fc601aca38d2a43814c3ad7f0960902ff6808a696c7afb87",
        ),
    ] {
        let query = token_query(region, host, token);
        assert_eq!(query.rsplit_once("X-Amz-Signature=").unwrap().1, signature, "{region} {token:?}");
        let headers = headers(host, CLUSTER);
        let request = get(&query, &headers);
        let presented = Presented::from_request(&request).unwrap().unwrap();
        assert_eq!(presented.session_token(), token);
        assert_eq!(presented.scope().region(), region);
        assert_eq!(presented.verify(&request, &secret(), at(0), &Window::TOKEN), Ok(()));
    }
}

#[test]
fn the_whole_query_is_in_the_order_of_botocore() {
    assert_eq!(token_query("us-east-1", HOST, None), QUERY);
    let with_token = token_query("us-east-1", HOST, Some(SESSION_TOKEN));
    let (_, end) = with_token.split_once("X-Amz-SignedHeaders=").unwrap();
    assert!(
        end.starts_with("host%3Bx-k8s-aws-id&X-Amz-Security-Token=FwoGZXIvYXdzEXAMPLE%2B%2F%3D%3D&X-Amz-Signature=")
    );
}

#[test]
fn the_order_of_parameters_does_not_matter() {
    let go = token_query("us-east-1", HOST, Some(SESSION_TOKEN));
    let mut parameters: Vec<&str> = go.split('&').collect();
    parameters.reverse();
    assert_eq!(verify(&parameters.join("&")), Ok(()));
}

#[test]
fn what_is_read_is_what_was_written() {
    let headers = headers(HOST, CLUSTER);
    let presented = Presented::from_query(&get(QUERY, &headers)).unwrap().unwrap();
    assert_eq!(presented.access_key_id(), "AKIDEXAMPLE");
    assert_eq!(presented.scope().to_string(), "20260101/us-east-1/sts/aws4_request");
    assert_eq!(presented.signed_headers().iter().collect::<Vec<_>>(), ["host", "x-k8s-aws-id"]);
    assert_eq!(presented.signed_at(), at(0));
    assert_eq!(presented.session_token(), None);
    assert_eq!(presented.form(), Form::Query { expires_seconds: 60 });
    let printed = format!("{presented:?}");
    assert!(!printed.contains("82b826f6"), "the signature is in a log: {printed}");
}

#[test]
fn a_token_for_another_cluster_or_host_does_not_verify() {
    for (host, cluster) in [(HOST, "other"), ("sts.eu-west-1.amazonaws.com", CLUSTER)] {
        let headers = headers(host, cluster);
        let request = get(QUERY, &headers);
        let presented = Presented::from_query(&request).unwrap().unwrap();
        let verdict = presented.verify(&request, &secret(), at(0), &Window::TOKEN);
        assert_eq!(verdict, Err(VerifyError::SignatureMismatch));
    }
}

#[test]
fn the_clusters_name_is_signed_with_its_white_space_collapsed() {
    let headers = headers(HOST, "  conformance ");
    let request = get(QUERY, &headers);
    let presented = Presented::from_query(&request).unwrap().unwrap();
    assert_eq!(presented.verify(&request, &secret(), at(0), &Window::TOKEN), Ok(()));
}

/// Clients leave the default port out of the host they sign, whatever they send.
#[test]
fn a_default_port_is_optional_and_another_port_is_not() {
    for (signed, sent, verifies) in [
        ("h", "h:443", true),
        ("h", "h:80", true),
        ("h:443", "h:443", true),
        ("[::1]", "[::1]:80", true),
        ("[::1]:18080", "[::1]:18080", true),
        ("h", "h:8443", false),
        ("h:8443", "h", false),
        ("h:443", "h", false),
        ("h:80", "h:443", false),
    ] {
        let query = token_query("us-east-1", signed, None);
        let headers = headers(sent, CLUSTER);
        let request = get(&query, &headers);
        let presented = Presented::from_query(&request).unwrap().unwrap();
        let verdict = presented.verify(&request, &secret(), at(0), &Window::TOKEN);
        assert_eq!(verdict.is_ok(), verifies, "signed {signed}, sent {sent}");
    }
}

#[test]
fn a_token_counts_for_fifteen_minutes_and_five_ahead() {
    let headers = headers(HOST, CLUSTER);
    let request = get(QUERY, &headers);
    let presented = Presented::from_query(&request).unwrap().unwrap();
    for (seconds, verifies) in [(0, true), (890, true), (900, true), (901, false), (-300, true), (-301, false)] {
        let verdict = presented.verify(&request, &secret(), at(seconds), &Window::TOKEN);
        assert_eq!(verdict.is_ok(), verifies, "{seconds} seconds after signing: {verdict:?}");
    }
    let early = presented.verify(&request, &secret(), at(-301), &Window::TOKEN).unwrap_err();
    assert!(matches!(early, VerifyError::NotYetCurrent { max_ahead_seconds: 300, .. }));
    let late = presented.verify(&request, &secret(), at(901), &Window::TOKEN).unwrap_err();
    assert_eq!(
        late.to_string(),
        "signature expired: signed at `20260101T000000Z`, now `20260101T001501Z`, accepted for 900 seconds"
    );
    for extreme in [Timestamp::MIN, Timestamp::MAX] {
        assert!(presented.verify(&request, &secret(), extreme, &Window::TOKEN).is_err());
    }
}

/// Terraform signs with 0 and means 15 minutes like everybody else.
#[test]
fn expires_is_only_range_checked() {
    for (expires, verdict) in [
        (0, Ok(())),
        (900, Ok(())),
        (901, Err(VerifyError::ExpiresTooLong { expires_seconds: 901, max_seconds: 900 })),
        (604_800, Err(VerifyError::ExpiresTooLong { expires_seconds: 604_800, max_seconds: 900 })),
    ] {
        let headers = headers(HOST, CLUSTER);
        let unsigned = get("Action=GetCallerIdentity&Version=2011-06-15", &headers);
        let query = presign(&unsigned, &credentials(None), "us-east-1", "sts", at(0), expires).unwrap();
        let request = get(&query, &headers);
        let presented = Presented::from_query(&request).unwrap().unwrap();
        assert_eq!(presented.verify(&request, &secret(), at(899), &Window::TOKEN), verdict, "{expires}");
    }
}

#[test]
fn a_request_without_any_part_is_unsigned() {
    let headers = headers(HOST, CLUSTER);
    for query in ["", "Action=GetCallerIdentity&Version=2011-06-15", "x-k8s-aws-id=c"] {
        assert_eq!(Presented::from_request(&get(query, &headers)), Ok(None), "{query}");
    }
}

#[test]
fn every_part_is_needed() {
    for part in ["Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature"] {
        let name = format!("X-Amz-{part}");
        let without: Vec<&str> = QUERY.split('&').filter(|pair| !pair.starts_with(&format!("{name}="))).collect();
        let refused = refusal(&without.join("&"));
        assert!(matches!(refused, MalformedError::MissingPart(missing) if missing == name), "{name}: {refused}");
    }
}

#[test]
fn a_part_has_one_spelling_and_comes_once() {
    for addition in [
        "X-Amz-Credential=EVIL%2F20260101%2Fus-east-1%2Fsts%2Faws4_request",
        "x-amz-credential=EVIL%2F1",
        "X-Amz-Date=20260101T000000Z",
        "X%2DAmz%2DDate=20260101T000001Z",
        "x-amz-signedheaders=host%3Bx-k8s-aws-id",
        "X-AMZ-SIGNATURE=00",
        "X-Amz-Expires=60",
    ] {
        for query in [format!("{QUERY}&{addition}"), format!("{addition}&{QUERY}")] {
            let refused = refusal(&query);
            assert!(matches!(refused, MalformedError::DuplicatePart(_)), "{addition}: {refused}");
        }
    }
    let refused = refusal(&QUERY.replace("X-Amz-Date", "x-amz-date"));
    assert_eq!(refused, MalformedError::MisspelledParameter("x-amz-date".to_owned()));
    let refused = refusal(&format!("{QUERY}&x-amz-security-token=t"));
    assert_eq!(refused, MalformedError::MisspelledParameter("x-amz-security-token".to_owned()));
}

#[test]
fn an_added_parameter_breaks_the_signature() {
    for addition in [
        "foo=bar",
        "action=AssumeRole",
        "Action=AssumeRole",
        "X-Amz-Security-Token=t",
        "X-Amz-Security-To%E2%84%AAen=t",
    ] {
        assert_eq!(verify(&format!("{QUERY}&{addition}")), Err(VerifyError::SignatureMismatch), "{addition}");
    }
}

#[test]
fn every_part_is_read_strictly() {
    for (from, to, error) in [
        ("Algorithm=AWS4-HMAC-SHA256", "Algorithm=AWS4-HMAC-SHA1", MalformedError::UnknownAlgorithm),
        ("Expires=60", "Expires=060", MalformedError::Expires),
        ("Expires=60", "Expires=%2B60", MalformedError::Expires),
        ("Expires=60", "Expires=-0", MalformedError::Expires),
        ("Expires=60", "Expires=60.0", MalformedError::Expires),
        ("Expires=60", "Expires=+60", MalformedError::Expires),
        ("Expires=60", "Expires=60s", MalformedError::Expires),
        ("Expires=60", "Expires=", MalformedError::Expires),
        ("Expires=60", "Expires=9999999", MalformedError::Expires),
        ("Expires=60", "Expires=99999999999999999999", MalformedError::Expires),
        ("Expires=60", "Expires=60%gh", MalformedError::Query(QueryError::Escape)),
        ("Date=20260101T000000Z", "Date=2026-01-01T00:00:00Z", MalformedError::Timestamp),
        ("Date=20260101T000000Z", "Date=20260101T000000.5Z", MalformedError::Timestamp),
        ("Date=20260101T000000Z", "Date=20260101T000000z", MalformedError::Timestamp),
        ("AKIDEXAMPLE%2F", "", MalformedError::Credential),
        ("aws4_request", "aws4_request%2F", MalformedError::Credential),
        ("82b826", "82B826", MalformedError::Signature),
        ("82b826", "2b826", MalformedError::Signature),
        ("82b826", "082b826", MalformedError::Signature),
        ("82b826", "g2b826", MalformedError::Signature),
        ("host%3Bx-k8s-aws-id", "host%2Cx-k8s-aws-id", MalformedError::SignedHeaders),
        ("host%3Bx-k8s-aws-id", "host%3B%20x-k8s-aws-id", MalformedError::SignedHeaders),
        ("host%3Bx-k8s-aws-id", "host%3BX-K8S-AWS-ID", MalformedError::SignedHeaders),
        ("host%3Bx-k8s-aws-id", "host;x-k8s-aws-id", MalformedError::Query(QueryError::RawByte(b';'))),
        ("host%3Bx-k8s-aws-id", "x-k8s-aws-id", MalformedError::UnsignedHeader("host")),
        ("host%3Bx-k8s-aws-id", "host", MalformedError::UnsignedHeader("x-k8s-aws-id")),
        ("host%3Bx-k8s-aws-id", "host%3Bx-k8s-aws-id%3Bzeta", MalformedError::AbsentHeader("zeta".to_owned())),
        (
            "Date=20260101",
            "Date=20260102",
            MalformedError::ScopeDate { scope: "20260101".to_owned(), request: "20260102".to_owned() },
        ),
    ] {
        let changed = QUERY.replacen(from, to, 1);
        assert_ne!(changed, QUERY);
        assert_eq!(refusal(&changed), error, "{to}");
    }
}

#[test]
fn two_signatures_are_one_too_many() {
    let mut headers = headers(HOST, CLUSTER);
    headers.push(("Authorization", b"Basic dXNlcjpwYXNz"));
    assert_eq!(Presented::from_query(&get(QUERY, &headers)), Err(MalformedError::MixedForms));
    assert_eq!(Presented::from_request(&get(QUERY, &headers)), Err(MalformedError::MixedForms));
}

fn token_query(region: &str, host: &str, session_token: Option<&str>) -> String {
    let headers = headers(host, CLUSTER);
    let request = get("Action=GetCallerIdentity&Version=2011-06-15", &headers);
    presign(&request, &credentials(session_token), region, "sts", at(0), 60).unwrap()
}

fn verify(query: &str) -> Result<(), VerifyError> {
    let headers = headers(HOST, CLUSTER);
    let request = get(query, &headers);
    let presented = Presented::from_query(&request)?.unwrap();
    presented.verify(&request, &secret(), at(0), &Window::TOKEN)
}

fn refusal(query: &str) -> MalformedError {
    match Presented::from_query(&get(query, &headers(HOST, CLUSTER))) {
        Err(refused) => refused,
        Ok(presented) => panic!("{query} was read as {presented:?}"),
    }
}

fn get<'a>(query: &'a str, headers: &'a [(&'a str, &'a [u8])]) -> Request<'a> {
    Request { method: "GET", path: "/", query, headers, body_sha256: PayloadHash::empty() }
}

fn headers<'a>(host: &'a str, cluster: &'a str) -> Vec<(&'a str, &'a [u8])> {
    vec![("Host", host.as_bytes()), ("X-K8s-Aws-Id", cluster.as_bytes())]
}

fn secret() -> SecretKey {
    SecretKey::new(SECRET.to_owned())
}

fn credentials(session_token: Option<&str>) -> Credentials {
    Credentials::new("AKIDEXAMPLE".to_owned(), secret(), session_token.map(str::to_owned)).unwrap()
}

fn at(seconds_after_signing: i64) -> Timestamp {
    parse_timestamp("20260101T000000Z").unwrap() + SignedDuration::from_secs(seconds_after_signing)
}

//! What must hold of every token, whatever a stranger writes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::{World, credentials, now, sessions};
use doorward_core::partition::Partition;
use doorward_core::principal::Principal;
use doorward_identity::hosts::{Endpoint, LocalEndpoint, StsHosts};
use doorward_identity::token::{PREFIX, Token, TokenError, decode, encode, verify_local};
use jiff::SignedDuration;
use proptest::prelude::*;
use secrecy::ExposeSecret as _;

fn hosts() -> StsHosts {
    let local = vec![LocalEndpoint::parse("http://127.0.0.1:8090").unwrap()];
    StsHosts { partition: Partition::Aws, local }
}

fn good_url() -> String {
    let endpoint = Endpoint::of_region("us-west-2").unwrap();
    let token = encode(&endpoint, "us-west-2", &credentials(), "demo", now()).unwrap();
    let url = URL_SAFE_NO_PAD.decode(token.expose_secret().strip_prefix(PREFIX).unwrap()).unwrap();
    String::from_utf8(url).unwrap()
}

fn wrap(url: impl AsRef<[u8]>) -> String {
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(url))
}

fn verify(token: &str) -> Result<Principal, TokenError> {
    let token = decode(token, &hosts(), now())?;
    verify_local(&World::new().directory, &sessions(), &token, "demo", now())
}

/// The request that is rebuilt from a token, as a URL.
fn rebuilt(token: &Token) -> String {
    format!("{}?{}", token.endpoint(), token.query().expose_secret())
}

/// Names and values of a query in a fixed order, read by another reader than the one under test.
fn sorted_pairs(url: &str) -> Vec<(String, String)> {
    let mut pairs = doorward_sigv4::query::pairs(url.split_once('?').unwrap().1).unwrap();
    pairs.sort();
    pairs
}

proptest! {
    #[test]
    fn no_text_makes_decoding_panic(token in ".{0,300}") {
        prop_assert!(decode(&token, &hosts(), now()).is_err());
    }

    #[test]
    fn no_bytes_in_base64_make_decoding_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(decode(&wrap(bytes), &hosts(), now()).is_err());
    }

    /// Close to the real thing, so that every check is reached.
    #[test]
    fn no_almost_url_makes_decoding_panic(
        scheme in "https?|HTTPS", host in "(sts\\.us-west-2\\.amazonaws\\.com|127\\.0\\.0\\.1:8090|[a-z.:@%]{0,9})",
        path in "/?", query in "((Action|Version|X-Amz-[A-Za-z-]{1,14})=[A-Za-z0-9%/+;=-]{0,20}&?){0,12}",
    ) {
        let url = format!("{scheme}://{host}{path}?{query}");
        prop_assert!(decode(&wrap(url), &hosts(), now()).is_err());
    }

    /// One byte replaced by any other, one removed, one inserted: refused, or it still says the very same thing.
    #[test]
    fn any_mutation_is_refused_or_denotes_the_same_principal(
        at in any::<prop::sample::Index>(), byte in any::<u8>(), kind in 0..3_u8,
    ) {
        let url = good_url();
        let mut bytes = url.clone().into_bytes();
        let at = at.index(bytes.len());
        match kind {
            0 => bytes[at] = byte,
            1 => drop(bytes.remove(at)),
            _ => bytes.insert(at, byte),
        }
        if let Ok(principal) = verify(&wrap(&bytes)) {
            prop_assert_eq!(principal, verify(&wrap(&url)).unwrap());
        }
    }

    #[test]
    fn any_mutation_of_the_base64_is_refused_or_denotes_the_same_principal(
        at in any::<prop::sample::Index>(), with in "[A-Za-z0-9_=+/-]",
    ) {
        let good = wrap(good_url());
        let at = PREFIX.len() + at.index(good.len() - PREFIX.len());
        let token = format!("{}{with}{}", &good[..at], &good[at + 1..]);
        if let Ok(principal) = verify(&token) {
            prop_assert_eq!(principal, verify(&good).unwrap());
        }
    }

    /// Any order of the parameters and any spelling of their values: what is rebuilt says what the text said, and
    /// reads back as itself.
    #[test]
    fn what_is_validated_is_exactly_what_is_rebuilt(
        order in Just((0..9_usize).collect::<Vec<_>>()).prop_shuffle(), expires in 0..=900_u32,
        session in "[A-Za-z0-9+/=!*'()~._-]{1,60}", age in -299..=899_i64, is_local in any::<bool>(),
        spelling in prop::collection::vec(0..3_u8, 400),
    ) {
        let endpoint = if is_local { "http://127.0.0.1:8090/" } else { "https://sts.us-west-2.amazonaws.com/" };
        let date = doorward_sigv4::format_timestamp(now() - SignedDuration::from_secs(age));
        let credential = format!("AKIDEXAMPLE/{}/us-west-2/sts/aws4_request", &date[..8]);
        let (expires, signature) = (expires.to_string(), "0123456789abcdef".repeat(4));
        let pairs = [
            ("Action", "GetCallerIdentity"), ("Version", "2011-06-15"), ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", &credential), ("X-Amz-Date", &date), ("X-Amz-Expires", &expires),
            ("X-Amz-Security-Token", &session), ("X-Amz-SignedHeaders", "host;x-k8s-aws-id"),
            ("X-Amz-Signature", &signature),
        ];
        let mut spelling = spelling.into_iter().cycle();
        let mut spell = |value: &str| -> String {
            value.bytes().map(|byte| match spelling.next() {
                Some(0) if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
                Some(1) => format!("%{byte:02x}"),
                _ => format!("%{byte:02X}"),
            }).collect()
        };
        let query: Vec<String> = order.iter().map(|at| format!("{}={}", pairs[*at].0, spell(pairs[*at].1))).collect();
        let url = format!("{endpoint}?{}", query.join("&"));
        let token = decode(&wrap(&url), &hosts(), now()).unwrap();
        let rebuilt_once = rebuilt(&token);
        prop_assert_eq!(sorted_pairs(&url), sorted_pairs(&rebuilt_once));
        prop_assert_eq!(rebuilt_once.split_once('?').unwrap().0, endpoint);
        let again = decode(&wrap(&rebuilt_once), &hosts(), now()).unwrap();
        prop_assert_eq!(rebuilt(&again), rebuilt_once);
    }
}

#[test]
fn a_refused_token_shows_nothing_of_itself() {
    let url = good_url();
    let token = decode(&wrap(&url), &hosts(), now()).unwrap();
    let signature = url.rsplit('=').next().unwrap();
    assert!(!format!("{token:?}").contains(signature));
    let error = verify(&wrap(url.replace("Action=Get", "Action=Put"))).unwrap_err();
    assert_eq!(error.to_string(), "`Action` has a value that is not accepted in a token");
}

#[test]
fn a_cluster_without_a_name_takes_no_token() {
    let endpoint = Endpoint::of_region("us-west-2").unwrap();
    let token = encode(&endpoint, "us-west-2", &credentials(), "", now()).unwrap();
    let token = decode(token.expose_secret(), &hosts(), now()).unwrap();
    let verified = verify_local(&World::new().directory, &sessions(), &token, "", now());
    assert_eq!(verified, Err(TokenError::NoCluster));
}

#[test]
fn a_token_ends_fifteen_minutes_after_its_date_also_when_it_was_read_before() {
    let world = World::new();
    let token = decode(&wrap(good_url()), &hosts(), now()).unwrap();
    let at = |seconds: i64| {
        let now = now() + SignedDuration::from_secs(seconds);
        verify_local(&world.directory, &sessions(), &token, "demo", now).map(|_| ())
    };
    assert_eq!(at(900), Ok(()));
    assert_eq!(at(901), Err(TokenError::TooOld));
    assert_eq!(at(-301), Err(TokenError::InFuture));
}

#[test]
fn a_default_port_is_not_signed_whether_it_is_written_or_not() {
    for url in ["http://h:80", "https://h:443", "https://h", "http://h:443"] {
        let endpoint = LocalEndpoint::parse(url).unwrap();
        let hosts = StsHosts { partition: Partition::Aws, local: vec![endpoint.clone()] };
        let token = encode(&Endpoint::Local(endpoint), "us-west-2", &credentials(), "demo", now()).unwrap();
        let token = decode(token.expose_secret(), &hosts, now()).unwrap();
        assert!(verify_local(&World::new().directory, &sessions(), &token, "demo", now()).is_ok(), "{url}");
    }
}

//! What must hold for every input: no panic, a round trip, and no tolerance for a changed byte.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

use doorward_sigv4::{
    Credentials, PayloadHash, Presented, Request, SecretKey, VerifyError, Window, parse_timestamp, presign, query,
    sign_headers,
};
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;

/// Text that comes near the real thing often enough to get past the first check.
fn near_query() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        prop::sample::select(vec![
            "X-Amz-Algorithm",
            "X-Amz-Credential",
            "X-Amz-Date",
            "X-Amz-Expires",
            "X-Amz-SignedHeaders",
            "X-Amz-Signature",
            "X-Amz-Security-Token",
        ])
        .prop_map(str::to_owned),
        ".{0,6}",
    ];
    let value = prop_oneof![
        prop::sample::select(vec![
            "AWS4-HMAC-SHA256",
            "AKID%2F20260101%2Fus-east-1%2Fsts%2Faws4_request",
            "20260101T000000Z",
            "60",
            "host",
            "host%3Bx-amz-date",
            "0000000000000000000000000000000000000000000000000000000000000000",
        ])
        .prop_map(str::to_owned),
        ".{0,40}",
    ];
    let ordered = Just(
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20260101%2Fus-east-1%2Fsts%2Faws4_request\
         &X-Amz-Date=20260101T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host\
         &X-Amz-Signature=0000000000000000000000000000000000000000000000000000000000000000"
            .to_owned(),
    );
    let random = prop::collection::vec((name, value), 0..9)
        .prop_map(|pairs| pairs.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join("&"));
    prop_oneof![ordered, random, ".{0,80}"]
}

fn near_headers() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    let name = prop_oneof![
        prop::sample::select(vec![
            "Host",
            "Authorization",
            "X-Amz-Date",
            "x-amz-security-token",
            "X-Amz-Content-Sha256"
        ])
        .prop_map(str::to_owned),
        ".{0,8}",
    ];
    let value = prop_oneof![
        prop::sample::select(vec![
            "h:443",
            "20260101T000000Z",
            "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/sts/aws4_request, SignedHeaders=host;x-amz-date, \
             Signature=0000000000000000000000000000000000000000000000000000000000000000",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..60),
        "(AWS4-HMAC-SHA256 )?((Credential|SignedHeaders|Signature)=.{0,20},? ?){0,4}".prop_map(String::into_bytes),
    ];
    prop::collection::vec((name, value), 0..6)
}

/// Characters that mean themselves in a path, a query and a header, so that another one is always another request.
fn plain(length: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(b"abcXYZ0189-_~".to_vec()), length)
        .prop_map(|bytes| String::from_utf8(bytes).unwrap())
}

/// Replaces one byte by another plain one.
fn flip(text: &mut String, at: Index) {
    let mut bytes = std::mem::take(text).into_bytes();
    let place = at.index(bytes.len());
    bytes[place] = if bytes[place] == b'q' { b'r' } else { b'q' };
    *text = String::from_utf8(bytes).unwrap();
}

#[derive(Debug, Clone, Copy)]
enum Flipped {
    Method,
    Path,
    QueryName,
    QueryValue,
    Header,
    Body,
    Secret,
    Signature,
    Region,
    Date,
}

const FLIPS: [Flipped; 10] = [
    Flipped::Method,
    Flipped::Path,
    Flipped::QueryName,
    Flipped::QueryValue,
    Flipped::Header,
    Flipped::Body,
    Flipped::Secret,
    Flipped::Signature,
    Flipped::Region,
    Flipped::Date,
];

/// A request in its parts. `signature` is what signing added: the authorization header or the whole query.
#[derive(Debug, Clone)]
struct Parts {
    method: String,
    path: String,
    name: String,
    value: String,
    header: String,
    body: String,
    secret: String,
}

fn parts() -> impl Strategy<Value = Parts> {
    (plain(1..5), plain(0..20), plain(1..8), plain(1..8), plain(1..12), plain(1..30), plain(1..60)).prop_map(
        |(method, path, name, value, header, body, secret)| Parts {
            method,
            path: format!("/{path}"),
            name,
            value,
            header,
            body,
            secret,
        },
    )
}

impl Parts {
    fn flip(&mut self, which: Flipped, at: Index) {
        match which {
            Flipped::Method => flip(&mut self.method, at),
            Flipped::Path => flip(&mut self.path, at),
            Flipped::QueryName => flip(&mut self.name, at),
            Flipped::QueryValue => flip(&mut self.value, at),
            Flipped::Header => flip(&mut self.header, at),
            Flipped::Body => flip(&mut self.body, at),
            Flipped::Secret => flip(&mut self.secret, at),
            Flipped::Signature | Flipped::Region | Flipped::Date => {}
        }
    }

    fn credentials(&self) -> Credentials {
        Credentials::new("AKIDEXAMPLE".to_owned(), SecretKey::new(self.secret.clone()), None).unwrap()
    }

    /// Verifies these parts under an authorization header, or under signature parameters to append to the query.
    fn verify(&self, authorization: Option<&str>, date: &str, query_suffix: &str) -> Result<(), VerifyError> {
        let query = format!("{}={}{query_suffix}", self.name, self.value);
        let mut headers: Vec<(&str, &[u8])> = vec![("Host", b"h"), ("My-Header", self.header.as_bytes())];
        if let Some(authorization) = authorization {
            headers.push(("Authorization", authorization.as_bytes()));
            headers.push(("X-Amz-Date", date.as_bytes()));
        }
        let request = self.request(&query, &headers);
        let presented = Presented::from_request(&request)?.unwrap();
        presented.verify(&request, &SecretKey::new(self.secret.clone()), now(), &Window::API)
    }

    fn request<'a>(&'a self, query: &'a str, headers: &'a [(&'a str, &'a [u8])]) -> Request<'a> {
        let Self { method, path, body, .. } = self;
        Request { method, path, query, headers, body_sha256: PayloadHash::of(body.as_bytes()) }
    }
}

fn now() -> Timestamp {
    parse_timestamp("20260101T000030Z").unwrap()
}

fn flip_hex_digit(text: &str, at: Index) -> String {
    let place = text.len() - 64 + at.index(64);
    let other = if text.as_bytes()[place] == b'0' { "1" } else { "0" };
    format!("{}{other}{}", &text[..place], &text[place + 1..])
}

proptest! {
    #[test]
    fn no_text_makes_reading_or_verifying_panic(
        method in ".{0,6}",
        path in prop_oneof![".{0,30}", "[/.%a]{0,12}"],
        query in near_query(),
        headers in near_headers(),
        body in prop::collection::vec(any::<u8>(), 0..9),
        secret in ".{0,100}",
    ) {
        let headers: Vec<(&str, &[u8])> = headers.iter().map(|(n, v)| (n.as_str(), v.as_slice())).collect();
        let request = Request {
            method: &method, path: &path, query: &query, headers: &headers, body_sha256: PayloadHash::of(&body),
        };
        let secret = SecretKey::new(secret);
        let read = [
            Presented::from_headers(&request),
            Presented::from_query(&request),
            Presented::from_request(&request),
        ];
        for presented in read.into_iter().flatten().flatten() {
            let _ = presented.verify(&request, &secret, now(), &Window::API);
            let _ = presented.verify(&request, &secret, Timestamp::MAX, &Window::TOKEN);
        }
        let credentials = Credentials::new("AKID".to_owned(), secret, None).unwrap();
        let _ = sign_headers(&request, &credentials, &method, &query, now());
        let _ = presign(&request, &credentials, "us-east-1", "sts", now(), 60);
    }

    #[test]
    fn encoding_a_query_is_undone_by_decoding(pairs in prop::collection::vec((".{1,9}", ".{0,9}"), 0..6)) {
        let raw = pairs
            .iter()
            .map(|(name, value)| format!("{}={}", query::encode(name), query::encode(value)))
            .collect::<Vec<_>>()
            .join("&");
        prop_assert_eq!(query::pairs(&raw).unwrap(), pairs);
    }

    #[test]
    fn a_changed_byte_breaks_the_header_form(parts in parts(), at in any::<Index>()) {
        let query = format!("{}={}", parts.name, parts.value);
        let headers: [(&str, &[u8]); 2] = [("Host", b"h"), ("My-Header", parts.header.as_bytes())];
        let signed_at = parse_timestamp("20260101T000000Z").unwrap();
        let added =
            sign_headers(&parts.request(&query, &headers), &parts.credentials(), "us-east-1", "eks", signed_at).unwrap();
        prop_assert_eq!(parts.verify(Some(&added.authorization), &added.x_amz_date, ""), Ok(()));
        for which in FLIPS {
            let mut changed = parts.clone();
            changed.flip(which, at);
            let (mut authorization, mut date) = (added.authorization.clone(), added.x_amz_date.clone());
            match which {
                Flipped::Signature => authorization = flip_hex_digit(&authorization, at),
                Flipped::Region => authorization = authorization.replace("us-east-1", "us-east-2"),
                Flipped::Date => date = date.replace("000000Z", "000001Z"),
                _ => {}
            }
            prop_assert!(changed.verify(Some(&authorization), &date, "").is_err(), "{:?}", which);
        }
    }

    #[test]
    fn a_changed_byte_breaks_the_query_form(parts in parts(), at in any::<Index>()) {
        let query = format!("{}={}", parts.name, parts.value);
        let headers: [(&str, &[u8]); 2] = [("Host", b"h"), ("My-Header", parts.header.as_bytes())];
        let signed_at = parse_timestamp("20260101T000000Z").unwrap();
        let request = parts.request(&query, &headers);
        let presigned = presign(&request, &parts.credentials(), "us-east-1", "sts", signed_at, 60).unwrap();
        let suffix = presigned.strip_prefix(&query).unwrap();
        prop_assert_eq!(parts.verify(None, "", suffix), Ok(()));
        for which in FLIPS {
            let mut changed = parts.clone();
            changed.flip(which, at);
            let suffix = match which {
                Flipped::Signature => flip_hex_digit(suffix, at),
                Flipped::Region => suffix.replace("us-east-1", "us-east-2"),
                Flipped::Date => suffix.replace("T000000Z", "T000001Z"),
                _ => suffix.to_owned(),
            };
            prop_assert!(changed.verify(None, "", &suffix).is_err(), "{:?}", which);
        }
    }
}

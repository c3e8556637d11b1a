//! The cases of `cases/token`, and the tokens that they describe. Independent of the encoder under test.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorward_core::partition::Partition;
use doorward_identity::hosts::LocalEndpoint;
use doorward_identity::token::PREFIX;
use doorward_sigv4::{Credentials, PayloadHash, Request, SecretKey, presign};
use jiff::SignedDuration;
use serde::Deserialize;

use super::{SECRET, credentials, now};

/// The files of cases.
pub(crate) const FILES: [&str; 3] = ["shape.yaml", "hosts.yaml", "clients.yaml"];

/// The access key of the cases with a session token.
pub(crate) const SESSION_KEY_ID: &str = "ASIAIOSFODNN7EXAMPLE";

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) description: String,
    partition: Option<String>,
    scheme: Option<String>,
    host: Option<String>,
    path: Option<String>,
    region: Option<String>,
    cluster: Option<String>,
    session_token: Option<usize>,
    signed_at: Option<i64>,
    expires: Option<String>,
    replace: Option<(String, String)>,
    append: Option<String>,
    #[serde(default)]
    drop: Vec<String>,
    #[serde(default)]
    capital_signature: bool,
    encoded_append: Option<String>,
    encoded_insert: Option<String>,
    #[serde(default)]
    trailing_bits: bool,
    pad_to: Option<usize>,
    token: Option<String>,
    /// The names of the parameters in the order in which they stand.
    order: Option<Vec<String>>,
    #[serde(default)]
    accepted: bool,
    pub(crate) refused: Option<String>,
    /// What STS of AWS says of it, where that is something else.
    sts: Option<String>,
}

impl Case {
    /// `accepted`, or why it is refused.
    pub(crate) fn expected(&self) -> String {
        assert_ne!(self.accepted, self.refused.is_some(), "{}: one outcome", self.id);
        self.refused.clone().unwrap_or_else(|| "accepted".to_owned())
    }

    /// The same where AWS proves tokens.
    pub(crate) fn expected_of_sts(&self) -> String {
        self.sts.clone().unwrap_or_else(|| self.expected())
    }

    /// The partition of the server that is asked.
    pub(crate) fn partition(&self) -> Partition {
        Partition::from_name(self.partition.as_deref().unwrap_or("aws")).unwrap()
    }

    /// The token: a signed URL with the case's mutations, encoded.
    pub(crate) fn token(&self) -> String {
        self.token.clone().unwrap_or_else(|| make(self))
    }
}

/// The endpoints that the server has beside AWS's.
pub(crate) fn local_endpoints() -> Vec<LocalEndpoint> {
    [
        "http://127.0.0.1:8090",
        "https://sts.example.org:8443/sub/path",
        "https://vpce-0c-d.sts.us-west-2.vpce.amazonaws.com",
    ]
    .map(|url| LocalEndpoint::parse(url).unwrap())
    .to_vec()
}

fn make(case: &Case) -> String {
    let or = |value: &Option<String>, default: &str| value.clone().unwrap_or_else(|| default.to_owned());
    let (scheme, host) = (or(&case.scheme, "https"), or(&case.host, "sts.us-west-2.amazonaws.com"));
    let (path, cluster) = (or(&case.path, "/"), or(&case.cluster, "demo"));
    let signed_at = now() + SignedDuration::from_secs(case.signed_at.unwrap_or(0));
    let expires = case.expires.as_ref().and_then(|text| text.parse().ok()).unwrap_or(60);
    let credentials = match case.session_token {
        Some(length) => {
            let secret = SecretKey::new(SECRET.to_owned());
            Credentials::new(SESSION_KEY_ID.to_owned(), secret, Some("A".repeat(length))).unwrap()
        }
        None => credentials(),
    };
    let request = Request {
        method: "GET",
        path: &path,
        query: "Action=GetCallerIdentity&Version=2011-06-15",
        headers: &[("host", host.as_bytes()), ("x-k8s-aws-id", cluster.as_bytes())],
        body_sha256: PayloadHash::empty(),
    };
    let query = presign(&request, &credentials, &or(&case.region, "us-west-2"), "sts", signed_at, expires).unwrap();
    let mut url = format!("{scheme}://{host}{path}?{query}");
    if let Some(raw) = &case.expires {
        url = url.replace(&format!("X-Amz-Expires={expires}"), &format!("X-Amz-Expires={raw}"));
    }
    for name in &case.drop {
        let (place, query) = url.split_once('?').unwrap();
        let left: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with(&format!("{name}="))).collect();
        url = format!("{place}?{}", left.join("&"));
    }
    if let Some(order) = &case.order {
        let (place, query) = url.split_once('?').unwrap();
        let mut pairs: Vec<&str> = query.split('&').collect();
        let at = |pair: &str| {
            let name = pair.split('=').next().unwrap();
            order.iter().position(|known| known == name).unwrap_or_else(|| panic!("{}: where is {name}?", case.id))
        };
        assert_eq!(pairs.len(), order.len(), "{}", case.id);
        pairs.sort_by_key(|pair| at(pair));
        url = format!("{place}?{}", pairs.join("&"));
    }
    if case.capital_signature {
        let (before, signature) = url.split_once("X-Amz-Signature=").unwrap();
        url = format!("{before}X-Amz-Signature={}", signature.to_ascii_uppercase());
    }
    if let Some((old, new)) = &case.replace {
        assert!(url.contains(old), "{}: `{old}` is not in the URL", case.id);
        url = url.replace(old, new);
    }
    url.push_str(case.append.as_deref().unwrap_or_default());
    if case.trailing_bits && url.len().is_multiple_of(3) {
        url = url.replace("X-Amz-Expires=60", "X-Amz-Expires=6");
    }
    if let Some(length) = case.pad_to {
        let bytes = (length - PREFIX.len()) * 3 / 4;
        url.push_str("&x=");
        url.extend(std::iter::repeat_n('a', bytes - url.len()));
    }
    let mut encoded = URL_SAFE_NO_PAD.encode(&url);
    if case.trailing_bits {
        let last = encoded.pop().unwrap();
        encoded.push(char::from(last as u8 + 1));
    }
    encoded.push_str(case.encoded_append.as_deref().unwrap_or_default());
    encoded.insert_str(10, case.encoded_insert.as_deref().unwrap_or_default());
    let mut token = format!("{PREFIX}{encoded}");
    if let Some(length) = case.pad_to {
        token.extend(std::iter::repeat_n('A', length - token.len()));
    }
    token
}

pub(crate) fn cases<T: for<'de> Deserialize<'de>>(file: &str) -> Vec<T> {
    let path = format!("{}/../../cases/token/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

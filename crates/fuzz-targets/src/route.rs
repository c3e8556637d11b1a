//! Paths: which operation they name, and with what.

use doorward_core::cluster_name::ClusterName;
use doorward_server::eks::{Route, segments};
use doorward_server::own;
use doorward_sigv4::query::encode;
use doorward_store::Key;
use http::Method;

use crate::{Outcome, assert_is_a_message};

/// The input is `METHOD PATH`. A path that is read names the same operation when its segments are encoded again; an
/// operation that is no GET writes and the others do not; a cluster's name that is accepted is one segment of a path, of
/// a key and of a file's name; a refusal is a user's mistake and a short message.
pub fn route(data: &[u8]) -> Outcome {
    let Some((method, path)) = std::str::from_utf8(data).ok().and_then(|text| text.split_once(' ')) else {
        return "no request";
    };
    let Ok(method) = Method::from_bytes(method.as_bytes()) else { return "no method" };
    check_own(&method, path);
    let route = match Route::parse(&method, path, QUERY, BODY) {
        Ok(route) => route,
        Err(error) => {
            assert!(error.status.is_client_error());
            assert_is_a_message(&error.message);
            return error.code;
        }
    };
    let decoded = segments(path).unwrap();
    let encoded: Vec<String> = decoded.iter().map(|segment| encode(segment)).collect();
    let again = Route::parse(&method, &format!("/{}", encoded.join("/")), QUERY, BODY);
    assert_eq!(again.as_ref(), Ok(&route), "another operation when it is encoded again");
    assert_eq!(route.writes, method != Method::GET);
    if let Some(cluster) = route.cluster() {
        assert!(decoded.iter().any(|segment| segment == cluster));
        check_name(cluster);
    }
    match route.action {
        "DisassociateAccessPolicy" | "AssociateAccessPolicy" => "an association",
        "TagResource" | "UntagResource" | "ListTagsForResource" => "tags",
        _ => "an operation",
    }
}

/// What every operation that wants a query or a body is content with, as far as its path decides.
const QUERY: &str = "tagKeys=k";
const BODY: &[u8] = br#"{"tags":{"k":"v"}}"#;

fn check_own(method: &Method, path: &str) {
    match own::Route::parse(method, path, BODY) {
        Ok(route) => {
            if let Some(name) = route.cluster() {
                check_name(name);
            }
        }
        Err(error) => assert!(error.status.is_client_error()),
    }
}

fn check_name(text: &str) {
    match text.parse::<ClusterName>() {
        Ok(name) => {
            assert_eq!(name.as_str(), text);
            assert_eq!(encode(text), text, "a name that has to be encoded");
            assert_eq!(std::path::Path::new(text).components().count(), 1);
            assert!(!text.starts_with('.') && !text.starts_with('-'));
            let key = Key::of(["clusters", text]).expect("a name that is accepted is a key");
            assert_eq!(key.segments().last().as_deref(), Some(text));
        }
        Err(error) => assert_is_a_message(&error.to_string()),
    }
}

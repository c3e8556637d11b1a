//! How keys and values stand in etcd: text that `etcdctl get --prefix /doorward/` shows as it is.
//!
//! The key is the operator's prefix and ours. The value is `{"schema":1,"value":…}` with the document's JSON as it was
//! given, byte for byte, so that what is read is what was written.

use crate::{Document, Key, Prefix, Revision, StoreError};

const SCHEMA: &str = "{\"schema\":";
const VALUE: &str = ",\"value\":";

/// The keys of one store within a cluster.
#[derive(Debug, Clone)]
pub(super) struct Keyspace(String);

impl Keyspace {
    pub(super) fn new(prefix: &str) -> Self {
        Self(format!("{}/", prefix.strip_suffix('/').unwrap_or(prefix)))
    }

    /// A key that no document can have: for requests of which only the revision matters.
    pub(super) fn nothing(&self) -> &str {
        &self.0
    }

    pub(super) fn encode(&self, key: &Key) -> String {
        format!("{}{key}", self.0)
    }

    /// The first key of a prefix, and the first behind it.
    pub(super) fn range(&self, prefix: &Prefix) -> (String, String) {
        let start = format!("{}{}", self.0, prefix.as_str());
        // Both parts end with `/`, and `0` is the character after it.
        let end = format!("{}0", start.strip_suffix('/').unwrap_or(&start));
        (start, end)
    }

    pub(super) fn decode(&self, key: &[u8]) -> Result<Key, StoreError> {
        let text = std::str::from_utf8(key).ok().and_then(|text| text.strip_prefix(&self.0));
        text.and_then(|text| Key::new(text).ok()).ok_or_else(|| {
            StoreError::Damaged(format!("etcd's key `{}` is none of ours", String::from_utf8_lossy(key)))
        })
    }
}

pub(super) fn encode_value(document: &Document) -> String {
    format!("{SCHEMA}{}{VALUE}{}}}", document.schema(), document.json())
}

pub(super) fn decode_value(key: &Key, value: &[u8]) -> Result<Document, StoreError> {
    let parse = || {
        let (schema, rest) = std::str::from_utf8(value).ok()?.strip_prefix(SCHEMA)?.split_once(VALUE)?;
        Document::from_json(schema.parse().ok()?, rest.strip_suffix('}')?).ok()
    };
    parse().ok_or_else(|| StoreError::Damaged(format!("the value of `{key}` is no document of this store")))
}

/// etcd counts with a sign.
pub(super) fn revision(number: i64) -> Revision {
    Revision(u64::try_from(number).unwrap_or_default())
}

/// What no revision of etcd reaches becomes the greatest.
pub(super) fn number(revision: Revision) -> i64 {
    i64::try_from(revision.0).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_json_around_the_documents_own() {
        let key = Key::new("a/b").unwrap();
        for json in ["{\"b\":1.50,\"a\":null}", " [1] ", "\",\\\"value\\\":}\""] {
            let document = Document::from_json(7, json).unwrap();
            let text = encode_value(&document);
            assert_eq!(text, format!("{{\"schema\":7,\"value\":{json}}}"));
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
            assert_eq!(decode_value(&key, text.as_bytes()).unwrap(), document);
        }
        for text in
            ["", "{}", "x", "{\"schema\":-1,\"value\":1}", "{\"schema\":1,\"value\":}", "{\"schema\":1,\"value\":1"]
        {
            assert!(matches!(decode_value(&key, text.as_bytes()), Err(StoreError::Damaged(_))), "{text}");
        }
    }

    #[test]
    fn keys_stand_below_the_operators_prefix() {
        for prefix in ["/doorward/", "/doorward"] {
            let keyspace = Keyspace::new(prefix);
            let key = Key::new("a/b").unwrap();
            assert_eq!(keyspace.encode(&key), "/doorward/a/b");
            assert_eq!(keyspace.decode(b"/doorward/a/b").unwrap(), key);
            for foreign in [&b"/doorwarda"[..], b"/doorward/", b"/doorward//a", b"/doorward/\xff", b""] {
                assert!(keyspace.decode(foreign).is_err());
            }
            assert_eq!(keyspace.range(&Prefix::all()), ("/doorward/".to_owned(), "/doorward0".to_owned()));
            let below = ("/doorward/a/b/".to_owned(), "/doorward/a/b0".to_owned());
            assert_eq!(keyspace.range(&Prefix::below(&key)), below);
        }
    }
}

//! Reading parameters: names in the path, the query, and JSON bodies.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorward_core::access_entry::AccessEntryError;
use doorward_core::cluster_name::ClusterName;
use doorward_identity::object::Object;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::api::ApiError;
use crate::view::{ClusterView, View};

/// Checks a cluster's name.
///
/// # Errors
/// `InvalidParameterException` with EKS's text.
pub(crate) fn cluster_name(name: &str) -> Result<ClusterName, ApiError> {
    name.parse::<ClusterName>().map_err(|_| {
        ApiError::invalid_parameter(
            "The parameter name contains invalid characters. It should conform to the regular expression \
             \"^[0-9A-Za-z][A-Za-z0-9-_]*\"",
        )
    })
}

/// Finds a registered cluster.
///
/// # Errors
/// For a bad name, and for one that is not registered.
pub(crate) fn cluster<'a>(view: &'a View, name: &str) -> Result<&'a Arc<ClusterView>, ApiError> {
    let name = cluster_name(name)?;
    view.cluster(name.as_str()).ok_or_else(|| ApiError::no_cluster(name.as_str()))
}

/// Finds a registered cluster whose mode knows access entries.
///
/// # Errors
/// As [`cluster`], and EKS's text for the mode CONFIG_MAP.
pub(crate) fn cluster_with_entries<'a>(view: &'a View, name: &str) -> Result<&'a Arc<ClusterView>, ApiError> {
    let cluster = cluster(view, name)?;
    if cluster.world.mode().uses_access_entries() { Ok(cluster) } else { Err(AccessEntryError::Mode.into()) }
}

/// Reads a JSON body, an object; an empty one is an empty object.
///
/// # Errors
/// `SerializationException`.
pub(crate) fn body<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    // As text, because the reader does not look into values that it passes over.
    let text = std::str::from_utf8(body).map_err(|_| ApiError::serialization("The body is not UTF-8"))?;
    let text = if text.is_empty() { "{}" } else { text };
    serde_json::from_str(text).map(|Object(body)| body).map_err(|error| {
        let problem = without_values(&error.to_string());
        ApiError::serialization(format!("The body is not what this operation takes: {problem}"))
    })
}

/// What the reader says, without the text that it found where something else should stand. Refusals are logged, and
/// somebody may have put a kubeconfig there.
fn without_values(problem: &str) -> String {
    for (before, value, after) in [
        (": string ", '"', "\", expected "),
        ("unknown variant ", '`', "`, expected "),
        ("unknown variant ", '`', "`, there "),
    ] {
        let found = problem.split_once(&format!("{before}{value}")).zip(problem.rsplit_once(after));
        if let Some(((start, _), (_, rest))) = found {
            return format!("{start}{before}`…`{}{rest}", after.get(1..).unwrap_or_default());
        }
    }
    problem.to_owned()
}

/// The query's parameters, each decoded.
///
/// # Errors
/// `InvalidParameterException` for one that is not percent-encoded.
pub(crate) fn query(raw: &str) -> Result<Vec<(String, String)>, ApiError> {
    doorward_sigv4::query::pairs(raw)
        .map_err(|error| ApiError::invalid_parameter(format!("The query is invalid: {error}")))
}

/// The one value of a query parameter.
///
/// # Errors
/// `InvalidParameterException` if it is there twice.
pub(crate) fn single<'a>(query: &'a [(String, String)], name: &str) -> Result<Option<&'a str>, ApiError> {
    let mut values = query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(ApiError::invalid_parameter(format!("The parameter {name} is given more than once"))),
    }
}

/// What tells a request that is sent again from another one: its `clientRequestToken` and what was parsed of it, because
/// an SDK may write the same request with its members in another order.
pub(crate) fn fingerprint(token: &str, content: &str) -> String {
    let digest = Sha256::new().chain_update(token.len().to_be_bytes()).chain_update(token).chain_update(content);
    URL_SAFE_NO_PAD.encode(digest.finalize())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Asked {
        #[serde(default)]
        _tags: BTreeMap<String, String>,
        #[serde(default)]
        _mode: Option<Mode>,
        #[serde(default)]
        _one: Option<One>,
    }

    #[derive(Debug, Deserialize)]
    enum Mode {
        A,
        B,
    }

    #[derive(Debug, Deserialize)]
    enum One {
        A,
    }

    #[test]
    fn a_body_that_cannot_be_read_is_refused_without_what_it_holds() {
        for (text, words) in [
            (r#"{"tags": "s3cr3t, expected \" s3cr3t"}"#, "invalid type: string `…`, expected a map at line 1"),
            (r#"{"mode": "s3cr3t"}"#, "unknown variant `…`, expected `A` or `B` at line 1"),
            (r#"{"one": "s3cr3t"}"#, "unknown variant `…`, expected `A` at line 1"),
            (r#"{"tagz": "s3cr3t"}"#, "unknown field `tagz`, expected one of"),
            (r#"["s3cr3t", "A", "A"]"#, "invalid type: sequence, expected an object"),
            (r#"{"tags": {"a": ["s3cr3t"]}}"#, "invalid type: sequence, expected a string"),
        ] {
            let message = super::body::<Asked>(text.as_bytes()).unwrap_err().message;
            assert!(message.contains(words) && !message.contains("s3cr3t"), "{text}: {message}");
        }
    }
}

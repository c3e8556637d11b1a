//! DescribeClusterVersions. eksctl asks it of every cluster and does not survive an empty list.

use serde_json::{Value, json};

use super::access_entries::with_token;
use super::page::Page;
use super::parameters::{query, single};
use super::{Call, Outcome};
use crate::api::ApiError;

/// The Kubernetes versions that people run beside Doorward; no cluster is made here, so nothing depends on them.
const VERSIONS: std::ops::RangeInclusive<u32> = 20..=34;

/// The one that is the default of new clusters.
const DEFAULT: u32 = *VERSIONS.end();

const CLUSTER_TYPE: &str = "eks";

/// The newest first.
pub(super) fn describe(call: &Call<'_>) -> Outcome {
    let query = query(call.query)?;
    let filter: Vec<_> =
        query.iter().filter(|(name, _)| !["maxResults", "nextToken"].contains(&name.as_str())).collect();
    let page = Page::parse(&query, &format!("cluster-versions {filter:?}"))?;
    let default_only = flag(&query, "defaultOnly")?;
    // Nothing is left out without it.
    flag(&query, "includeAll")?;
    let named: Vec<&str> =
        query.iter().filter(|(name, _)| name == "clusterVersions").map(|(_, value)| value.as_str()).collect();
    let of_this_type = single(&query, "clusterType")?.is_none_or(|wanted| wanted == CLUSTER_TYPE);
    let old = status(&query, "status", ["standard-support", "extended-support", "unsupported"])?;
    let new = status(&query, "versionStatus", ["STANDARD_SUPPORT", "EXTENDED_SUPPORT", "UNSUPPORTED"])?;
    let selected = of_this_type && old && new;
    let after = page.after().and_then(|minor| minor.parse::<u32>().ok());
    let versions = VERSIONS.rev().filter(|minor| {
        selected
            && after.is_none_or(|after| *minor < after)
            && (!default_only || *minor == DEFAULT)
            && (named.is_empty() || named.contains(&format!("1.{minor}").as_str()))
    });
    let (versions, token) = page.take(versions, ToString::to_string);
    let versions: Vec<Value> = versions.into_iter().map(version).collect();
    Ok((with_token(json!({ "clusterVersions": versions }), token), Vec::new()))
}

fn version(minor: u32) -> Value {
    json!({
        "clusterVersion": format!("1.{minor}"),
        "clusterType": CLUSTER_TYPE,
        "defaultPlatformVersion": "eks.1",
        "defaultVersion": minor == DEFAULT,
        "status": "standard-support",
        "versionStatus": "STANDARD_SUPPORT",
        "kubernetesPatchVersion": format!("1.{minor}.0"),
    })
}

fn flag(query: &[(String, String)], name: &str) -> Result<bool, ApiError> {
    match single(query, name)? {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(ApiError::invalid_parameter(format!("The parameter {name} must be true or false"))),
    }
}

/// Whether the status that is asked for, if one is, is that of every version here: the first of `known`.
fn status(query: &[(String, String)], name: &str, known: [&str; 3]) -> Result<bool, ApiError> {
    let Some(wanted) = single(query, name)? else { return Ok(true) };
    if !known.contains(&wanted) {
        let message = format!("The parameter {name} must be one of [{}]", known.join(", "));
        return Err(ApiError::invalid_parameter(message));
    }
    Ok(known.first() == Some(&wanted))
}

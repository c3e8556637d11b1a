//! DescribeClusterVersions. eksctl asks it of every cluster and does not survive an empty list.

use serde_json::json;

use super::Outcome;

/// The Kubernetes versions that people run beside Doorward; no cluster is made here, so nothing depends on them.
const VERSIONS: std::ops::RangeInclusive<u32> = 20..=34;

pub(super) fn describe() -> Outcome {
    let newest = *VERSIONS.end();
    let versions: Vec<_> = VERSIONS
        .rev()
        .map(|minor| {
            json!({
                "clusterVersion": format!("1.{minor}"),
                "clusterType": "eks",
                "defaultPlatformVersion": "eks.1",
                "defaultVersion": minor == newest,
                "status": "STANDARD_SUPPORT",
                "versionStatus": "STANDARD_SUPPORT",
                "kubernetesPatchVersion": format!("1.{minor}.0"),
            })
        })
        .collect();
    Ok((json!({ "clusterVersions": versions }), Vec::new()))
}

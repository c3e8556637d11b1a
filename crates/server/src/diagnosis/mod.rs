//! What `doorward doctor` tells: a list of steps, each with a verdict and, where that is not good, its remedy.
//!
//! Functions of values. What the server knows is judged by [`diagnose`], which `GetDiagnosis` answers with; what only
//! whoever asks can see is judged by [`client`], with what the server says of itself.

pub mod client;
mod cluster;
mod server;
mod words;

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::health::Signs;
use crate::view::{ClusterView, View};
pub(crate) use server::{STORE_IS_LATE, WEBHOOK_IS_LATE};

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Somebody should look at it.
    Warn,
    /// Somebody is refused, or soon will be, or what is decided rests on what is no longer so.
    Fail,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// What was looked at, from a closed list.
    pub name: Cow<'static, str>,
    /// The cluster that it is about; none where it is about the server.
    pub cluster: Option<String>,
    /// How it is.
    pub verdict: Verdict,
    /// What was found.
    pub message: String,
    /// What to do; none where all is well.
    pub remedy: Option<String>,
}

impl Step {
    fn ok(name: &'static str, message: impl Into<String>) -> Self {
        Self { name: name.into(), cluster: None, verdict: Verdict::Ok, message: message.into(), remedy: None }
    }

    fn warn(name: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warn, remedy: Some(remedy.into()), ..Self::ok(name, message) }
    }

    fn fail(name: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, ..Self::warn(name, message, remedy) }
    }

    fn of(self, cluster: &str) -> Self {
        Self { cluster: Some(cluster.to_owned()), ..self }
    }
}

/// What a server says of itself and of the clusters of one account.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// The server's version.
    pub version: String,
    /// Its clock.
    pub now: Timestamp,
    /// SHA-256 of the certificate of the webhooks' authority, in hexadecimal digits.
    pub authority_sha256: Option<String>,
    /// Whether there may be other servers of the same store.
    pub is_shared: bool,
    /// The clusters.
    pub clusters: Vec<ClusterContact>,
    /// What was looked at.
    pub steps: Vec<Step>,
}

/// How a cluster's API server is reached, and how often it called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterContact {
    /// The cluster.
    pub name: String,
    /// The API server's URL.
    pub endpoint: String,
    /// The certificates that its own is signed by: PEM in base64; may be empty.
    pub certificate_authority: String,
    /// How often it asked the token webhook since the server was started.
    pub authenticate_calls: u64,
    /// How often it asked the authorization webhook.
    pub authorize_calls: u64,
}

/// Judges what a server knows; `clusters` are those that the caller may see.
pub fn diagnose(view: &View, clusters: &[&ClusterView], signs: &Signs, now: Timestamp) -> Diagnosis {
    let of_clusters = clusters.iter().flat_map(|cluster| {
        let name = cluster.record.name.as_str();
        cluster::steps(view, cluster, signs, now).into_iter().map(|step| step.of(name))
    });
    Diagnosis {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        now,
        authority_sha256: signs.certificates.as_ref().map(|own| own.authority_sha256.clone()),
        is_shared: signs.is_shared,
        steps: server::steps(signs, now).into_iter().chain(of_clusters).collect(),
        clusters: clusters.iter().map(|cluster| contact(cluster)).collect(),
    }
}

fn contact(cluster: &ClusterView) -> ClusterContact {
    use crate::contact::Hook;
    ClusterContact {
        name: cluster.record.name.to_string(),
        endpoint: cluster.record.endpoint.clone(),
        certificate_authority: cluster.record.certificate_authority.clone(),
        authenticate_calls: cluster.contact.calls(Hook::Authenticate),
        authorize_calls: cluster.contact.calls(Hook::Authorize),
    }
}

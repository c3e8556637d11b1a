//! Doorward's own API, for what EKS has no operation.

use doorward_core::aws_auth::Section;
use doorward_server::diagnosis::Diagnosis;
use doorward_sigv4::query::encode;
use http::Method;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aws::{AwsArgs, AwsClient, AwsError, AwsSettings, Call, Environment, Service};

/// A client for the server that the AWS settings name.
pub(crate) struct DoorwardApi<'a>(pub(crate) &'a AwsClient);

/// An instance of the local directory, as the server lists it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) account: String,
    /// The unique id of the role that it runs with.
    pub(crate) role_id: String,
    pub(crate) private_dns_name: String,
}

/// How the entries and rows of a cluster are used.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Usage {
    access_entries: Vec<EntryUsage>,
    identity_mappings: Vec<RowUsage>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryUsage {
    principal_arn: String,
    #[serde(flatten)]
    evidence: Evidence,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RowUsage {
    section: Section,
    /// In lower case.
    arn: String,
    #[serde(flatten)]
    evidence: Evidence,
}

/// How an entry or a row is used.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Evidence {
    pub(crate) counting_since: Timestamp,
    /// How many logins it decided, those aside that a kube-apiserver remembered for some seconds.
    pub(crate) logins: u64,
    pub(crate) last_login_at: Option<Timestamp>,
}

impl Usage {
    /// How the entry of a principal is used.
    pub(crate) fn of_entry(&self, principal: &str) -> Option<&Evidence> {
        self.access_entries.iter().find(|entry| entry.principal_arn == principal).map(|entry| &entry.evidence)
    }

    /// How a row is used, by its ARN or account.
    pub(crate) fn of_row(&self, section: Section, arn: &str) -> Option<&Evidence> {
        let is_it = |row: &&RowUsage| row.section == section && row.arn.eq_ignore_ascii_case(arn);
        self.identity_mappings.iter().find(is_it).map(|row| &row.evidence)
    }
}

impl Evidence {
    /// In words, such as `3 min ago (17 logins)`.
    pub(crate) fn in_words(&self, now: Timestamp) -> String {
        match self.last_login_at {
            None => format!("never since counting began at {:.0}", self.counting_since),
            Some(last) => {
                let noun = if self.logins == 1 { "login" } else { "logins" };
                format!("{} ({} {noun})", ago(now.as_second() - last.as_second()), self.logins)
            }
        }
    }
}

/// So many seconds ago, in the largest unit of which there is one.
fn ago(seconds: i64) -> String {
    match seconds.max(0) {
        0..60 => "just now".to_owned(),
        minutes @ 60..3_600 => format!("{} min ago", minutes / 60),
        hours @ 3_600..172_800 => format!("{} h ago", hours / 3_600),
        days => format!("{} days ago", days / 86_400),
    }
}

/// A client with the settings of flags, variables and files.
///
/// # Errors
/// If they cannot be read.
pub(crate) fn aws_client(flags: &AwsArgs) -> Result<AwsClient, AwsError> {
    Ok(AwsClient::new(AwsSettings::load(Environment::of_process(), flags)?))
}

impl DoorwardApi<'_> {
    /// Registers a cluster; the answer is its description.
    ///
    /// # Errors
    /// If there is one of that name, among others.
    pub(crate) async fn register_cluster(&self, name: &str, body: &impl Serialize) -> Result<Value, AwsError> {
        let path = format!("/doorward/v1/clusters/{}", encode(name));
        let body = serde_json::to_vec(body).unwrap_or_default();
        let answer = self.call("RegisterCluster", Method::PUT, &path, Some(body)).await?;
        Ok(answer.get("cluster").cloned().unwrap_or_default())
    }

    /// Adds or replaces an instance.
    ///
    /// # Errors
    /// If there is no such role, among others.
    pub(crate) async fn put_instance(&self, id: &str, role: &str, private_dns_name: &str) -> Result<Value, AwsError> {
        let path = format!("/doorward/v1/instances/{}", encode(id));
        let body = json!({ "roleName": role, "privateDnsName": private_dns_name });
        let answer = self.call("PutInstance", Method::PUT, &path, Some(body.to_string().into_bytes())).await?;
        Ok(answer.get("instance").cloned().unwrap_or_default())
    }

    /// Removes an instance.
    ///
    /// # Errors
    /// If there is none of that id, among others.
    pub(crate) async fn delete_instance(&self, id: &str) -> Result<(), AwsError> {
        let path = format!("/doorward/v1/instances/{}", encode(id));
        self.call("DeleteInstance", Method::DELETE, &path, None).await.map(|_| ())
    }

    /// Every instance.
    ///
    /// # Errors
    /// If the server refuses, among others.
    pub(crate) async fn instances(&self) -> Result<Vec<Instance>, AwsError> {
        let answer = self.call("ListInstances", Method::GET, "/doorward/v1/instances", None).await?;
        let listed = answer.get("instances").cloned().unwrap_or_default();
        serde_json::from_value(listed).map_err(|error| self.strange("ListInstances", &error))
    }

    /// How a cluster's entries and rows are used.
    ///
    /// # Errors
    /// If there is no such cluster, among others.
    pub(crate) async fn usage(&self, cluster: &str) -> Result<Usage, AwsError> {
        let path = format!("/doorward/v1/clusters/{}/usage", encode(cluster));
        let answer = self.call("GetUsage", Method::GET, &path, None).await?;
        serde_json::from_value(answer).map_err(|error| self.strange("GetUsage", &error))
    }

    /// The server's state.
    ///
    /// # Errors
    /// If the server refuses, among others.
    pub(crate) async fn status(&self) -> Result<Value, AwsError> {
        self.call("GetStatus", Method::GET, "/doorward/v1/status", None).await
    }

    /// The servers of the store, and up to where each knows it.
    ///
    /// # Errors
    /// If the server refuses or cannot reach its store, among others.
    pub(crate) async fn replicas(&self) -> Result<Value, AwsError> {
        self.call("ListReplicas", Method::GET, "/doorward/v1/replicas", None).await
    }

    /// What is wrong with the server and the clusters.
    ///
    /// # Errors
    /// If the server refuses, among others.
    pub(crate) async fn diagnosis(&self) -> Result<Diagnosis, AwsError> {
        let answer = self.call("GetDiagnosis", Method::GET, "/doorward/v1/diagnosis", None).await?;
        serde_json::from_value(answer).map_err(|error| self.strange("GetDiagnosis", &error))
    }

    /// The server's state, if it is a Doorward server that the settings name and not AWS: only Doorward serves its own
    /// status, or refuses it by the permission that is missing; what is refused is `null`.
    pub(crate) async fn status_if_there(&self) -> Option<Value> {
        match self.status().await {
            Ok(status) if status.get("version").is_some() && status.get("clusters").is_some() => Some(status),
            Err(AwsError::Api { message, .. }) if message.contains("doorward:GetStatus") => Some(Value::Null),
            _ => None,
        }
    }

    /// An answer that cannot be read.
    pub(crate) fn strange(&self, operation: &str, error: &serde_json::Error) -> AwsError {
        let url = self.0.settings().endpoint(Service::Doorward).map(|endpoint| endpoint.to_string());
        AwsError::Answer {
            url: url.unwrap_or_default(),
            operation: operation.to_owned(),
            problem: format!("cannot be read ({error})"),
        }
    }

    async fn call(
        &self,
        operation: &str,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Value, AwsError> {
        let body = body.map(|body| ("application/json", body));
        self.0.json(&Call { service: Service::Doorward, operation, method, path, query: "", body }).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_told_in_words_and_rows_are_found_whatever_their_case() {
        let text = r#"{"cluster":"c","accessEntries":[{"principalArn":"e","countingSince":"2026-01-01T00:00:00Z","logins":1,
            "lastLoginAt":"2026-01-01T10:00:00Z"}],"identityMappings":[{"section":"mapRoles","arn":"arn:x","logins":0,
            "countingSince":"2026-01-01T00:00:00Z","lastLoginAt":null}]}"#;
        let usage: Usage = serde_json::from_str(text).unwrap();
        let now = "2026-01-01T10:03:59Z".parse().unwrap();
        assert_eq!(usage.of_entry("e").unwrap().in_words(now), "3 min ago (1 login)");
        let row = usage.of_row(Section::Roles, "ARN:x").unwrap();
        assert_eq!(row.in_words(now), "never since counting began at 2026-01-01T00:00:00Z");
        assert!(usage.of_row(Section::Users, "arn:x").is_none());
        assert_eq!([ago(5), ago(7200), ago(200_000)], ["just now", "2 h ago", "2 days ago"]);
    }
}

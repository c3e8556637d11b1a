//! The operations of EKS that the verbs need.

use doorward_sigv4::query::encode;
use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::client::{AwsClient, Call};
use super::endpoint::Service;
use super::error::AwsError;

/// So many pages at most: a server that always has one more must not keep us for ever.
const MAX_PAGES: usize = 10_000;

/// A cluster, as far as it is of use here.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClusterDescription {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) version: Option<String>,
    /// Absent while the cluster is being made.
    #[serde(default)]
    pub(crate) endpoint: Option<String>,
    #[serde(default)]
    pub(crate) certificate_authority: Option<CertificateAuthority>,
    #[serde(default)]
    pub(crate) access_config: Option<AccessConfig>,
}

/// The certificates of a cluster's API server: PEM in base64.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct CertificateAuthority {
    #[serde(default)]
    pub(crate) data: Option<String>,
}

/// Which sources of access count.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccessConfig {
    #[serde(default)]
    pub(crate) authentication_mode: Option<String>,
}

#[derive(Deserialize)]
struct Described {
    cluster: Value,
}

/// A page of any list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed<T> {
    #[serde(alias = "clusters", alias = "accessEntries", alias = "associatedAccessPolicies")]
    items: Vec<T>,
    #[serde(default)]
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescribedEntry {
    access_entry: Value,
}

impl AwsClient {
    /// `DescribeCluster`: the whole answer's `cluster`.
    ///
    /// # Errors
    /// If there is no such cluster, among others.
    pub(crate) async fn describe_cluster_json(&self, name: &str) -> Result<Value, AwsError> {
        let path = format!("/clusters/{}", encode(name));
        let described: Described = self.eks("DescribeCluster", Method::GET, &path, "").await?;
        Ok(described.cluster)
    }

    /// `DescribeCluster`.
    ///
    /// # Errors
    /// If there is no such cluster, among others.
    pub(crate) async fn describe_cluster(&self, name: &str) -> Result<ClusterDescription, AwsError> {
        self.decoded("DescribeCluster", self.describe_cluster_json(name).await?)
    }

    /// `ListClusters`, every page.
    ///
    /// # Errors
    /// If the server refuses, among others.
    pub(crate) async fn list_clusters(&self) -> Result<Vec<String>, AwsError> {
        self.eks_list("ListClusters", "/clusters").await
    }

    /// `ListAccessEntries`, every page: the ARNs of the principals.
    ///
    /// # Errors
    /// If the cluster's mode knows no entries, among others.
    pub(crate) async fn list_access_entries(&self, cluster: &str) -> Result<Vec<String>, AwsError> {
        self.eks_list("ListAccessEntries", &format!("/clusters/{}/access-entries", encode(cluster))).await
    }

    /// `DescribeAccessEntry`: the whole answer's `accessEntry`.
    ///
    /// # Errors
    /// If there is none, among others.
    pub(crate) async fn describe_access_entry(&self, cluster: &str, principal: &str) -> Result<Value, AwsError> {
        let path = entry_path(cluster, principal);
        let described: DescribedEntry = self.eks("DescribeAccessEntry", Method::GET, &path, "").await?;
        Ok(described.access_entry)
    }

    /// `ListAssociatedAccessPolicies`, every page.
    ///
    /// # Errors
    /// If there is no such entry, among others.
    pub(crate) async fn list_associated_access_policies(
        &self,
        cluster: &str,
        principal: &str,
    ) -> Result<Vec<Value>, AwsError> {
        let path = format!("{}/access-policies", entry_path(cluster, principal));
        self.eks_list("ListAssociatedAccessPolicies", &path).await
    }

    /// `CreateAccessEntry`.
    ///
    /// # Errors
    /// If there is one for the principal, or it cannot be as it is asked for, among others.
    pub(crate) async fn create_access_entry(&self, cluster: &str, entry: &Value) -> Result<(), AwsError> {
        let path = format!("/clusters/{}/access-entries", encode(cluster));
        self.eks_write("CreateAccessEntry", Method::POST, &path, Some(entry)).await
    }

    /// `UpdateAccessEntry`.
    ///
    /// # Errors
    /// If there is none, among others.
    pub(crate) async fn update_access_entry(
        &self,
        cluster: &str,
        principal: &str,
        update: &Value,
    ) -> Result<(), AwsError> {
        self.eks_write("UpdateAccessEntry", Method::POST, &entry_path(cluster, principal), Some(update)).await
    }

    /// `DeleteAccessEntry`.
    ///
    /// # Errors
    /// If there is none, among others.
    pub(crate) async fn delete_access_entry(&self, cluster: &str, principal: &str) -> Result<(), AwsError> {
        self.eks_write("DeleteAccessEntry", Method::DELETE, &entry_path(cluster, principal), None).await
    }

    /// `AssociateAccessPolicy`.
    ///
    /// # Errors
    /// If there is no such entry, among others.
    pub(crate) async fn associate_access_policy(
        &self,
        cluster: &str,
        principal: &str,
        association: &Value,
    ) -> Result<(), AwsError> {
        let path = format!("{}/access-policies", entry_path(cluster, principal));
        self.eks_write("AssociateAccessPolicy", Method::POST, &path, Some(association)).await
    }

    /// `DisassociateAccessPolicy`.
    ///
    /// # Errors
    /// If it is not associated, among others.
    pub(crate) async fn disassociate_access_policy(
        &self,
        cluster: &str,
        principal: &str,
        policy: &str,
    ) -> Result<(), AwsError> {
        let path = format!("{}/access-policies/{}", entry_path(cluster, principal), encode(policy));
        self.eks_write("DisassociateAccessPolicy", Method::DELETE, &path, None).await
    }

    /// `UpdateClusterConfig` with another authentication mode. It takes EKS some minutes; this does not wait.
    ///
    /// # Errors
    /// If the mode does not change so, among others.
    pub(crate) async fn update_authentication_mode(&self, cluster: &str, mode: &str) -> Result<(), AwsError> {
        let path = format!("/clusters/{}/update-config", encode(cluster));
        let update = json!({ "accessConfig": { "authenticationMode": mode } });
        self.eks_write("UpdateClusterConfig", Method::POST, &path, Some(&update)).await
    }

    /// `DeleteCluster`.
    ///
    /// # Errors
    /// If there is no such cluster, among others.
    pub(crate) async fn delete_cluster(&self, name: &str) -> Result<(), AwsError> {
        let path = format!("/clusters/{}", encode(name));
        self.eks::<Value>("DeleteCluster", Method::DELETE, &path, "").await.map(|_| ())
    }

    async fn eks_list<T: DeserializeOwned>(&self, operation: &str, path: &str) -> Result<Vec<T>, AwsError> {
        let (mut items, mut query) = (Vec::new(), String::new());
        for _ in 0..MAX_PAGES {
            let page: Listed<T> = self.eks(operation, Method::GET, path, &query).await?;
            items.extend(page.items);
            match page.next_token.filter(|token| !token.is_empty()) {
                Some(token) => query = format!("nextToken={}", encode(&token)),
                None => return Ok(items),
            }
        }
        Err(self.strange(operation, "never ends"))
    }

    async fn eks_write(
        &self,
        operation: &str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(), AwsError> {
        let body = body.map(|body| ("application/json", body.to_string().into_bytes()));
        self.json(&Call { service: Service::Eks, operation, method, path, query: "", body }).await.map(|_| ())
    }

    async fn eks<T: DeserializeOwned>(
        &self,
        operation: &str,
        method: Method,
        path: &str,
        query: &str,
    ) -> Result<T, AwsError> {
        let call = Call { service: Service::Eks, operation, method, path, query, body: None };
        let answer = self.json(&call).await?;
        self.decoded(operation, answer)
    }

    fn decoded<T: DeserializeOwned>(&self, operation: &str, answer: Value) -> Result<T, AwsError> {
        serde_json::from_value(answer).map_err(|error| self.strange(operation, &format!("cannot be read ({error})")))
    }

    fn strange(&self, operation: &str, problem: &str) -> AwsError {
        AwsError::Answer {
            url: self.url_of(Service::Eks),
            operation: operation.to_owned(),
            problem: problem.to_owned(),
        }
    }
}

fn entry_path(cluster: &str, principal: &str) -> String {
    format!("/clusters/{}/access-entries/{}", encode(cluster), encode(principal))
}

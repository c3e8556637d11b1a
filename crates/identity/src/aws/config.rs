//! The configuration of the AWS provider, as it stands in the server's YAML file. Every part has a default.

use std::path::PathBuf;
use std::time::Duration;

use doorward_core::partition::Partition;
use serde::{Deserialize, Deserializer};

use crate::hosts::{Endpoint, LocalEndpoint, Scheme, StsHosts};

/// How tokens are proved by AWS.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct AwsConfig {
    /// The partition whose principals are let in. What STS says of any other is not believed.
    #[serde(deserialize_with = "partition")]
    pub partition: Partition,
    /// The regions whose public STS endpoints a token may name; empty for all of the partition. The global endpoint
    /// counts as `us-east-1`. Naming them keeps strangers from making this server call any other.
    pub regions: Vec<String>,
    /// STS endpoints beside AWS's public ones, such as those of a VPC endpoint. Plain `http` only on this machine.
    pub sts_endpoints: Vec<LocalEndpoint>,
    /// Certificates (PEM) to trust instead of the web's authorities; the isolated partitions need theirs.
    pub ca_file: Option<PathBuf>,
    /// Limits of calls to STS.
    pub sts: StsLimits,
    /// Limits of what is remembered.
    pub cache: CacheLimits,
    /// How names of nodes are found; without it there are none, and node entries let nobody in.
    pub nodes: Option<NodesConfig>,
}

/// Limits of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct StsLimits {
    /// Calls a second, of the whole server. Strangers can spend half of what is saved up; the rest is for access keys
    /// that were let in before.
    pub calls_per_second: u32,
    /// Calls at once after a pause.
    pub burst: u32,
    /// Calls under way at once.
    pub in_flight: u16,
    /// Milliseconds until there has to be a connection.
    pub connect_timeout_ms: u32,
    /// Milliseconds until there has to be a whole answer. kube-apiserver waits 30 seconds for its webhook.
    pub timeout_ms: u32,
    /// Failures in a row after which an endpoint is left alone for a while.
    pub breaker_failures: u32,
    /// Milliseconds of that while.
    pub breaker_open_ms: u32,
}

/// Limits of what is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct CacheLimits {
    /// Verified identities.
    pub identities: u32,
    /// Seconds that an identity is kept at most; never longer than its token lives, which is 15 minutes. So long may a
    /// key work that AWS has made inactive.
    pub identity_seconds: u32,
    /// Refused tokens.
    pub refusals: u32,
    /// Seconds that a refusal is kept.
    pub refusal_seconds: u32,
}

/// How names of nodes are found.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NodesConfig {
    /// The region of the instances.
    pub region: String,
    /// Another endpoint of EC2 than the region's public one.
    #[serde(default)]
    pub ec2_endpoint: Option<LocalEndpoint>,
    /// Another endpoint of IAM than the partition's public one.
    #[serde(default)]
    pub iam_endpoint: Option<LocalEndpoint>,
    /// How it is made sure that an instance runs with the caller's role.
    #[serde(default)]
    pub role_check: RoleCheck,
}

/// How it is made sure that an instance runs with the role of the session that is named after it.
///
/// EC2 names an instance's sessions after the instance, but whoever may assume a node's role can name a session as they
/// like. DescribeInstances answers the instance *profile*, whose name need not be the role's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoleCheck {
    /// IAM `GetInstanceProfile` is asked: the profile's role must be the caller's, by its unique id. Needs the permission
    /// `iam:GetInstanceProfile`.
    #[default]
    Iam,
    /// The profile must have the role's name, as the console makes it. No call, and as good where that holds.
    SameName,
    /// Only the account is compared: whoever can assume any node's role can be any node of the account.
    AccountOnly,
}

impl Default for AwsConfig {
    fn default() -> Self {
        Self {
            partition: Partition::Aws,
            regions: Vec::new(),
            sts_endpoints: Vec::new(),
            ca_file: None,
            sts: StsLimits::default(),
            cache: CacheLimits::default(),
            nodes: None,
        }
    }
}

impl Default for StsLimits {
    fn default() -> Self {
        Self {
            calls_per_second: 50,
            burst: 100,
            in_flight: 512,
            connect_timeout_ms: 2_000,
            timeout_ms: 5_000,
            breaker_failures: 5,
            breaker_open_ms: 5_000,
        }
    }
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self { identities: 10_000, identity_seconds: 900, refusals: 10_000, refusal_seconds: 5 }
    }
}

impl AwsConfig {
    /// The endpoints that a token may name.
    pub(crate) fn hosts(&self) -> StsHosts {
        StsHosts { partition: self.partition, local: self.sts_endpoints.clone() }
    }

    /// Whether an endpoint that is on the list is also one that the configuration lets tokens name.
    pub(crate) fn accepts(&self, endpoint: &Endpoint) -> bool {
        match endpoint {
            Endpoint::Local(_) => true,
            Endpoint::Aws { region, .. } => self.regions.is_empty() || self.regions.iter().any(|known| known == region),
        }
    }

    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// For a plain endpoint on another machine, for a region that is not the partition's, and for a limit of zero.
    pub fn check(&self) -> Result<(), AwsConfigError> {
        let nodes = self.nodes.iter();
        let others = nodes.clone().flat_map(|nodes| nodes.ec2_endpoint.iter().chain(&nodes.iam_endpoint));
        if let Some(plain) = self.sts_endpoints.iter().chain(others).find(|endpoint| !is_safe(endpoint)) {
            return Err(AwsConfigError::Plain { endpoint: plain.to_string() });
        }
        for region in self.regions.iter().chain(nodes.map(|nodes| &nodes.region)) {
            if !self.partition_has(region) {
                return Err(AwsConfigError::Region { region: region.clone(), partition: self.partition });
            }
        }
        let StsLimits { calls_per_second, burst, in_flight, connect_timeout_ms, timeout_ms, .. } = self.sts;
        for (value, key) in [
            (calls_per_second, "sts.calls-per-second"),
            (burst, "sts.burst"),
            (u32::from(in_flight), "sts.in-flight"),
            (connect_timeout_ms, "sts.connect-timeout-ms"),
            (timeout_ms, "sts.timeout-ms"),
            (self.sts.breaker_failures, "sts.breaker-failures"),
        ] {
            if value == 0 {
                return Err(AwsConfigError::Zero { key });
            }
        }
        Ok(())
    }

    fn partition_has(&self, region: &str) -> bool {
        Endpoint::of_region(region).is_some_and(|endpoint| match endpoint {
            Endpoint::Aws { host, .. } => self.hosts().find(Scheme::Https, &host, "/").is_some(),
            Endpoint::Local(_) => false,
        })
    }
}

impl StsLimits {
    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms.into())
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.into())
    }

    pub(crate) fn breaker_open(&self) -> Duration {
        Duration::from_millis(self.breaker_open_ms.into())
    }
}

/// An identity that comes in plain over a network is whatever somebody on the way makes of it.
fn is_safe(endpoint: &LocalEndpoint) -> bool {
    let authority = endpoint.authority();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let is_loopback = || {
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    };
    endpoint.scheme() == Scheme::Https || is_loopback()
}

fn partition<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Partition, D::Error> {
    let name = String::deserialize(deserializer)?;
    let names = || Partition::ALL.map(Partition::name).join("`, `");
    Partition::from_name(&name)
        .ok_or_else(|| serde::de::Error::custom(format!("`{name}` is not a partition: expected `{}`", names())))
}

/// Why the provider cannot be configured so.
#[derive(Debug, thiserror::Error)]
pub enum AwsConfigError {
    /// `http` to another machine.
    #[error("`{endpoint}` is not https: identities may come in plain only from this machine")]
    Plain {
        /// The endpoint.
        endpoint: String,
    },
    /// Another partition's region, or none.
    #[error("`{region}` is not a region of the partition `{partition}`")]
    Region {
        /// The region.
        region: String,
        /// The partition.
        partition: Partition,
    },
    /// A limit that would let nobody in.
    #[error("`{key}` must not be zero")]
    Zero {
        /// The key.
        key: &'static str,
    },
    /// The file of certificates.
    #[error("cannot read certificates from `{}`: {problem}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// TLS cannot be set up.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> Result<AwsConfig, String> {
        let config: AwsConfig = serde_saphyr::from_str(yaml).map_err(|error| error.to_string())?;
        config.check().map_err(|error| error.to_string())?;
        Ok(config)
    }

    #[test]
    fn everything_has_a_default_and_a_kebab_case_key() {
        let config = read("{}").unwrap();
        assert_eq!((config.sts, config.cache), (StsLimits::default(), CacheLimits::default()));
        let config = read(
            "partition: aws-us-gov\nregions: [us-gov-west-1]\nsts-endpoints: ['https://vpce-1.sts.example', 'http://[::1]:80']\n\
             ca-file: /ca.pem\nsts: {calls-per-second: 1, burst: 2}\ncache: {refusal-seconds: 0}\n\
             nodes: {region: us-gov-east-1, role-check: same-name}",
        )
        .unwrap();
        assert_eq!((config.partition, config.sts.burst, config.sts.in_flight), (Partition::AwsUsGov, 2, 512));
        assert_eq!(config.nodes.unwrap().role_check, RoleCheck::SameName);
    }

    #[test]
    fn what_makes_no_sense_or_is_not_safe_is_refused_with_its_name() {
        for (yaml, words) in [
            ("partition: aws-x", "`aws-x` is not a partition"),
            ("unknown: 1", "unknown"),
            ("sts: {timeout: 1}", "timeout"),
            ("regions: [us-west-9]", "`us-west-9` is not a region"),
            ("regions: [cn-north-1]", "`cn-north-1` is not a region of the partition `aws`"),
            ("nodes: {region: mars-1}", "`mars-1`"),
            ("sts-endpoints: ['http://10.0.0.1:80']", "`http://10.0.0.1:80/` is not https"),
            ("sts-endpoints: ['http://127.0.0.1.evil.example']", "not https"),
            ("sts-endpoints: ['http://localhost.evil.example']", "not https"),
            ("sts-endpoints: ['HTTPS://x']", "not an STS endpoint"),
            ("nodes: {region: us-west-2, ec2-endpoint: 'http://ec2.example'}", "not https"),
            ("sts: {burst: 0}", "`sts.burst` must not be zero"),
            ("sts: {timeout-ms: 0}", "`sts.timeout-ms`"),
        ] {
            let message = read(yaml).unwrap_err();
            assert!(message.contains(words), "{yaml}: {message}");
        }
    }

    #[test]
    fn only_the_regions_that_are_named_may_be_named_by_a_token() {
        let config = read("regions: [us-west-2]\nsts-endpoints: ['https://vpce-1.sts.example']").unwrap();
        let accepts = |url: &str| {
            let (authority, path) = url.split_once('/').unwrap();
            let endpoint = config.hosts().find(Scheme::Https, authority, &format!("/{path}")).unwrap();
            config.accepts(&endpoint)
        };
        assert!(accepts("sts.us-west-2.amazonaws.com/") && accepts("vpce-1.sts.example/"));
        assert!(!accepts("sts.eu-west-1.amazonaws.com/") && !accepts("sts.amazonaws.com/"));
    }
}

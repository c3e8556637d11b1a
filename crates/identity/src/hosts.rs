//! Which STS endpoints a token may name.
//!
//! A token carries a URL that its sender chose. It is never fetched as it stands; but even its host must be one of a
//! closed list, or a stranger decides whom the server asks (Vault CVE-2020-16250). AWS's regions are a table here, not a
//! pattern: `sts.<anything>.amazonaws.com` also matches hosts that nobody has registered yet. Source of the table:
//! the endpoint data of the AWS SDKs (`partitions.json`).

use std::fmt;

use doorward_core::partition::Partition;
use serde::Deserialize;

/// The STS endpoints that tokens may be made for.
#[derive(Clone, Debug)]
pub struct StsHosts {
    /// AWS's own, of one partition: what is signed for China is not for the other regions.
    pub partition: Partition,
    /// Others, by configuration: this server's own address, a VPC endpoint. The only ones that may be plain `http`.
    pub local: Vec<LocalEndpoint>,
}

/// An STS endpoint that is not one of AWS's public ones.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct LocalEndpoint {
    scheme: Scheme,
    authority: String,
    path: String,
}

/// `http` or `https`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain.
    Http,
    /// Over TLS.
    Https,
}

/// An STS endpoint that a token named and that is on the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// One of AWS's, over TLS.
    Aws {
        /// The host, from the table's parts.
        host: String,
        /// The region that a request to it is signed for.
        region: &'static str,
    },
    /// One of the configured ones.
    Local(LocalEndpoint),
}

impl StsHosts {
    /// The endpoint of exactly this spelling, if it is on the list.
    pub(crate) fn find(&self, scheme: Scheme, authority: &str, path: &str) -> Option<Endpoint> {
        let is_it = |local: &&LocalEndpoint| {
            (local.scheme, local.authority.as_str(), local.path.as_str()) == (scheme, authority, path)
        };
        if let Some(local) = self.local.iter().find(is_it) {
            return Some(Endpoint::Local(local.clone()));
        }
        if scheme != Scheme::Https || path != "/" {
            return None;
        }
        let region = region_of(self.partition, authority)?;
        Some(Endpoint::Aws { host: authority.to_owned(), region })
    }

    /// Whether a local endpoint would be found with another path or scheme, or AWS's host with another: only so that a
    /// refusal can name what is wrong.
    pub(crate) fn knows_host(&self, authority: &str) -> bool {
        self.local.iter().any(|local| local.authority == authority) || region_of(self.partition, authority).is_some()
    }
}

impl LocalEndpoint {
    /// Reads `http://127.0.0.1:8090`, with a path where the endpoint has one.
    ///
    /// # Errors
    /// If it is not a URL of scheme, host, port and path, in lower case and without escapes.
    pub fn parse(url: &str) -> Result<Self, EndpointError> {
        let fail = || EndpointError(url.chars().take(200).flat_map(char::escape_debug).collect());
        let (scheme, rest) = match url.split_once("://") {
            Some(("http", rest)) => (Scheme::Http, rest),
            Some(("https", rest)) => (Scheme::Https, rest),
            _ => return Err(fail()),
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let is_host_byte = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']')
        };
        let is_path_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~' | b'/');
        let is_plain = !authority.is_empty() && authority.bytes().all(is_host_byte) && path.bytes().all(is_path_byte);
        // Signers normalise such paths and some do not: what is signed would depend on the client.
        let is_normal = !path.contains("//") && !path.split('/').any(|segment| segment == "." || segment == "..");
        if !is_plain || !is_normal {
            return Err(fail());
        }
        Ok(Self { scheme, authority: authority.to_owned(), path: path.to_owned() })
    }

    /// Host and port.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Host and port as the header `host` gives them, without the port that the scheme has anyway.
    pub fn signed_authority(&self) -> &str {
        let default_port = if self.scheme == Scheme::Http { ":80" } else { ":443" };
        self.authority.strip_suffix(default_port).unwrap_or(&self.authority)
    }

    /// The path.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// How it is reached.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }
}

impl Endpoint {
    /// The public endpoint of a region; `None` for a region that is not on the list. This is what the aws CLI uses.
    pub fn of_region(region: &str) -> Option<Self> {
        let (partition, region) = Partition::ALL.iter().find_map(|partition| {
            let regions = Domains::of(*partition).regions;
            regions.iter().find(|known| **known == region).map(|region| (*partition, *region))
        })?;
        Some(Self::Aws { host: format!("sts.{region}.{}", Domains::of(partition).standard), region })
    }

    /// The host, with its port where it is spelled out.
    pub fn authority(&self) -> &str {
        match self {
            Self::Aws { host, .. } => host,
            Self::Local(local) => &local.authority,
        }
    }

    /// What the header `host` says: clients leave out the port that the scheme has anyway.
    pub fn signed_authority(&self) -> &str {
        match self {
            Self::Aws { host, .. } => host,
            Self::Local(local) => local.signed_authority(),
        }
    }

    /// The path.
    pub fn path(&self) -> &str {
        match self {
            Self::Aws { .. } => "/",
            Self::Local(local) => &local.path,
        }
    }

    /// Whether a request to it may be signed for this region. A local one may for any.
    pub fn accepts_region(&self, signed_for: &str) -> bool {
        match self {
            Self::Aws { region, .. } => *region == signed_for,
            Self::Local(_) => true,
        }
    }

    /// A label for metrics: of AWS's endpoints the region, `local` for all others. There are only as many as regions.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Aws { region, .. } => region,
            Self::Local(_) => "local",
        }
    }
}

impl TryFrom<String> for LocalEndpoint {
    type Error = EndpointError;

    fn try_from(url: String) -> Result<Self, EndpointError> {
        Self::parse(&url)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aws { host, .. } => write!(f, "https://{host}/"),
            Self::Local(local) => local.fmt(f),
        }
    }
}

impl fmt::Display for LocalEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.scheme == Scheme::Http { "http" } else { "https" };
        write!(f, "{scheme}://{}{}", self.authority, self.path)
    }
}

/// A text that is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an STS endpoint: expected a URL such as `http://127.0.0.1:8090`, in lower case")]
pub struct EndpointError(String);

/// The region of one of AWS's STS hosts of this partition.
fn region_of(partition: Partition, host: &str) -> Option<&'static str> {
    let domains = Domains::of(partition);
    // The global endpoint belongs to the commercial partition and signs for its first region.
    if partition == Partition::Aws && host == "sts.amazonaws.com" {
        return Some("us-east-1");
    }
    let (service, rest) = host.split_once('.')?;
    let (label, domain) = rest.split_once('.')?;
    let region = domains.regions.iter().find(|region| **region == label)?;
    let is_dual_stack = domains.dual_stack == Some(domain);
    let is_known = match service {
        "sts" => domain == domains.standard || is_dual_stack,
        "sts-fips" => (domains.has_fips_hosts && domain == domains.standard) || is_dual_stack,
        _ => false,
    };
    is_known.then_some(*region)
}

/// The public endpoint of EC2 in a region of this partition; `None` for a region that is not on its list.
pub(crate) fn ec2_host(partition: Partition, region: &str) -> Option<String> {
    let domains = Domains::of(partition);
    domains.regions.contains(&region).then(|| format!("ec2.{region}.{}", domains.standard))
}

/// The public endpoint of IAM, of which a partition has one, and the region that a request to it is signed for.
pub fn iam_host(partition: Partition) -> (String, &'static str) {
    let (label, region) = match partition {
        Partition::Aws => ("iam", "us-east-1"),
        Partition::AwsCn => ("iam.cn-north-1", "cn-north-1"),
        Partition::AwsUsGov => ("iam.us-gov", "us-gov-west-1"),
        Partition::AwsIso => ("iam.us-iso-east-1", "us-iso-east-1"),
        Partition::AwsIsoB => ("iam.us-isob-east-1", "us-isob-east-1"),
        Partition::AwsIsoE => ("iam.eu-isoe-west-1", "eu-isoe-west-1"),
        Partition::AwsIsoF => ("iam.us-isof-south-1", "us-isof-south-1"),
        Partition::AwsEusc => ("iam.eusc-de-east-1", "eusc-de-east-1"),
    };
    (format!("{label}.{}", Domains::of(partition).standard), region)
}

/// Where a partition's STS is.
struct Domains {
    standard: &'static str,
    dual_stack: Option<&'static str>,
    /// GovCloud's ordinary hosts are the FIPS ones; the isolated partitions have none.
    has_fips_hosts: bool,
    regions: &'static [&'static str],
}

impl Domains {
    fn of(partition: Partition) -> Self {
        let (standard, dual_stack, has_fips_hosts, regions): (_, _, _, &[&str]) = match partition {
            Partition::Aws => ("amazonaws.com", Some("api.aws"), true, &COMMERCIAL),
            Partition::AwsCn => {
                ("amazonaws.com.cn", Some("api.amazonwebservices.com.cn"), true, &["cn-north-1", "cn-northwest-1"])
            }
            Partition::AwsUsGov => ("amazonaws.com", Some("api.aws"), false, &["us-gov-east-1", "us-gov-west-1"]),
            Partition::AwsIso => ("c2s.ic.gov", None, false, &["us-iso-east-1", "us-iso-west-1"]),
            Partition::AwsIsoB => ("sc2s.sgov.gov", None, false, &["us-isob-east-1", "us-isob-west-1"]),
            Partition::AwsIsoE => ("cloud.adc-e.uk", None, false, &["eu-isoe-west-1"]),
            Partition::AwsIsoF => ("csp.hci.ic.gov", None, false, &["us-isof-east-1", "us-isof-south-1"]),
            Partition::AwsEusc => ("amazonaws.eu", Some("api.amazonwebservices.eu"), false, &["eusc-de-east-1"]),
        };
        Self { standard, dual_stack, has_fips_hosts, regions }
    }
}

const COMMERCIAL: [&str; 34] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_endpoint_is_found_by_its_exact_spelling_only() {
        let local = vec![
            LocalEndpoint::parse("http://127.0.0.1:8090").unwrap(),
            LocalEndpoint::parse("https://vpce-1-a.sts.us-west-2.vpce.amazonaws.com/").unwrap(),
            LocalEndpoint::parse("https://h:8443/sub/path").unwrap(),
        ];
        let hosts = StsHosts { partition: Partition::Aws, local };
        assert!(hosts.find(Scheme::Http, "127.0.0.1:8090", "/").is_some());
        assert!(hosts.find(Scheme::Https, "vpce-1-a.sts.us-west-2.vpce.amazonaws.com", "/").is_some());
        assert!(hosts.find(Scheme::Https, "h:8443", "/sub/path").is_some());
        for (scheme, authority, path) in [
            (Scheme::Https, "127.0.0.1:8090", "/"),
            (Scheme::Http, "127.0.0.1:8091", "/"),
            (Scheme::Http, "127.0.0.1", "/"),
            (Scheme::Http, "x@127.0.0.1:8090", "/"),
            (Scheme::Http, "127.0.0.1:8090", "/x"),
            (Scheme::Https, "h:8443", "/sub/path/"),
            (Scheme::Https, "h:8443", "/"),
            (Scheme::Http, "sts.us-west-2.amazonaws.com", "/"),
        ] {
            assert_eq!(hosts.find(scheme, authority, path), None, "{authority}{path}");
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for url in [
            "",
            "127.0.0.1:8090",
            "HTTP://h",
            "ftp://h",
            "http://",
            "http:///x",
            "http://u@h",
            "http://H",
            "http://h/?x",
            "http://h/a//b",
            "http://h/../b",
            "http://h/a%2fb",
            "http://h\n",
        ] {
            assert!(LocalEndpoint::parse(url).is_err(), "{url}");
        }
        assert_eq!(LocalEndpoint::parse("http://[::1]:8090").unwrap().to_string(), "http://[::1]:8090/");
    }

    #[test]
    fn every_region_has_the_endpoint_that_clients_use() {
        for (region, url) in [
            ("us-west-2", "https://sts.us-west-2.amazonaws.com/"),
            ("cn-north-1", "https://sts.cn-north-1.amazonaws.com.cn/"),
            ("us-gov-west-1", "https://sts.us-gov-west-1.amazonaws.com/"),
        ] {
            assert_eq!(Endpoint::of_region(region).unwrap().to_string(), url);
        }
        assert_eq!(Endpoint::of_region("us-west-9"), None);
    }
}

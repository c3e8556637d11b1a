//! Where a service's API is. The order is that of the AWS SDKs and Tools reference guide, "Service-specific endpoints".

use doorward_core::partition::Partition;
use doorward_identity::hosts::iam_host;
use http::Uri;

use super::error::AwsError;
use super::settings::AwsSettings;

/// A service that is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// The EKS API.
    Eks,
    /// The STS API.
    Sts,
    /// The IAM API.
    Iam,
    /// What only a Doorward server has.
    Doorward,
}

impl Service {
    /// The name in a credential scope, and in a `services` section.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Eks => "eks",
            Self::Sts => "sts",
            Self::Iam => "iam",
            Self::Doorward => "doorward",
        }
    }

    fn variable(self) -> &'static str {
        match self {
            Self::Eks => "AWS_ENDPOINT_URL_EKS",
            Self::Sts => "AWS_ENDPOINT_URL_STS",
            Self::Iam => "AWS_ENDPOINT_URL_IAM",
            Self::Doorward => "AWS_ENDPOINT_URL_DOORWARD",
        }
    }
}

/// A URL with scheme, host and port, and a path that requests' paths are appended to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    scheme: &'static str,
    authority: String,
    /// As it was given: a token is for this spelling of it.
    path: String,
    /// The region to sign for, where it is not the one that is set.
    signing_region: Option<&'static str>,
}

impl Endpoint {
    fn parse(url: &str, place: &str) -> Result<Self, AwsError> {
        let fail = || AwsError::Endpoint { url: url.escape_debug().to_string(), place: place.to_owned() };
        let uri: Uri = url.parse().map_err(|_| fail())?;
        let scheme = match uri.scheme_str() {
            Some("http") => "http",
            Some("https") => "https",
            _ => return Err(fail()),
        };
        let authority = uri.authority().ok_or_else(fail)?.as_str().to_ascii_lowercase();
        if uri.query().is_some() || authority.contains('@') {
            return Err(fail());
        }
        Ok(Self { scheme, authority, path: uri.path().to_owned(), signing_region: None })
    }

    fn of_aws(host: String) -> Self {
        Self { scheme: "https", authority: host, path: "/".to_owned(), signing_region: None }
    }

    /// The region to sign for, where it is not the one that is set.
    pub(crate) fn signing_region(&self) -> Option<&'static str> {
        self.signing_region
    }

    /// What a client signs as `host`: the port is left out where the scheme has it anyway.
    pub(super) fn signed_host(&self) -> &str {
        let default_port = if self.scheme == "http" { ":80" } else { ":443" };
        self.authority.strip_suffix(default_port).unwrap_or(&self.authority)
    }

    /// The path of a request, which begins with a slash, below that of the endpoint.
    pub(super) fn path_of(&self, path: &str) -> String {
        format!("{}{path}", self.path.trim_end_matches('/'))
    }

    /// A path and query at this endpoint.
    pub(super) fn url(&self, path_and_query: &str) -> String {
        format!("{}://{}{path_and_query}", self.scheme, self.authority)
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = if self.path == "/" { "" } else { &self.path };
        write!(f, "{}://{}{path}", self.scheme, self.authority)
    }
}

impl AwsSettings {
    /// Where a service's requests go.
    ///
    /// # Errors
    /// If what is set is no URL, or nothing is set and AWS has no such service or the region is not known.
    pub(crate) fn endpoint(&self, service: Service) -> Result<Endpoint, AwsError> {
        if let Some(url) = &self.flags.endpoint_url {
            return Endpoint::parse(url, "`--endpoint-url`");
        }
        match self.configured(service) {
            Some((url, place)) => Endpoint::parse(url, &place),
            None => self.public(service),
        }
    }

    /// Where tokens are to be verified: `--endpoint-url` has no say in it, as for `aws eks get-token`.
    ///
    /// # Errors
    /// As for [`Self::endpoint`].
    pub(crate) fn token_endpoint(&self) -> Result<Endpoint, AwsError> {
        match self.configured(Service::Sts) {
            Some((url, place)) => Endpoint::parse(url, &place),
            None => self.public(Service::Sts),
        }
    }

    /// The endpoint that variables or the profile name, and where they do.
    fn configured(&self, service: Service) -> Option<(&str, String)> {
        let environment = &self.environment;
        let profile = self.profile();
        let ignored = environment
            .get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
            .or_else(|| profile.and_then(|profile| profile.get("ignore_configured_endpoint_urls")));
        if ignored.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return None;
        }
        for variable in [service.variable(), "AWS_ENDPOINT_URL"] {
            if let Some(url) = environment.get(variable) {
                return Some((url, format!("`{variable}`")));
            }
        }
        let profile = profile?;
        if let Some(name) = profile.get("services") {
            let section = self.files.services.get(name).and_then(|services| services.get(service.name()));
            if let Some(url) = section.and_then(|keys| keys.get("endpoint_url")).filter(|url| !url.is_empty()) {
                return Some((url, format!("`{}` of the section `services {name}`", service.name())));
            }
        }
        let place = || format!("`endpoint_url` of the profile `{}`", self.profile_name);
        profile.get("endpoint_url").map(|url| (url, place()))
    }

    /// AWS's own.
    fn public(&self, service: Service) -> Result<Endpoint, AwsError> {
        let region = match (service, self.region_if_any()?) {
            (Service::Doorward, _) => return Err(AwsError::NoEndpoint { hint: self.hint() }),
            (Service::Sts, None | Some("aws-global")) => {
                let global = Endpoint::of_aws("sts.amazonaws.com".to_owned());
                return Ok(Endpoint { signing_region: Some("us-east-1"), ..global });
            }
            // A partition has one.
            (Service::Iam, region) => {
                let (host, region) = iam_host(Domains::of(region.unwrap_or_default()).partition);
                return Ok(Endpoint { signing_region: Some(region), ..Endpoint::of_aws(host) });
            }
            (Service::Eks | Service::Sts, _) => self.region()?,
        };
        let domains = Domains::of(region);
        let is_dual_stack = self.is_on("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint");
        let is_fips = self.is_on("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint");
        let name = service.name();
        let prefix = match (is_fips, service) {
            (true, Service::Eks) => format!("fips.{name}"),
            (true, _) => format!("{name}-fips"),
            (false, _) => name.to_owned(),
        };
        let domain = if is_dual_stack { domains.dual_stack } else { domains.standard };
        Ok(Endpoint::of_aws(format!("{prefix}.{region}.{domain}")))
    }

    fn is_on(&self, variable: &str, key: &str) -> bool {
        let value = self.environment.get(variable).or_else(|| self.profile().and_then(|profile| profile.get(key)));
        value.is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }
}

/// What a region's hosts end in.
struct Domains {
    partition: Partition,
    standard: &'static str,
    dual_stack: &'static str,
}

impl Domains {
    fn of(region: &str) -> Self {
        let (partition, standard, dual_stack) = match region.split('-').next() {
            Some("cn") => (Partition::AwsCn, "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
            Some("eusc") => (Partition::AwsEusc, "amazonaws.eu", "api.amazonwebservices.eu"),
            Some("us") if region.starts_with("us-gov-") => (Partition::AwsUsGov, "amazonaws.com", "api.aws"),
            Some("us") if region.starts_with("us-isof-") => (Partition::AwsIsoF, "csp.hci.ic.gov", "api.aws"),
            Some("us") if region.starts_with("us-isob-") => (Partition::AwsIsoB, "sc2s.sgov.gov", "api.aws"),
            Some("us") if region.starts_with("us-iso-") => (Partition::AwsIso, "c2s.ic.gov", "api.aws"),
            Some("eu") if region.starts_with("eu-isoe-") => (Partition::AwsIsoE, "cloud.adc-e.uk", "api.aws"),
            _ => (Partition::Aws, "amazonaws.com", "api.aws"),
        };
        Self { partition, standard, dual_stack }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::{AwsArgs, Environment};

    const CONFIG: &str = "[default]\nendpoint_url = http://profile\nservices = s\nregion = us-west-2\n\
                          [services s]\neks =\n  endpoint_url = http://section\n";

    fn endpoint<const N: usize>(variables: [(&str, &str); N], config: &str, service: Service) -> String {
        let settings = AwsSettings::of(Environment::from(variables), AwsArgs::default(), config, "");
        settings.endpoint(service).unwrap().to_string()
    }

    #[test]
    fn a_services_variable_goes_before_the_general_one_before_its_section_before_the_profile() {
        let both = [("AWS_ENDPOINT_URL_EKS", "http://eks"), ("AWS_ENDPOINT_URL", "http://all")];
        assert_eq!(endpoint(both, CONFIG, Service::Eks), "http://eks");
        assert_eq!(endpoint(both, CONFIG, Service::Sts), "http://all");
        assert_eq!(endpoint([], CONFIG, Service::Eks), "http://section");
        assert_eq!(endpoint([], CONFIG, Service::Doorward), "http://profile");
        assert_eq!(endpoint([("AWS_ENDPOINT_URL", "")], CONFIG, Service::Sts), "http://profile");
        let flags = AwsArgs { endpoint_url: Some("http://flag/".to_owned()), ..AwsArgs::default() };
        let settings = AwsSettings::of(Environment::from(both), flags, CONFIG, "");
        assert_eq!(settings.endpoint(Service::Eks).unwrap().to_string(), "http://flag");
        assert_eq!(settings.token_endpoint().unwrap().to_string(), "http://all");
    }

    #[test]
    fn configured_endpoints_can_be_ignored() {
        let variables = [("AWS_ENDPOINT_URL", "http://all"), ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "True")];
        assert_eq!(endpoint(variables, CONFIG, Service::Eks), "https://eks.us-west-2.amazonaws.com");
    }

    #[test]
    fn aws_has_its_own_hosts() {
        for (region, service, host) in [
            ("us-west-2", Service::Eks, "eks.us-west-2.amazonaws.com"),
            ("cn-north-1", Service::Sts, "sts.cn-north-1.amazonaws.com.cn"),
            ("us-gov-west-1", Service::Sts, "sts.us-gov-west-1.amazonaws.com"),
            ("us-iso-east-1", Service::Eks, "eks.us-iso-east-1.c2s.ic.gov"),
            ("aws-global", Service::Sts, "sts.amazonaws.com"),
            ("us-west-2", Service::Iam, "iam.amazonaws.com"),
            ("us-gov-east-1", Service::Iam, "iam.us-gov.amazonaws.com"),
            ("", Service::Iam, "iam.amazonaws.com"),
            ("", Service::Sts, "sts.amazonaws.com"),
        ] {
            assert_eq!(endpoint([("AWS_REGION", region)], "", service), format!("https://{host}"));
        }
        let special = [("AWS_REGION", "us-west-2"), ("AWS_USE_FIPS_ENDPOINT", "true")];
        assert_eq!(endpoint(special, "", Service::Sts), "https://sts-fips.us-west-2.amazonaws.com");
        assert_eq!(endpoint(special, "", Service::Eks), "https://fips.eks.us-west-2.amazonaws.com");
        let special = [("AWS_REGION", "us-west-2"), ("AWS_USE_DUALSTACK_ENDPOINT", "true")];
        assert_eq!(endpoint(special, "", Service::Sts), "https://sts.us-west-2.api.aws");
        let settings = AwsSettings::of(Environment::default(), AwsArgs::default(), "[default]\nregion = x-1", "");
        assert!(matches!(settings.endpoint(Service::Doorward), Err(AwsError::NoEndpoint { .. })));
    }

    #[test]
    fn what_is_no_url_is_refused_and_says_where_it_stands() {
        for url in ["127.0.0.1:8090", "ftp://h", "http://u:p@h", "http://h/?x", "http://", "h"] {
            let error = Endpoint::parse(url, "`AWS_ENDPOINT_URL`").unwrap_err().to_string();
            assert!(error.contains("(`AWS_ENDPOINT_URL`) is not an endpoint"), "{error}");
        }
    }

    #[test]
    fn the_signed_host_has_a_port_only_where_it_is_not_the_schemes() {
        for (url, host) in [
            ("http://h:8090", "h:8090"),
            ("http://h:80/", "h"),
            ("https://h:443/x/", "h"),
            ("https://h:80", "h:80"),
            ("http://[::1]:18080", "[::1]:18080"),
        ] {
            assert_eq!(Endpoint::parse(url, "").unwrap().signed_host(), host);
        }
        let below = Endpoint::parse("https://h/x/", "").unwrap();
        assert_eq!((below.path_of("/clusters").as_str(), below.to_string().as_str()), ("/x/clusters", "https://h/x/"));
    }
}

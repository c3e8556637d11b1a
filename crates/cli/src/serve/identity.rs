//! The setting `identity`: who proves the tokens of the webhooks. A word, or a section with that word as `provider`.
//!
//! ```yaml
//! identity:
//!   provider: aws
//!   regions: [us-west-2]
//!   nodes: {region: us-west-2}
//! ```
//!
//! The keys of AWS's provider are those of [`AwsConfig`]; `credentials` is the command line's own.

use std::sync::Arc;

use clap::ValueEnum;
use doorward_identity::aws::{AwsConfig, AwsConfigError, CredentialSource, CredentialSourceError};
use doorward_server::IdentityProvider;
use doorward_sigv4::Credentials;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::credentials::{DefaultChain, RenewedCredentials};
use super::file::{ConfigFile, ConfigFileError};
use crate::aws::{AwsError, Environment};

/// The key of the section.
const SECTION: &str = "identity";

/// The keys of each section. Every one but `provider` and `credentials` is AWS's provider's.
const KEYS: [(&str, &[&str]); 5] = [
    ("", &["provider", "credentials", "partition", "regions", "sts-endpoints", "ca-file", "sts", "cache", "nodes"]),
    (
        "sts",
        &[
            "calls-per-second",
            "burst",
            "in-flight",
            "connect-timeout-ms",
            "timeout-ms",
            "breaker-failures",
            "breaker-open-ms",
        ],
    ),
    ("cache", &["identities", "identity-seconds", "refusals", "refusal-seconds"]),
    ("nodes", &["region", "ec2-endpoint", "iam-endpoint", "role-check"]),
    ("credentials", &["profile"]),
];

/// Who proves tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ProviderFlag {
    /// This server's own IAM and STS.
    Local,
    /// STS of AWS, for principals of AWS accounts. Who may call this server's API stays with its own IAM.
    Aws,
}

/// Why the setting cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    /// The file.
    #[error(transparent)]
    File(#[from] ConfigFileError),
    /// A section that does not say what it is about.
    #[error("`identity` has settings and no `provider`; add `provider: aws`, or `provider: local`")]
    NoProvider,
    /// What AWS's provider refuses.
    #[error("`identity` cannot be used: {0}")]
    Aws(#[from] AwsConfigError),
    /// The server's own credentials.
    #[error("`identity.credentials` cannot be used: {0}")]
    Credentials(#[from] AwsError),
}

/// The section, read.
#[derive(Debug, Default)]
struct Section {
    provider: Option<ProviderFlag>,
    /// Whether there is anything beside the provider.
    has_settings: bool,
    aws: AwsConfig,
    profile: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct CredentialsSection {
    profile: Option<String>,
}

/// Who proves tokens, of flag or variable and the file. The section is read and checked also where the flag says
/// `local`, so that it is right on the day it counts.
///
/// # Errors
/// [`IdentityError`].
pub(super) fn resolve(
    flag: Option<ProviderFlag>,
    file: &ConfigFile,
    environment: &Environment,
) -> Result<IdentityProvider, IdentityError> {
    let Section { provider, has_settings, aws, profile } = Section::read(file)?;
    aws.check()?;
    match flag.or(provider) {
        None if has_settings => Err(IdentityError::NoProvider),
        None | Some(ProviderFlag::Local) => Ok(IdentityProvider::Local),
        Some(ProviderFlag::Aws) => {
            // Only names of nodes are asked for with them: without, settings that do not work are nobody's business.
            let credentials: Arc<dyn CredentialSource> = match &aws.nodes {
                None => Arc::new(NotNeeded),
                Some(_) => Arc::new(RenewedCredentials::new(DefaultChain::new(environment, profile)?)),
            };
            Ok(IdentityProvider::Aws { config: Box::new(aws), credentials })
        }
    }
}

/// Credentials of a server that asks nothing as itself.
#[derive(Debug)]
struct NotNeeded;

impl CredentialSource for NotNeeded {
    fn credentials(
        &self,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Credentials, CredentialSourceError>> + Send + '_>> {
        Box::pin(async { Err(CredentialSourceError("`identity.nodes` is not configured".to_owned())) })
    }
}

impl Section {
    fn read(file: &ConfigFile) -> Result<Self, ConfigFileError> {
        let values = match file.value(SECTION) {
            None => return Ok(Self::default()),
            Some(Value::Object(values)) => values,
            Some(word) => {
                return Ok(Self { provider: Some(file.choice_of(SECTION, word)?), ..Self::default() });
            }
        };
        for (section, known) in KEYS {
            match (section, values.get(section)) {
                ("", _) => file.known_keys(SECTION, values, known)?,
                (section, Some(Value::Object(values))) => {
                    file.known_keys(&format!("{SECTION}.{section}"), values, known)?;
                }
                _ => {}
            }
        }
        let mut settings = values.clone();
        // A key without a value is as good as no key.
        settings.retain(|_, value| !value.is_null());
        let provider = settings.remove("provider");
        let provider = provider.map(|value| file.choice_of("identity.provider", &value)).transpose()?;
        let has_settings = !settings.is_empty();
        let credentials = settings.remove("credentials").unwrap_or_else(|| json!({}));
        let credentials: CredentialsSection = serde_json::from_value(credentials)
            .map_err(|_| file.wrong("identity.credentials", "`profile` with the name of a profile"))?;
        Ok(Self { provider, has_settings, aws: aws(file, settings)?, profile: credentials.profile })
    }
}

fn aws(file: &ConfigFile, settings: Map<String, Value>) -> Result<AwsConfig, ConfigFileError> {
    let read = |settings: Map<String, Value>| serde_json::from_value::<AwsConfig>(Value::Object(settings));
    if let Ok(config) = read(settings.clone()) {
        return Ok(config);
    }
    // Which of them it is: each has a default, so that it can be read alone.
    let alone = |key: &str, value: &Value| Map::from_iter([(key.to_owned(), value.clone())]);
    for (section, value) in &settings {
        let leaves: Vec<_> = match (section.as_str(), value) {
            ("sts" | "cache", Value::Object(values)) => values
                .iter()
                .map(|(key, value)| (format!("{section}.{key}"), alone(section, &Value::Object(alone(key, value)))))
                .collect(),
            _ => vec![(section.clone(), alone(section, value))],
        };
        for (key, settings) in leaves {
            if let Err(error) = read(settings) {
                return Err(file.refused(&format!("{SECTION}.{key}"), &error.to_string()));
            }
        }
    }
    Err(file.refused(SECTION, "its parts do not go together"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use doorward_core::partition::Partition;
    use doorward_identity::aws::RoleCheck;

    use super::*;

    fn of(yaml: &str, flag: Option<ProviderFlag>) -> Result<IdentityProvider, String> {
        let file = ConfigFile::parse(Path::new("f.yaml"), yaml).map_err(|error| error.to_string())?;
        let environment = Environment::from([("HOME", "/nowhere")]);
        resolve(flag, &file, &environment).map_err(|error| error.to_string())
    }

    fn config(yaml: &str) -> AwsConfig {
        match of(yaml, None).unwrap() {
            IdentityProvider::Aws { config, .. } => *config,
            IdentityProvider::Local => panic!("{yaml}"),
        }
    }

    fn is_aws(yaml: &str, flag: Option<ProviderFlag>) -> bool {
        matches!(of(yaml, flag).unwrap(), IdentityProvider::Aws { .. })
    }

    #[test]
    fn a_word_is_enough_and_the_flag_goes_before_it() {
        use ProviderFlag::{Aws, Local};
        for (yaml, flag, expected) in [
            ("", None, false),
            ("identity: local", None, false),
            ("identity: aws", None, true),
            ("identity: {provider: aws}", None, true),
            ("identity: aws", Some(Local), false),
            ("identity: local", Some(Aws), true),
            ("", Some(Aws), true),
            ("identity: {partition: aws-cn}", Some(Aws), true),
            ("identity: {partition: aws-cn}", Some(Local), false),
            ("identity:", None, false),
        ] {
            assert_eq!(is_aws(yaml, flag), expected, "{yaml} {flag:?}");
        }
    }

    #[test]
    fn every_part_of_the_section_arrives_where_it_counts() {
        let config = config(
            "identity:\n  provider: aws\n  partition: aws-us-gov\n  regions: [us-gov-west-1]\n  \
             sts-endpoints: ['https://vpce-1.sts.us-gov-west-1.vpce.amazonaws.com']\n  ca-file: /ca.pem\n  \
             sts: {calls-per-second: 1, burst: 2, timeout-ms: 3}\n  cache: {identities: 4}\n  \
             nodes: {region: us-gov-east-1, role-check: same-name}\n  credentials:\n",
        );
        assert_eq!(
            (config.partition, config.regions.as_slice()),
            (Partition::AwsUsGov, &["us-gov-west-1".to_owned()][..])
        );
        assert_eq!(config.sts_endpoints[0].authority(), "vpce-1.sts.us-gov-west-1.vpce.amazonaws.com");
        assert_eq!((config.sts.calls_per_second, config.sts.burst, config.sts.timeout_ms), (1, 2, 3));
        assert_eq!((config.sts.in_flight, config.cache.identities), (512, 4));
        assert_eq!(config.nodes.unwrap().role_check, RoleCheck::SameName);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_place() {
        for (yaml, words) in [
            (
                "identity: amazon",
                "`identity` in the configuration file `f.yaml` is wrong: expected one of `local`, `aws`",
            ),
            ("identity: {provider: 1}", "`identity.provider`"),
            ("identity: {partition: aws-cn}", "no `provider`; add `provider: aws`"),
            ("identity: {provider: aws, partion: aws}", "unknown key `identity.partion`; did you mean `partition`?"),
            ("identity: {provider: aws, sts: {timeout: 1}}", "`identity.sts.timeout`; did you mean `timeout-ms`?"),
            ("identity: {provider: aws, cache: {refusal_seconds: 1}}", "did you mean `refusal-seconds`?"),
            ("identity: {provider: aws, nodes: {regoin: x}}", "`identity.nodes.regoin`; did you mean `region`?"),
            ("identity: {provider: aws, credentials: {profil: x}}", "did you mean `profile`?"),
            ("identity: {provider: aws, credentials: {profile: [x]}}", "`identity.credentials`"),
            ("identity: {provider: aws, partition: aws-x}", "`identity.partition`"),
            ("identity: {provider: aws, partition: aws-x}", "`aws-x` is not a partition"),
            ("identity: {provider: aws, sts: {burst: many}}", "`identity.sts.burst`"),
            ("identity: {provider: aws, sts: {burst: -1}}", "`identity.sts.burst`"),
            ("identity: {provider: aws, sts: 5}", "`identity.sts`"),
            ("identity: {provider: aws, regions: us-west-2}", "`identity.regions`"),
            ("identity: {provider: aws, nodes: {}}", "missing field `region`"),
            ("identity: {provider: aws, nodes: {region: us-west-2, role-check: never}}", "`identity.nodes`"),
            ("identity: {provider: aws, sts-endpoints: [vpce-1.example]}", "`identity.sts-endpoints`"),
            ("identity: {provider: aws, sts-endpoints: ['http://10.0.0.1']}", "is not https"),
            ("identity: {provider: local, sts: {burst: 0}}", "`sts.burst` must not be zero"),
            ("identity: {provider: aws, regions: [us-west-9]}", "`us-west-9` is not a region of the partition `aws`"),
            (
                "identity: {provider: aws, nodes: {region: us-west-2}, credentials: {profile: nodes}}",
                "`identity.credentials` cannot be used: the profile `nodes` is neither in",
            ),
        ] {
            let message = of(yaml, None).unwrap_err();
            assert!(message.contains(words), "{yaml}: {message}");
        }
    }

    #[test]
    fn the_keys_that_are_known_are_those_that_the_provider_reads() {
        for (section, known) in KEYS {
            let own = ["provider", "credentials", "profile"];
            let known: Vec<_> = known.iter().filter(|key| !own.contains(key)).map(|key| format!("`{key}`")).collect();
            let unknown = json!({ "unknown": 1 });
            let value = if section.is_empty() { unknown } else { json!({ section: unknown }) };
            if section != "credentials" {
                let error = serde_json::from_value::<AwsConfig>(value).unwrap_err().to_string();
                assert_eq!(error, format!("unknown field `unknown`, expected one of {}", known.join(", ")));
            }
        }
    }
}

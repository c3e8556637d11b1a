//! The server's configuration: a flag goes before its variable, that before the file, that before the default.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use doorward_core::account_id::AccountId;
use doorward_identity::hosts::LocalEndpoint;
use doorward_server::view::Limits;
use doorward_server::webhook::{AuditIds, ClientAuth};
use doorward_server::{Config, Storage};

use super::file::{ConfigFile, ConfigFileError};
use super::identity::{self, IdentityError, ProviderFlag};
use super::storage::{self, StorageArgs, StorageError, StorageSettings};
use crate::aws::Environment;
use crate::data_dir;
use crate::logging::LogFormat;

const EXAMPLES: &str = "\
Examples:
  doorward serve
  doorward serve --config /etc/doorward/config.yaml
  doorward serve --identity aws
  doorward serve --store etcd --etcd-endpoints https://10.0.0.1:2379 --etcd-ca ca.crt --store-key-file key
  DOORWARD_OPS=127.0.0.1:9191 doorward serve --webhook 0.0.0.0:8443 --webhook-name doorward.example

Every flag has a variable DOORWARD_…, and a key of its own name (`api`, `data-dir`) in the YAML
file of --config. A flag goes before its variable, that before the file. docs/identity.md says how
principals of AWS accounts come in, docs/operations.md how several servers share a store.";

/// The flags; each field is `None`, or empty, where neither flag nor variable is given.
#[derive(Clone, Debug, Default, Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct ServeArgs {
    /// A YAML file with any of the settings below.
    #[arg(long, value_name = "FILE", env = "DOORWARD_CONFIG")]
    pub(super) config: Option<PathBuf>,
    /// Where database, keys and certificates are [default: $XDG_STATE_HOME/doorward, else ./doorward-data].
    #[arg(long, value_name = "DIR", env = "DOORWARD_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// Where the EKS, STS and IAM API listens [default: 127.0.0.1:8090].
    #[arg(long, value_name = "ADDR", env = "DOORWARD_API")]
    api: Option<SocketAddr>,
    /// Where the webhooks listen [default: 127.0.0.1:8443].
    #[arg(long, value_name = "ADDR", env = "DOORWARD_WEBHOOK")]
    webhook: Option<SocketAddr>,
    /// Where health and metrics are served [default: 127.0.0.1:9090].
    #[arg(long, value_name = "ADDR", env = "DOORWARD_OPS")]
    ops: Option<SocketAddr>,
    /// Whether kube-apiservers must show a client certificate [default: required].
    #[arg(long, value_enum, env = "DOORWARD_WEBHOOK_CLIENT_AUTH")]
    webhook_client_auth: Option<ClientAuthFlag>,
    /// One more name or address of the webhooks, for their certificate; repeatable.
    #[arg(long = "webhook-name", value_name = "NAME", env = "DOORWARD_WEBHOOK_NAME", value_delimiter = ',')]
    webhook_names: Vec<String>,
    /// One more URL under which clients reach the API and for which they sign tokens; repeatable.
    #[arg(long = "api-url", value_name = "URL", env = "DOORWARD_API_URL", value_delimiter = ',')]
    api_urls: Vec<String>,
    /// The account that is made at the first start [default: 123456789012].
    #[arg(long, value_name = "ID", env = "DOORWARD_ACCOUNT")]
    account: Option<AccountId>,
    /// The region in the administrator's profile, which is written at the first start [default: us-west-2].
    #[arg(long, value_name = "REGION", env = "DOORWARD_REGION")]
    region: Option<String>,
    /// How many access entries a cluster may have [default: 3000, as at EKS].
    #[arg(long, value_name = "N", env = "DOORWARD_MAX_ACCESS_ENTRIES")]
    max_access_entries: Option<usize>,
    #[command(flatten)]
    storage: StorageArgs,
    /// Who proves the tokens that kube-apiservers ask about [default: local].
    ///
    /// With `aws`, principals of AWS accounts come into the clusters by access entries and aws-auth. The key
    /// `identity` of the file may be a section with more settings: partition, regions, private endpoints, limits, names
    /// of nodes. Who may call the EKS, STS and IAM API of this server stays with its own IAM in any case.
    #[arg(long, value_enum, env = "DOORWARD_IDENTITY", value_name = "PROVIDER")]
    identity: Option<ProviderFlag>,
    /// Put the id of each decision, as the log has it, where kube-apiserver's audit shows it [default: off].
    ///
    /// With `on`, the reason of an allowed request (the audit annotation `authorization.k8s.io/reason`) ends in
    /// `(decision ID)`, and identities have the extra attribute `doorward.io/decision-id`. Otherwise both are as EKS has
    /// them, and the ids are in the log alone.
    #[arg(long, value_enum, env = "DOORWARD_AUDIT_IDS", value_name = "on|off")]
    audit_ids: Option<AuditIdsFlag>,
    /// The form of log lines [default: text].
    #[arg(long, value_enum, env = "DOORWARD_LOG_FORMAT")]
    log_format: Option<LogFormat>,
}

/// Whether a client certificate is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ClientAuthFlag {
    /// Only a kube-apiserver with a certificate of this server's authority is answered.
    Required,
    /// Whoever reaches the address can ask who may do what.
    Off,
}

/// Whether the API servers' audits are to have the ids of decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum AuditIdsFlag {
    /// Reasons and extra attributes have them.
    On,
    /// Answers are EKS's to the letter.
    Off,
}

impl From<AuditIdsFlag> for AuditIds {
    fn from(flag: AuditIdsFlag) -> Self {
        match flag {
            AuditIdsFlag::On => Self::On,
            AuditIdsFlag::Off => Self::Off,
        }
    }
}

impl From<ClientAuthFlag> for ClientAuth {
    fn from(flag: ClientAuthFlag) -> Self {
        match flag {
            ClientAuthFlag::Required => Self::Required,
            ClientAuthFlag::Off => Self::Off,
        }
    }
}

/// Everything that a start needs.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) config: Config,
    pub(super) storage: StorageSettings,
    pub(super) log_format: LogFormat,
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file.
    #[error(transparent)]
    File(#[from] ConfigFileError),
    /// Who proves tokens.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The store.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A URL that no token could be for.
    #[error(
        "`{value}` is not a value of `--api-url`: expected a URL such as `https://doorward.example`, in lower case"
    )]
    ApiUrl {
        /// What was given.
        value: String,
    },
    /// A name that no certificate could be for.
    #[error("`{value}` is not a value of `--webhook-name`: expected a host name or an IP address, without a port")]
    WebhookName {
        /// What was given.
        value: String,
    },
    /// A region that is none.
    #[error("`{value}` is not a region: expected a name such as `us-west-2`")]
    Region {
        /// What was given.
        value: String,
    },
    /// Two listeners, one address.
    #[error("`--{first}` and `--{second}` have the same address {address}; give each its own")]
    SameAddress {
        /// A flag.
        first: &'static str,
        /// Another.
        second: &'static str,
        /// Their value.
        address: SocketAddr,
    },
}

impl Settings {
    /// Puts flags, variables, the file and the defaults together.
    ///
    /// # Errors
    /// If the file cannot be read or understood, or a value makes no sense.
    pub(super) fn resolve(args: ServeArgs, environment: &Environment) -> Result<Self, ConfigError> {
        let file = args.config.as_deref().map(ConfigFile::read).transpose()?.unwrap_or_default();
        let address = |flag: Option<SocketAddr>, key: &str, port: u16| -> Result<SocketAddr, ConfigFileError> {
            Ok(flag.or(file.parsed(key, "an address such as `127.0.0.1:8090`")?).unwrap_or(loopback(port)))
        };
        let api = address(args.api, "api", 8090)?;
        let webhook = address(args.webhook, "webhook", 8443)?;
        let ops = address(args.ops, "ops", 9090)?;
        distinct([("api", api), ("webhook", webhook), ("ops", ops)])?;
        let client_auth = args.webhook_client_auth.or(file.choice("webhook-client-auth")?);
        let audit_ids = args.audit_ids.or(file.choice("audit-ids")?);
        let webhook_names = or_list(args.webhook_names, &file, "webhook-name")?;
        let api_urls = or_list(args.api_urls, &file, "api-url")?;
        let data_dir = args.data_dir.or(file.parsed("data-dir", "a path")?);
        let account: Option<AccountId> = args.account.or(file.parsed("account", "twelve digits in quotes")?);
        let region: Option<String> = args.region.or(file.parsed("region", "text")?);
        let access_entries = args.max_access_entries.or(file.count("max-access-entries")?);
        let limits = access_entries.map_or_else(Limits::default, |access_entries| Limits { access_entries });
        let storage = storage::resolve(args.storage, &file)?;
        let config = Config {
            storage: Storage::DataDir,
            sealing_keys: storage.keys.clone(),
            data_dir: data_dir.unwrap_or_else(|| data_dir::default(environment)),
            api,
            webhook,
            ops,
            client_auth: client_auth.map_or(ClientAuth::Required, Into::into),
            api_urls: api_urls.into_iter().map(api_url).collect::<Result<_, _>>()?,
            webhook_names: webhook_names.into_iter().map(webhook_name).collect::<Result<_, _>>()?,
            audit_ids: audit_ids.map_or(AuditIds::Off, Into::into),
            limits,
            identity: identity::resolve(args.identity, &file, environment)?,
            account: account.map_or_else(default_account, Ok)?,
            region: region.map_or_else(|| Ok("us-west-2".to_owned()), checked_region)?,
        };
        let log_format = args.log_format.or(file.choice("log-format")?).unwrap_or_default();
        Ok(Self { config, storage, log_format })
    }
}

fn loopback(port: u16) -> SocketAddr {
    (std::net::Ipv4Addr::LOCALHOST, port).into()
}

/// The account that every example on the web uses.
fn default_account() -> Result<AccountId, ConfigError> {
    let invalid = || ConfigFileError::Value {
        path: Path::new("default").into(),
        key: "account".to_owned(),
        expected: "twelve digits".to_owned(),
    };
    Ok("123456789012".parse().map_err(|_| invalid())?)
}

fn or_list(flags: Vec<String>, file: &ConfigFile, key: &str) -> Result<Vec<String>, ConfigFileError> {
    if flags.is_empty() { file.list(key) } else { Ok(flags) }
}

fn api_url(value: String) -> Result<LocalEndpoint, ConfigError> {
    LocalEndpoint::parse(&value).map_err(|_| ConfigError::ApiUrl { value })
}

fn webhook_name(value: String) -> Result<String, ConfigError> {
    let is_address = value.parse::<std::net::IpAddr>().is_ok();
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
    };
    let is_name = value.len() <= 253 && value.strip_prefix("*.").unwrap_or(&value).split('.').all(is_label);
    if is_address || is_name { Ok(value) } else { Err(ConfigError::WebhookName { value }) }
}

fn checked_region(value: String) -> Result<String, ConfigError> {
    let is_region = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if (1..=32).contains(&value.len()) && value.bytes().all(is_region) {
        Ok(value)
    } else {
        Err(ConfigError::Region { value })
    }
}

/// The system would say it too, but only of one of them and without the reason.
fn distinct(addresses: [(&'static str, SocketAddr); 3]) -> Result<(), ConfigError> {
    let [a, b, c] = addresses;
    for ((first, address), (second, other)) in [(a, b), (a, c), (b, c)] {
        if address == other && address.port() != 0 {
            return Err(ConfigError::SameAddress { first, second, address });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(file: &str, args: ServeArgs) -> Result<Settings, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.yaml");
        std::fs::write(&path, file).unwrap();
        Settings::resolve(ServeArgs { config: Some(path), ..args }, &Environment::default())
    }

    fn refusal(file: &str) -> String {
        settings(file, ServeArgs::default()).unwrap_err().to_string()
    }

    #[test]
    fn without_anything_the_defaults_hold() {
        let Settings { config, log_format, .. } =
            Settings::resolve(ServeArgs::default(), &Environment::default()).unwrap();
        assert_eq!(config.data_dir, Path::new("doorward-data"));
        assert_eq!((config.api.to_string().as_str(), config.webhook.port()), ("127.0.0.1:8090", 8443));
        assert_eq!((config.ops.port(), config.account.as_str()), (9090, "123456789012"));
        assert_eq!((config.client_auth, log_format), (ClientAuth::Required, LogFormat::Text));
        assert_eq!(config.audit_ids, AuditIds::Off, "what EKS answers is answered to the letter");
        let state = Environment::from([("XDG_STATE_HOME", "/state")]);
        let config = Settings::resolve(ServeArgs::default(), &state).unwrap().config;
        assert_eq!(config.data_dir, Path::new("/state/doorward"));
    }

    #[test]
    fn a_flag_goes_before_the_file_and_the_file_before_the_default() {
        let file = "api: 127.0.0.1:1\nops: 127.0.0.1:2\nwebhook-client-auth: off\nwebhook-name: [a.example, 10.0.0.1]\n\
                    api-url: https://doorward.example/\naccount: '111122223333'\nlog-format: json\nmax-access-entries: 5\naudit-ids: on\n";
        let flags = ServeArgs { api: Some("127.0.0.1:9".parse().unwrap()), ..ServeArgs::default() };
        let Settings { config, log_format, .. } = settings(file, flags).unwrap();
        assert_eq!((config.api.port(), config.ops.port(), config.webhook.port()), (9, 2, 8443));
        assert_eq!((config.client_auth, log_format), (ClientAuth::Off, LogFormat::Json));
        assert_eq!(config.audit_ids, AuditIds::On);
        assert_eq!(config.webhook_names, ["a.example", "10.0.0.1"]);
        assert_eq!(config.api_urls[0].authority(), "doorward.example");
        assert_eq!((config.account.as_str(), config.limits.access_entries), ("111122223333", 5));
        let flags = ServeArgs { webhook_names: vec!["b.example".to_owned()], ..ServeArgs::default() };
        assert_eq!(settings(file, flags).unwrap().config.webhook_names, ["b.example"]);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_name() {
        for (file, words) in [
            ("api: 8090", "`api`"),
            ("api: localhost", "expected an address"),
            ("webhook-client-auth: maybe", "expected one of `required`, `off`"),
            ("webhook-name: 'a b'", "`a b` is not a value of `--webhook-name`"),
            ("webhook-name: [1]", "`webhook-name`"),
            ("api-url: 'HTTP://X'", "`--api-url`"),
            ("account: 123456789012", "twelve digits in quotes"),
            ("max-access-entries: many", "expected a whole number"),
            ("region: 'us west'", "`us west` is not a region"),
            ("api: 127.0.0.1:7\nops: 127.0.0.1:7", "`--api` and `--ops` have the same address 127.0.0.1:7"),
        ] {
            let message = refusal(file);
            assert!(message.contains(words), "{file}: {message}");
        }
    }
}

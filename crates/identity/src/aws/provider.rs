//! The provider: from the text of a token to a principal of AWS.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use doorward_core::principal::Principal;
use doorward_sigv4::Window;
use jiff::Timestamp;
use moka::future::Cache;
use secrecy::ExposeSecret as _;

use super::budget::BudgetLeft;
use super::config::{AwsConfig, AwsConfigError};
use super::credential_source::CredentialSource;
use super::error::{IdentityError, Undecided};
use super::flights::{Flights, Interrupted, Keep};
use super::nodes::Nodes;
use super::sts_client::{Caller, caller_identity};
use super::transport::{HttpsTransport, Transport};
use crate::hosts::StsHosts;
use crate::token::{Token, TokenError, decode};

/// SHA-256 of the cluster's name and of the request that a token stands for.
type Key = [u8; 32];

const MAX_KNOWN_KEYS: u64 = 20_000;

/// As long as the longest session of a role.
const KNOWN_FOR: Duration = Duration::from_secs(12 * 3_600);

/// Told of each call to STS: the endpoint's label (see [`crate::Endpoint::label`]), `ok` or the reason it failed, and how
/// long it took; nothing for a call that this server's own limits stopped. The texts come from closed lists.
pub type Observer = Arc<dyn Fn(&'static str, &'static str, Option<Duration>) + Send + Sync>;

/// Proves tokens by asking STS, and finds names of nodes by asking EC2.
pub struct AwsProvider {
    config: AwsConfig,
    hosts: StsHosts,
    sts: Arc<Caller>,
    identities: Flights<Key, Arc<Principal>, IdentityError>,
    /// Access keys that were let in: they go before strangers when calls run short.
    known_keys: Cache<String, ()>,
    nodes: Option<Nodes>,
    observer: Option<Observer>,
}

impl AwsProvider {
    /// A provider that calls AWS over HTTPS. `credentials` are the server's own, for EC2 and IAM; STS needs none.
    ///
    /// # Errors
    /// [`AwsConfigError`].
    pub fn new(config: AwsConfig, credentials: Arc<dyn CredentialSource>) -> Result<Self, AwsConfigError> {
        let transport = Arc::new(HttpsTransport::new(&config)?);
        Self::with_transport(config, transport, credentials)
    }

    /// A provider that calls through something else.
    ///
    /// # Errors
    /// [`AwsConfigError`].
    pub fn with_transport(
        config: AwsConfig,
        transport: Arc<dyn Transport>,
        credentials: Arc<dyn CredentialSource>,
    ) -> Result<Self, AwsConfigError> {
        config.check()?;
        let nodes = config.nodes.as_ref().map(|nodes| Nodes::new(&config, nodes, Arc::clone(&transport), credentials));
        Ok(Self {
            hosts: config.hosts(),
            sts: Arc::new(Caller::new(&config.sts, transport)),
            identities: Flights::new(config.cache.identities.into(), config.cache.refusals.into()),
            known_keys: Cache::builder().max_capacity(MAX_KNOWN_KEYS).time_to_idle(KNOWN_FOR).build(),
            nodes,
            observer: None,
            config,
        })
    }

    /// The same, with somebody who is told of calls.
    #[must_use]
    pub fn with_observer(self, observer: Observer) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// Who signed `token` for `cluster_name`.
    ///
    /// All copies of a token that are asked about at once cause one call, whatever becomes of those who ask. An identity
    /// is remembered no longer than its token lives, a definite refusal for a few seconds, anything else not at all.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub async fn verify(
        &self,
        cluster_name: &str,
        token: &str,
        now: Timestamp,
    ) -> Result<Arc<Principal>, IdentityError> {
        if cluster_name.is_empty() {
            return Err(TokenError::NoCluster.into());
        }
        let token = decode(token, &self.hosts, now)?;
        if !self.config.accepts(token.endpoint()) {
            return Err(TokenError::Host.into());
        }
        let cache = &self.config.cache;
        let keep = life_left(&token, now).min(Duration::from_secs(cache.identity_seconds.into()));
        let keep_refusal = Duration::from_secs(cache.refusal_seconds.into());
        let (sts, partition, observer) = (Arc::clone(&self.sts), self.config.partition, self.observer.clone());
        let is_known = self.known_keys.get(token.access_key_id()).await.is_some();
        let (key, cluster_name) = (key(&token, cluster_name), cluster_name.to_owned());
        let ask = async move {
            let began = Instant::now();
            let outcome = caller_identity(&sts, &token, &cluster_name, partition, is_known).await;
            if let Some(observer) = observer {
                let was_made = outcome.as_ref().err().is_none_or(IdentityError::is_about_a_call);
                let heard = outcome.as_ref().map_or_else(IdentityError::reason, |_| "ok");
                observer(token.endpoint().label(), heard, was_made.then(|| began.elapsed()));
            }
            match outcome {
                Ok(principal) => Ok(Keep { value: Arc::new(principal), time: keep }),
                Err(error) => {
                    let time = if error.is_definite() { keep_refusal } else { Duration::ZERO };
                    Err(Keep { value: error, time })
                }
            }
        };
        self.identities.get(key, ask).await
    }

    /// Takes note that somebody was let in. A call for the same access key goes before strangers' from now on. To have
    /// been verified is not enough: everybody with an AWS account can be.
    pub async fn let_in(&self, principal: &Principal) {
        self.known_keys.insert(principal.access_key_id.clone(), ()).await;
    }

    /// The private DNS name of the instance that a role's session is named after, if there is one and it runs with that
    /// role; `None` also where names of nodes are not configured.
    ///
    /// # Errors
    /// Throttled or undecided.
    pub async fn private_dns_name(&self, principal: &Principal) -> Result<Option<String>, IdentityError> {
        match &self.nodes {
            Some(nodes) => nodes.private_dns_name(principal).await,
            None => Ok(None),
        }
    }

    /// How many calls to STS could be made now.
    pub fn sts_budget(&self) -> BudgetLeft {
        self.sts.budget_left()
    }

    /// The endpoints that failed and are left alone for the moment: for a report of health.
    pub fn failing_endpoints(&self) -> Vec<String> {
        let mut hosts = self.sts.open_breakers();
        hosts.extend(self.nodes.iter().flat_map(Nodes::open_breakers));
        hosts
    }
}

impl From<Interrupted> for IdentityError {
    fn from(_: Interrupted) -> Self {
        Undecided::Interrupted.into()
    }
}

/// Of the request and not of the token's text: one signed request can be written as a token in many ways (the order of
/// its parameters, escapes), and each would cost a call.
fn key(token: &Token, cluster_name: &str) -> Key {
    let query = token.query();
    // No cluster's name and no endpoint has a line break in it.
    let text =
        secrecy::zeroize::Zeroizing::new(format!("{cluster_name}\n{}\n{}", token.endpoint(), query.expose_secret()));
    let mut key = Key::default();
    key.iter_mut().zip(digest(&SHA256, text.as_bytes()).as_ref()).for_each(|(into, from)| *into = *from);
    key
}

/// How long a token lives on: 15 minutes from when it was signed.
fn life_left(token: &Token, now: Timestamp) -> Duration {
    let left = Window::TOKEN.max_age - now.duration_since(token.signed_at());
    Duration::try_from(left).unwrap_or_default()
}

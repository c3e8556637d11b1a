//! The server's own AWS credentials, for as long as it runs: found where every verb finds them, and found again before
//! they end.
//!
//! What has an end is renewed some minutes before it. Keys of files and variables say nothing of an end, and whoever
//! rotates them writes the file anew: they are looked up again from time to time. While what is held still holds,
//! nobody waits for its renewal, and a failed one is tried again.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use doorward_identity::aws::{CredentialSource, CredentialSourceError};
use doorward_sigv4::Credentials;
use jiff::{SignedDuration, Timestamp};

use crate::aws::{AwsArgs, AwsClient, AwsError, AwsSettings, Environment, Lease};

/// How long before their end credentials are renewed. A role's session has 15 minutes at least.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// After how long credentials without an end are looked up again.
const RECHECK: SignedDuration = SignedDuration::from_mins(5);

/// After how long a failed lookup is tried again.
const RETRY: SignedDuration = SignedDuration::from_secs(10);

/// How long a lookup may take: kube-apiserver waits 30 seconds for a webhook.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Looks credentials up.
pub(super) trait Lookup: Send + Sync {
    /// The credentials as they are now.
    fn look_up(&self) -> impl Future<Output = Result<Lease, String>> + Send;
}

/// Where the aws CLI finds them: variables, a profile of the shared files, its role chain, its `credential_process`.
pub(super) struct DefaultChain {
    environment: Environment,
    flags: AwsArgs,
}

impl DefaultChain {
    /// Credentials of a profile, or without one of whatever is in force.
    ///
    /// # Errors
    /// If a file of settings cannot be read, or the profile is in none.
    pub(super) fn new(environment: &Environment, profile: Option<String>) -> Result<Self, AwsError> {
        let chain = Self { environment: environment.clone(), flags: AwsArgs { profile, ..AwsArgs::default() } };
        // A profile that is misspelled is found out now rather than when the first node asks.
        chain.settings()?;
        Ok(chain)
    }

    fn settings(&self) -> Result<AwsSettings, AwsError> {
        AwsSettings::load(self.environment.clone(), &self.flags)
    }
}

impl Lookup for DefaultChain {
    async fn look_up(&self) -> Result<Lease, String> {
        let client = self.settings().map(AwsClient::new).map_err(|error| error.to_string())?;
        client.lease().await.map_err(|error| error.to_string())
    }
}

/// Credentials that are looked up when they are due.
pub(super) struct RenewedCredentials<L> {
    lookup: L,
    held: Mutex<Held>,
    /// Held by whoever looks up.
    renewal: tokio::sync::Mutex<()>,
}

/// What was found last, if anything.
#[derive(Clone, Default)]
struct Held {
    lease: Option<Lease>,
    /// When to look again.
    due: Option<Timestamp>,
    /// Why the last lookup failed, if it did.
    problem: Option<String>,
}

impl Held {
    fn holds(&self, now: Timestamp) -> Option<&Credentials> {
        let lease = self.lease.as_ref()?;
        lease.ends.is_none_or(|ends| now < ends).then_some(&lease.credentials)
    }

    fn is_due(&self, now: Timestamp) -> bool {
        self.due.is_none_or(|due| now >= due)
    }

    fn outcome(&self, now: Timestamp) -> Result<Credentials, CredentialSourceError> {
        let none = || CredentialSourceError(self.problem.clone().unwrap_or_else(|| "they have ended".to_owned()));
        self.holds(now).cloned().ok_or_else(none)
    }
}

impl<L: Lookup> RenewedCredentials<L> {
    pub(super) fn new(lookup: L) -> Self {
        Self { lookup, held: Mutex::default(), renewal: tokio::sync::Mutex::default() }
    }

    fn held(&self) -> Held {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn at(&self, now: Timestamp) -> Result<Credentials, CredentialSourceError> {
        let held = self.held();
        if !held.is_due(now) {
            return held.outcome(now);
        }
        let _renewal = match (held.holds(now), self.renewal.try_lock()) {
            (_, Ok(renewal)) => renewal,
            (Some(credentials), Err(_)) => return Ok(credentials.clone()),
            (None, Err(_)) => self.renewal.lock().await,
        };
        // Somebody may have been faster.
        let held = self.held();
        if !held.is_due(now) {
            return held.outcome(now);
        }
        let found = tokio::time::timeout(TIMEOUT, self.lookup.look_up())
            .await
            .unwrap_or_else(|_| Err(format!("they were not found within {} s", TIMEOUT.as_secs())));
        let held = match found {
            Ok(lease) => Held { due: Some(due(&lease, now)), lease: Some(lease), problem: None },
            Err(problem) => {
                tracing::warn!(problem, "this server's own AWS credentials cannot be renewed");
                Held { due: now.checked_add(RETRY).ok(), problem: Some(problem), ..held }
            }
        };
        let outcome = held.outcome(now);
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = held;
        outcome
    }
}

/// When to look again: some minutes before the end, and not at once where they were found late.
fn due(lease: &Lease, now: Timestamp) -> Timestamp {
    let due = match lease.ends {
        Some(ends) => ends.checked_sub(AHEAD),
        None => now.checked_add(RECHECK),
    };
    let soonest = now.checked_add(RETRY).unwrap_or(now);
    due.map_or(soonest, |due| due.max(soonest))
}

impl<L: Lookup> CredentialSource for RenewedCredentials<L> {
    fn credentials(&self) -> Pin<Box<dyn Future<Output = Result<Credentials, CredentialSourceError>> + Send + '_>> {
        Box::pin(self.at(Timestamp::now()))
    }
}

impl<L> fmt::Debug for RenewedCredentials<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The variables of the process have secrets among them.
        f.debug_struct("RenewedCredentials").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use doorward_sigv4::SecretKey;

    use super::*;

    /// Gives keys that are numbered, each for longer than the one before, or fails, and may take its time.
    #[derive(Default)]
    struct Numbered {
        calls: AtomicUsize,
        life: Option<SignedDuration>,
        fails: Mutex<bool>,
        gate: Option<tokio::sync::Semaphore>,
    }

    fn start() -> Timestamp {
        "2026-01-01T12:00:00Z".parse().unwrap()
    }

    impl Lookup for Numbered {
        async fn look_up(&self) -> Result<Lease, String> {
            let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
            if let (Some(gate), true) = (&self.gate, call > 1) {
                gate.acquire().await.unwrap().forget();
            }
            if *self.fails.lock().unwrap() {
                return Err(format!("failure {call}"));
            }
            let secret = SecretKey::new("s3cr3t".to_owned());
            let credentials = Credentials::new(format!("AK{call}"), secret, None).unwrap();
            let nth = i32::try_from(call).unwrap();
            Ok(Lease { credentials, ends: self.life.map(|life| start() + life * nth) })
        }
    }

    async fn key(source: &RenewedCredentials<Numbered>, after: SignedDuration) -> String {
        match source.at(start() + after).await {
            Ok(credentials) => format!("{credentials:?}").split('"').nth(1).unwrap().to_owned(),
            Err(error) => error.to_string(),
        }
    }

    const fn minutes(minutes: i64) -> SignedDuration {
        SignedDuration::from_mins(minutes)
    }

    #[tokio::test]
    async fn what_has_an_end_is_renewed_before_it_and_not_earlier() {
        let source = RenewedCredentials::new(Numbered { life: Some(minutes(60)), ..Numbered::default() });
        for (after, expected) in [(0, "AK1"), (54, "AK1"), (55, "AK2"), (56, "AK2")] {
            assert_eq!(key(&source, minutes(after)).await, expected, "{after}");
        }
    }

    #[tokio::test]
    async fn what_has_no_end_is_looked_up_again_from_time_to_time() {
        let source = RenewedCredentials::new(Numbered::default());
        for (after, expected) in [(0, "AK1"), (4, "AK1"), (5, "AK2"), (9, "AK2"), (10, "AK3")] {
            assert_eq!(key(&source, minutes(after)).await, expected, "{after}");
        }
    }

    #[tokio::test]
    async fn a_failed_renewal_leaves_what_still_holds_and_is_tried_again_after_a_pause() {
        let source = RenewedCredentials::new(Numbered { life: Some(minutes(60)), ..Numbered::default() });
        assert_eq!(key(&source, minutes(0)).await, "AK1");
        *source.lookup.fails.lock().unwrap() = true;
        for _ in 0..5 {
            assert_eq!(key(&source, minutes(55)).await, "AK1");
        }
        assert_eq!(source.lookup.calls.load(Ordering::SeqCst), 2, "one failure is enough for a while");
        assert_eq!(key(&source, minutes(60)).await, "failure 3");
        assert_eq!(key(&source, minutes(60)).await, "failure 3", "nobody has to wait for the same failure again");
        *source.lookup.fails.lock().unwrap() = false;
        assert_eq!(key(&source, minutes(60) + RETRY).await, "AK4");
    }

    #[tokio::test]
    async fn nobody_waits_for_a_renewal_while_what_is_held_holds() {
        let gate = Some(tokio::sync::Semaphore::new(0));
        let source = RenewedCredentials::new(Numbered { life: Some(minutes(60)), gate, ..Numbered::default() });
        assert_eq!(key(&source, minutes(0)).await, "AK1");
        let renewal = key(&source, minutes(56));
        let others = async {
            for _ in 0..3 {
                assert_eq!(key(&source, minutes(56)).await, "AK1");
            }
            source.lookup.gate.as_ref().unwrap().add_permits(1);
        };
        let (renewed, ()) = tokio::join!(renewal, others);
        assert_eq!(renewed, "AK2");
    }

    #[test]
    fn a_profile_that_is_nowhere_is_found_out_at_once_and_debugging_shows_no_secret() {
        let variables = [("AWS_SECRET_ACCESS_KEY", "s3cr3t"), ("HOME", "/nowhere")];
        let chain = |profile: Option<&str>| DefaultChain::new(&variables.into(), profile.map(str::to_owned));
        assert!(matches!(chain(Some("nodes")), Err(AwsError::NoProfile { .. })));
        let source = RenewedCredentials::new(chain(None).unwrap());
        assert!(!format!("{source:?}").contains("s3cr3t"));
    }
}

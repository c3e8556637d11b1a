//! Asking STS who signed a token: one request, built anew, within the limits of calls.

use std::sync::Arc;

use bytes::Bytes;
use doorward_core::partition::Partition;
use doorward_core::principal::Principal;
use http::header::{ACCEPT, HOST};
use secrecy::ExposeSecret as _;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::breaker::Breakers;
use super::budget::{Budget, BudgetLeft};
use super::config::StsLimits;
use super::error::{IdentityError, Throttled, Undecided};
use super::reply::{MAX_BODY, Reply, read_caller_identity, refusal};
use super::transport::{Transport, TransportError};
use crate::token::{CLUSTER_HEADER, Token};

/// Calls something within a budget, with breakers.
pub(crate) struct Caller {
    transport: Arc<dyn Transport>,
    budget: Budget,
    breakers: Breakers,
    in_flight: Semaphore,
}

impl Caller {
    pub(crate) fn new(limits: &StsLimits, transport: Arc<dyn Transport>) -> Self {
        Self {
            transport,
            budget: Budget::new(limits.calls_per_second, limits.burst),
            breakers: Breakers::new(limits.breaker_failures, limits.breaker_open()),
            in_flight: Semaphore::new(limits.in_flight.into()),
        }
    }

    /// Sends a request to `host`, if that is allowed now. `is_known`: on behalf of somebody who was let in before.
    ///
    /// # Errors
    /// Throttled by this server's own limits, or undecided. What the answer means is for the caller to say.
    pub(crate) async fn call(
        &self,
        host: &str,
        request: http::Request<Bytes>,
        max_body: usize,
        is_known: bool,
    ) -> Result<Reply, IdentityError> {
        let pass = self.breakers.admit(host, Instant::now()).ok_or(Undecided::Breaker)?;
        if !self.budget.take(Instant::now(), is_known) {
            return Err(Throttled::Budget.into());
        }
        let _permit = self.in_flight.try_acquire().map_err(|_| Throttled::InFlight)?;
        match self.transport.send(request, max_body).await {
            Ok(reply) => {
                // Who throttles is there; who answers with an error of its own may as well not be.
                if reply.status >= 500 && !matches!(refusal(&reply), IdentityError::Throttled(_)) {
                    pass.failed(Instant::now());
                } else {
                    pass.answered();
                }
                Ok(reply)
            }
            Err(error) => {
                pass.failed(Instant::now());
                Err(match error {
                    TransportError::Unreachable => Undecided::Unreachable,
                    TransportError::Timeout => Undecided::Timeout,
                    TransportError::TooLong => Undecided::Unreadable,
                }
                .into())
            }
        }
    }

    /// How many calls could be made now.
    pub(crate) fn budget_left(&self) -> BudgetLeft {
        self.budget.left(Instant::now())
    }

    /// The hosts that are left alone now.
    pub(crate) fn open_breakers(&self) -> Vec<String> {
        self.breakers.open_hosts()
    }
}

/// Asks STS who signed `token` for `cluster_name`.
///
/// The URL of the token was thrown away when it was read: host and query are those of its typed fields. The header
/// that binds a token to a cluster is this server's own.
///
/// # Errors
/// [`IdentityError`].
pub(crate) async fn caller_identity(
    caller: &Caller,
    token: &Token,
    cluster_name: &str,
    partition: Partition,
    is_known: bool,
) -> Result<Principal, IdentityError> {
    let request = caller_identity_request(token, cluster_name).map_err(|_| Undecided::Unreadable)?;
    let reply = caller.call(token.endpoint().authority(), request, MAX_BODY, is_known).await?;
    read_caller_identity(&reply, partition, token.access_key_id())
}

fn caller_identity_request(token: &Token, cluster_name: &str) -> Result<http::Request<Bytes>, http::Error> {
    let query = token.query();
    http::Request::get(format!("{}?{}", token.endpoint(), query.expose_secret()))
        .header(HOST, token.endpoint().signed_authority())
        .header(CLUSTER_HEADER, cluster_name)
        .header(ACCEPT, "application/json")
        .body(Bytes::new())
}

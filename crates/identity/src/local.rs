//! The local provider: tokens proved by the local directory, in process and at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use doorward_core::principal::Principal;
use jiff::Timestamp;

use crate::directory::Directory;
use crate::hosts::StsHosts;
use crate::proven::{Proven, key};
use crate::session::SessionKey;
use crate::token::{MAX_LENGTH, Proof, TokenError, decode, prove};

/// Tokens that are remembered at least; at most twice as many, of about half a kilobyte each.
const REMEMBERED: usize = 10_000;

/// Proves tokens by the local directory.
pub struct LocalProvider {
    /// Tokens may have been signed for these addresses.
    hosts: StsHosts,
    /// Opens session tokens.
    sessions: Arc<SessionKey>,
    proven: Proven,
    proofs: AtomicU64,
}

impl LocalProvider {
    /// A provider of tokens that were signed for these addresses, and whose sessions this key sealed.
    pub fn new(hosts: StsHosts, sessions: Arc<SessionKey>) -> Self {
        Self { hosts, sessions, proven: Proven::new(REMEMBERED), proofs: AtomicU64::new(0) }
    }

    /// Who signed `token` for `cluster_name`, by `directory` as it is now.
    ///
    /// A proof is made once for a token, however many copies come at once, and used as long as what it rests on is
    /// unchanged: a key that is deactivated, a user or role that is deleted, or made again, ends it with the next call.
    ///
    /// # Errors
    /// [`TokenError`]. A refusal is not remembered, and not shared with other copies: the directory may know better now.
    pub fn verify(
        &self,
        directory: &Directory,
        cluster_name: &str,
        token: &str,
        now: Timestamp,
    ) -> Result<Arc<Principal>, TokenError> {
        if token.len() > MAX_LENGTH {
            return Err(TokenError::TooLong);
        }
        let key = key(cluster_name, token);
        let place = self.proven.place(key);
        let mut refusal = None;
        let proof = place.get_or_init(|| match self.prove(directory, cluster_name, token, now) {
            Ok(proof) => Some(proof),
            Err(error) => {
                refusal = Some(error);
                None
            }
        });
        match proof {
            Some(proof) if proof.holds(directory, now) => return Ok(Arc::clone(&proof.principal)),
            _ => self.proven.forget(&key, &place),
        }
        // What was refused to somebody else, or held once, is looked at again, for the answer of this moment.
        match refusal {
            Some(error) => Err(error),
            None => self.prove(directory, cluster_name, token, now).map(|proof| proof.principal),
        }
    }

    /// How many proofs were tried so far: fewer than there were calls.
    pub fn proofs(&self) -> u64 {
        self.proofs.load(Ordering::Relaxed)
    }

    fn prove(
        &self,
        directory: &Directory,
        cluster_name: &str,
        token: &str,
        now: Timestamp,
    ) -> Result<Proof, TokenError> {
        self.proofs.fetch_add(1, Ordering::Relaxed);
        prove(directory, &self.sessions, &decode(token, &self.hosts, now)?, cluster_name, now)
    }
}

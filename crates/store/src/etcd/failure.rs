//! What a failed call to etcd says about the write that it carried, and what to do next.
//!
//! Only what is known not to have reached the log of the cluster may be tried again without asking: a connection that
//! was never made, and the refusals that etcd gives before it proposes. After anything else, a write may or may not
//! have happened.

use std::error::Error as _;
use std::io;

use etcd_client::Error;

use crate::{StoreError, TxnError};

/// Why a call failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// It has not happened, and another member, or this one a little later, may do it.
    NotDone(StoreError),
    /// The connection broke or time ran out: for a write, nobody knows.
    Lost(String),
    /// It has not happened, and trying again changes nothing.
    Final(StoreError),
    /// The history that was asked for is gone.
    Compacted,
    /// The answer is larger than we take.
    TooLarge,
    /// The token of the user was made before the last change of etcd's users and roles.
    StaleToken,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let text = chain(&error);
        let Error::GRpcStatus(status) = &error else {
            return match error {
                // Raised by the connection before anything is sent.
                Error::TransportError(_) | Error::EndpointError(_) => Self::NotDone(StoreError::Unavailable(text)),
                Error::InvalidArgs(_) | Error::InvalidUri(_) | Error::InvalidMetadataValue(_) => {
                    Self::Final(StoreError::Refused(text))
                }
                _ => Self::Lost(text),
            };
        };
        // A status without a message of etcd's has the connection's own error as its source.
        if never_connected(status) {
            return Self::NotDone(StoreError::Unavailable(text));
        }
        let says = |words: &str| status.message().contains(words);
        match () {
            () if says("required revision has been compacted") => Self::Compacted,
            () if says("message length too large") => Self::TooLarge,
            () if says("etcdserver: no leader") => Self::NotDone(StoreError::Unavailable(text)),
            () if says("too many requests") => Self::NotDone(StoreError::Busy),
            () if says("revision of auth store is old") || says("invalid auth token") => Self::StaleToken,
            () if says("database space exceeded") => Self::Final(StoreError::Full),
            () if says("request is too large") => Self::Final(StoreError::InvalidTxn(TxnError::TooLarge)),
            () if says("permission denied")
                || says("authentication failed")
                || says("user name is empty")
                || says("authentication is not enabled") =>
            {
                Self::Final(StoreError::Refused(text))
            }
            () => Self::Lost(text),
        }
    }
}

/// Whether the failure is that of making a connection: then the request never left.
fn never_connected(status: &(impl std::error::Error + 'static)) -> bool {
    let mut source = status.source();
    while let Some(error) = source {
        let refused = error.downcast_ref::<io::Error>().is_some_and(|error| {
            matches!(
                error.kind(),
                io::ErrorKind::ConnectionRefused
                    | io::ErrorKind::HostUnreachable
                    | io::ErrorKind::NetworkUnreachable
                    | io::ErrorKind::AddrNotAvailable
            )
        });
        if refused || error.is::<tonic::ConnectError>() {
            return true;
        }
        source = error.source();
    }
    false
}

/// An error with what caused it, each said once.
fn chain(error: &Error) -> String {
    let Error::GRpcStatus(status) = error else { return error.to_string() };
    let mut text = status.message().to_owned();
    let mut source = status.source();
    while let Some(error) = source {
        let said = error.to_string();
        if !text.contains(&said) {
            text = if text.is_empty() { said } else { format!("{text}: {said}") };
        }
        source = error.source();
    }
    if text.is_empty() { status.code().to_string() } else { text }
}

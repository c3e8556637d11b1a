//! Why a token is not, or not yet, believed. Which of the four it is decides what kube-apiserver is told.

use crate::token::TokenError;

/// Why there is no principal for a token. Nothing that the token holds is in it, so that it can be logged and answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The token is refused for what it is.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// STS was asked and refuses the token: a definite answer.
    #[error("STS refuses the token with `{code}`{hint}", hint = hint(code))]
    Refused {
        /// AWS's error code: letters, digits and dots, at most 64.
        code: String,
    },
    /// STS names a caller that no entry or mapping can be about, or contradicts itself: a definite answer.
    #[error("STS names a caller that cannot be mapped: {problem}")]
    NotAPrincipal {
        /// What is wrong with it, in printable form.
        problem: String,
    },
    /// Somebody has had too many calls; the same token may be good in a moment.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// Nothing is known of the token: neither good nor bad.
    #[error(transparent)]
    Undecided(#[from] Undecided),
}

/// Where calls ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Throttled {
    /// AWS says so.
    #[error("AWS throttles the calls of this server")]
    ByAws,
    /// This server's own budget is spent.
    #[error("this server's budget of calls to AWS is spent for the moment")]
    Budget,
    /// As many calls are under way as may be.
    #[error("too many calls to AWS are under way")]
    InFlight,
}

/// Why nothing is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecided {
    /// No connection, no TLS, or it broke.
    #[error("AWS cannot be reached")]
    Unreachable,
    /// No whole answer in time.
    #[error("AWS did not answer in time")]
    Timeout,
    /// A status of 500 or above.
    #[error("AWS answers with an error of its own")]
    ServerError,
    /// An answer that AWS does not give: a redirect, another media type or shape, too long.
    #[error("what came back is not an answer of AWS; is something between this server and AWS?")]
    Unreadable,
    /// Not asked, because it failed several times in a row just now.
    #[error("AWS failed several times in a row and is not asked for a moment")]
    Breaker,
    /// The server has no credentials for what it must ask as itself.
    #[error("this server has no AWS credentials of its own, or they are refused")]
    Credentials,
    /// The server is stopping.
    #[error("the call was interrupted")]
    Interrupted,
}

impl IdentityError {
    /// A short name that never changes and comes from a closed list: for metrics and tests.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Token(error) => error.reason(),
            Self::Refused { .. } => "sts_refused",
            Self::NotAPrincipal { .. } => "not_a_principal",
            Self::Throttled(Throttled::ByAws) => "throttled_by_aws",
            Self::Throttled(Throttled::Budget) => "throttled_by_budget",
            Self::Throttled(Throttled::InFlight) => "throttled_in_flight",
            Self::Undecided(Undecided::Unreachable) => "unreachable",
            Self::Undecided(Undecided::Timeout) => "timeout",
            Self::Undecided(Undecided::ServerError) => "server_error",
            Self::Undecided(Undecided::Unreadable) => "unreadable",
            Self::Undecided(Undecided::Breaker) => "breaker",
            Self::Undecided(Undecided::Credentials) => "no_credentials",
            Self::Undecided(Undecided::Interrupted) => "interrupted",
        }
    }

    /// Whether AWS was asked, and not stopped by this server's own limits.
    pub(crate) fn is_about_a_call(&self) -> bool {
        !matches!(
            self,
            Self::Throttled(Throttled::Budget | Throttled::InFlight)
                | Self::Undecided(Undecided::Breaker | Undecided::Credentials | Undecided::Interrupted)
        )
    }

    /// Whether the same token would be refused again, so that asking again is a waste.
    pub fn is_definite(&self) -> bool {
        matches!(self, Self::Token(_) | Self::Refused { .. } | Self::NotAPrincipal { .. })
    }
}

/// What people have to look for, where AWS's code does not say it.
fn hint(code: &str) -> &'static str {
    match code {
        "SignatureDoesNotMatch" => "; was it made for another cluster, or with another secret?",
        "InvalidClientTokenId" => "; its access key is not active, or is one of another partition",
        "RegionDisabledException" => "; STS of that region is not activated for the caller's account",
        _ => "",
    }
}

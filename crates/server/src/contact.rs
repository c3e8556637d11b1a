//! Whether the API server of a cluster and this server are in touch: when it last asked each webhook, and how long the
//! certificate that it showed is good.
//!
//! Counting changes no View, so these numbers are shared by all of them, and a request pays for three atomic writes.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use jiff::Timestamp;

/// One of the two webhooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// The token webhook.
    Authenticate,
    /// The authorization webhook.
    Authorize,
}

impl Hook {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Authenticate, Self::Authorize];

    /// As it is called in its path, and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authenticate => "authenticate",
            Self::Authorize => "authorize",
        }
    }
}

/// What is known of one cluster's API server by its calls to this server since its start.
#[derive(Debug, Default)]
pub struct Contact {
    authenticate: Calls,
    authorize: Calls,
    /// In seconds since 1970; 0 where none was shown.
    certificate_ends: AtomicI64,
}

#[derive(Debug, Default)]
struct Calls {
    count: AtomicU64,
    /// In seconds since 1970; 0 for never.
    last: AtomicI64,
}

impl Contact {
    /// Takes note of a call, and of the end of the certificate that it came with.
    pub(crate) fn asked(&self, hook: Hook, at: Timestamp, certificate_ends: Option<Timestamp>) {
        let calls = self.calls_of(hook);
        calls.count.fetch_add(1, Ordering::Relaxed);
        calls.last.store(at.as_second(), Ordering::Relaxed);
        if let Some(ends) = certificate_ends {
            self.certificate_ends.store(ends.as_second(), Ordering::Relaxed);
        }
    }

    /// How often the API server asked a webhook.
    pub fn calls(&self, hook: Hook) -> u64 {
        self.calls_of(hook).count.load(Ordering::Relaxed)
    }

    /// When it asked it last.
    pub fn last_call(&self, hook: Hook) -> Option<Timestamp> {
        time(&self.calls_of(hook).last)
    }

    /// When the certificate ends that it showed last.
    pub fn certificate_ends(&self) -> Option<Timestamp> {
        time(&self.certificate_ends)
    }

    fn calls_of(&self, hook: Hook) -> &Calls {
        match hook {
            Hook::Authenticate => &self.authenticate,
            Hook::Authorize => &self.authorize,
        }
    }
}

fn time(seconds: &AtomicI64) -> Option<Timestamp> {
    let seconds = seconds.load(Ordering::Relaxed);
    if seconds == 0 { None } else { Timestamp::from_second(seconds).ok() }
}

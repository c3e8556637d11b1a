//! A name for each decision of a webhook, to find in the log what the API server's audit tells of.
//!
//! kube-apiserver writes an audit event for each request, but of what a webhook answered only two things get there: the
//! *reason* of whoever allowed the request, as the annotation `authorization.k8s.io/reason`, and the *extra* attributes
//! of whoever the token belongs to, in `user.extra`. (What the webhook is told does not hold the audit's own id, so the
//! log cannot have that instead.) EKS fills both in a fixed way: the reason names entry and policy, the extra attributes
//! are six. Scripts compare them, and so [`AuditIds::Off`] is the default: every answer is EKS's to the letter, and the
//! id is in the log alone.
//!
//! With [`AuditIds::On`]
//! - the reason of an allowed review ends in ` (decision ID)`. The annotation has it as it stands, and where
//!   kube-apiserver remembers the answer for a while, the id of the decision that it remembers. That is the right one;
//! - the identity of a token has one more extra attribute, [`EXTRA_KEY`]. kube-apiserver copies extra attributes into its
//!   reviews and remembers their answers by the whole review, so that each new token is asked about anew: more calls,
//!   which is the other reason why this is not the default. The authorizer reads past it;
//! - allowed reviews are logged at the level `info`; otherwise at `debug`, since nearly all requests of a busy cluster
//!   would be in the log.
//!
//! What RBAC allows is not asked about, and what nobody allows has no reason: neither has an id in the audit beyond that
//! of the token.
//!
//! An id is a random number of this process and one that counts up: unique among all servers without any agreement. To
//! make one costs an atomic addition; it is written out only where a line or an answer has it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// The extra attribute that holds the id of the decision about a token.
pub const EXTRA_KEY: &str = "doorward.io/decision-id";

/// Whether the API server's audit is to have the ids of decisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuditIds {
    /// They are in the log only, and every answer is EKS's to the letter.
    #[default]
    Off,
    /// They are in reasons and extra attributes, too.
    On,
}

/// Gives ids.
#[derive(Debug)]
pub struct Decisions {
    process: u64,
    next: AtomicU64,
    audit: AuditIds,
}

/// The id of one decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecisionId {
    process: u64,
    number: u64,
    audit: AuditIds,
}

impl Decisions {
    /// Ids that begin with a number that no other process has.
    pub fn new(process: u64, audit: AuditIds) -> Self {
        Self { process, next: AtomicU64::new(1), audit }
    }

    /// The next one.
    pub fn next(&self) -> DecisionId {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        DecisionId { process: self.process, number, audit: self.audit }
    }
}

impl DecisionId {
    /// Whether the API server's audit is to have it.
    pub fn is_for_audit(self) -> bool {
        self.audit == AuditIds::On
    }
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.process, self.number)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_decisions_have_the_same_id_whichever_process_made_them() {
        let processes = [1, 11].map(|process| Decisions::new(process, AuditIds::Off));
        let ids = processes.iter().flat_map(|ids| (0..200).map(|_| ids.next().to_string()));
        assert_eq!(ids.collect::<BTreeSet<_>>().len(), 400);
        assert_eq!(Decisions::new(0xab, AuditIds::On).next().to_string(), "00000000000000ab-1");
    }
}

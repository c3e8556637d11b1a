//! One thing that somebody can do in one World and not in another, with a witness to try out.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::principals::Who;
use super::request::Request;
use super::rights::ScopedRule;
use crate::principal::{Principal, PrincipalArn, PrincipalId, PrincipalKind};

/// What kind of difference it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DifferenceKind {
    /// Let in before, refused after.
    LockedOut,
    /// Refused before, let in after.
    LetIn,
    /// A member of `system:masters` before, not after.
    BypassLost,
    /// A member of `system:masters` after, not before.
    BypassGained,
    /// Allowed before, not after.
    Lost,
    /// Allowed after, not before.
    Gained,
    /// A node to the Node authorizer before, not after.
    NodeLost,
    /// A node to the Node authorizer after, not before.
    NodeGained,
    /// Had an access policy before whose rules AWS does not print in full, and has it not after.
    PolicyLost,
    /// Has an access policy after whose rules AWS does not print in full, and had it not before.
    PolicyGained,
    /// Another username or other groups.
    IdentityChanged,
    /// Whether anything differs could not be decided.
    Undecided,
}

impl DifferenceKind {
    /// The name in ids and documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::LockedOut => "locked-out",
            Self::LetIn => "let-in",
            Self::BypassLost => "bypass-lost",
            Self::BypassGained => "bypass-gained",
            Self::Lost => "lost",
            Self::Gained => "gained",
            Self::NodeLost => "node-lost",
            Self::NodeGained => "node-gained",
            Self::PolicyLost => "policy-lost",
            Self::PolicyGained => "policy-gained",
            Self::IdentityChanged => "identity-changed",
            Self::Undecided => "undecided",
        }
    }
}

impl fmt::Display for DifferenceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A Kubernetes identity, as far as authorizers see it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Identity {
    /// The username.
    pub username: String,
    /// The groups, sorted, each once.
    pub groups: Vec<String>,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.username)?;
        match self.groups.as_slice() {
            [] => f.write_str(" without groups"),
            groups => write!(f, " in {}", groups.join(", ")),
        }
    }
}

/// A caller for whom a difference shows.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WitnessCaller {
    /// The ARN without session and, for a role, without path.
    pub canonical_arn: PrincipalArn,
    /// The unique id; where nobody knows it, one that nobody has.
    pub unique_id: PrincipalId,
    /// The session's name; empty for anything but a role.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub session_name: String,
    /// The access key.
    pub access_key_id: String,
    /// The node's private DNS name, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_dns_name: Option<String>,
}

impl WitnessCaller {
    /// The caller as the token webhook would know it.
    pub fn principal(&self) -> Principal {
        let canonical = &self.canonical_arn;
        let arn = match canonical.kind() {
            PrincipalKind::Role => format!(
                "arn:{}:sts::{}:assumed-role/{}/{}",
                canonical.partition(),
                canonical.account(),
                canonical.name(),
                self.session_name
            ),
            _ => canonical.as_str().to_owned(),
        };
        Principal {
            arn,
            canonical: canonical.clone(),
            id: self.unique_id.clone(),
            session_name: self.session_name.clone(),
            access_key_id: self.access_key_id.clone(),
            private_dns_name: self.private_dns_name.clone(),
        }
    }
}

/// A difference between two Worlds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Difference {
    /// Its name, the same whenever the same is compared, and another as soon as the difference is another.
    pub id: String,
    /// What kind of difference it is.
    pub kind: DifferenceKind,
    /// Whom it is about.
    pub who: Who,
    /// One session that it is about, where it is not about all of them. Another username or group is about all
    /// sessions even where a name happens to be what a template makes of one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// A caller for whom it shows.
    pub caller: WitnessCaller,
    /// A request for which it shows; none where coming in, or as whom, is the difference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
    /// As whom the caller came in before; none if not let in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Identity>,
    /// As whom the caller comes in after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Identity>,
    /// What usernames and groups are made of in both Worlds, where coming in or as whom is the difference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identities: Option<Identities>,
    /// The rules that only one World has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<ScopedRule>,
    /// What the other World has that meets these rules: together they say exactly what the difference is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remaining: Vec<ScopedRule>,
    /// Access policies whose rules AWS does not print in full, with their scope.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// The bindings of either World that name what changed of the identity; audit logs and admission see it anyway.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen_by: Vec<String>,
    /// The difference in words.
    pub sentence: String,
}

/// What decides about a principal in either World: usernames and groups with their placeholders; where chance decides,
/// one for each way.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Identities {
    /// Before; none if nothing lets it in.
    pub before: Vec<Identity>,
    /// After.
    pub after: Vec<Identity>,
}

impl Difference {
    /// Whether its sentence says this difference and nothing else. It may name the principal's account or not.
    pub fn has_expected_sentence(&self) -> bool {
        [false, true].into_iter().any(|names_account| super::sentence::of(self, names_account) == self.sentence)
    }

    /// The id of a difference: a digest of everything that it is about. The witness is only an example.
    pub fn expected_id(&self) -> String {
        let about =
            (self.kind, &self.who, &self.session, &self.identities, &self.rules, &self.remaining, &self.policies);
        let text = serde_json::to_string(&about).unwrap_or_default();
        let mut digest = String::new();
        for byte in Sha256::digest(text.as_bytes()).iter().take(5) {
            // A String takes everything.
            let _ = write!(digest, "{byte:02x}");
        }
        format!("{}:{}:{digest}", self.kind, self.who.short())
    }
}

//! Who must be in a certificate, and as which callers to try them: listed again, from the Worlds alone.

use std::collections::BTreeSet;

use crate::account_id::AccountId;
use crate::compare::{Who, WitnessCaller};
use crate::principal::{PrincipalArn, PrincipalId, PrincipalKind, canonicalize, is_session_name};
use crate::world::World;

/// Principals, kinds of principals and ids that the Worlds name.
pub(super) struct Expected {
    /// ARNs without path, in lower case.
    pub(super) keys: BTreeSet<String>,
    /// The others.
    pub(super) kinds: BTreeSet<Who>,
    /// Accounts whose root must be there.
    pub(super) roots: BTreeSet<AccountId>,
}

/// Everybody that a certificate about two Worlds must name.
pub(super) fn expected(worlds: [&World; 2]) -> Expected {
    let mut keys = BTreeSet::new();
    let mut kinds = BTreeSet::from([Who::AnybodyElse]);
    let mapped: BTreeSet<_> =
        worlds.iter().flat_map(|world| &world.aws_auth().accounts).map(|row| row.account).collect();
    for world in worlds {
        keys.extend(world.entries().map(|entry| entry.principal_arn.canonical_key()));
        keys.extend(world.directory().iter().map(|known| known.arn.canonical_key()));
        keys.extend(world.aws_auth().mappings().filter_map(|row| key_of_row(&row.arn)));
        let named = world.rbac().users().filter_map(|user| PrincipalArn::parse(user).ok());
        keys.extend(named.filter(|arn| mapped.contains(&arn.account())).map(|arn| arn.canonical_key()));
    }
    for &account in &mapped {
        kinds.insert(Who::OtherFederatedUser(account));
        if !worlds.iter().any(|world| world.directory().knows(account)) {
            kinds.extend([Who::OtherRole(account), Who::OtherUser(account)]);
        }
    }
    Expected { keys, kinds, roots: mapped }
}

/// The principal of a row, by the letters that the authenticator does not tell apart.
fn key_of_row(arn: &str) -> Option<String> {
    let lower = arn.replace('\u{212a}', "k").replace('\u{17f}', "s").to_ascii_lowercase();
    let parsed = PrincipalArn::parse(&lower).or_else(|_| canonicalize(&lower).map(|(principal, _)| principal));
    parsed.ok().map(|arn| arn.canonical_key())
}

/// The caller that a verdict is about, without a session.
pub(super) fn caller(who: &Who, keys: &BTreeSet<String>) -> Option<(PrincipalArn, PrincipalId)> {
    let made_up = |kind: &str, account: &str| {
        let service = if kind == "federated-user" { "sts" } else { "iam" };
        // A name that nothing has.
        let names = (0..).map(|number: u32| format!("arn:aws:{service}::{account}:{kind}/somebody-{number}"));
        names.filter_map(|text| PrincipalArn::parse(&text).ok()).find(|arn| !keys.contains(&arn.canonical_key()))
    };
    let arn = match who {
        Who::Principal { arn, .. } if arn.kind() == PrincipalKind::Role => arn.without_path(),
        Who::Principal { arn, .. } => arn.clone(),
        Who::OtherRole(account) => made_up("role", account.as_str())?,
        Who::OtherUser(account) => made_up("user", account.as_str())?,
        Who::OtherFederatedUser(account) => made_up("federated-user", account.as_str())?,
        // An account whose number is no real one, so that nobody maps it.
        Who::Creator(_) | Who::AnybodyElse => made_up("role", "000000000000")?,
    };
    let id = match (who, arn.kind()) {
        (Who::Principal { unique_id: Some(id), .. } | Who::Creator(id), _) => id.clone(),
        (_, PrincipalKind::Root) => PrincipalId(arn.account().to_string()),
        (_, PrincipalKind::FederatedUser) => PrincipalId(format!("{}:{}", arn.account(), arn.name())),
        _ => PrincipalId("NOTANID".to_owned()),
    };
    Some((arn, id))
}

/// Whether a caller is one whom a verdict is about.
pub(super) fn is_about(who: &Who, caller: &WitnessCaller, keys: &BTreeSet<String>) -> bool {
    let WitnessCaller { canonical_arn: arn, unique_id, session_name, .. } = caller;
    let is_other =
        |kind, account| arn.kind() == kind && arn.account() == account && !keys.contains(&arn.canonical_key());
    let session_fits = match arn.kind() {
        PrincipalKind::Role => is_session_name(session_name) && arn.path() == "/",
        _ => session_name.is_empty(),
    };
    session_fits
        && match who {
            Who::Principal { arn: own, unique_id: id } => {
                own.canonical_key() == arn.canonical_key() && id.as_ref().is_none_or(|id| id == unique_id)
            }
            Who::OtherRole(account) => is_other(PrincipalKind::Role, *account),
            Who::OtherUser(account) => is_other(PrincipalKind::User, *account),
            Who::OtherFederatedUser(account) => is_other(PrincipalKind::FederatedUser, *account),
            Who::Creator(id) => id == unique_id,
            Who::AnybodyElse => !keys.contains(&arn.canonical_key()),
        }
}

/// Callers to try for a principal: ordinary sessions, an instance, and whatever session would make one of `templates`
/// one of `names`.
pub(super) fn sessions(
    (arn, id): &(PrincipalArn, PrincipalId),
    templates: &BTreeSet<String>,
    names: &BTreeSet<&str>,
) -> Vec<WitnessCaller> {
    let caller = |session: &str, node: Option<&str>| WitnessCaller {
        canonical_arn: arn.clone(),
        unique_id: id.clone(),
        session_name: session.to_owned(),
        access_key_id: "ASIAIOSFODNN7EXAMPLE".to_owned(),
        private_dns_name: node.map(str::to_owned),
    };
    if arn.kind() != PrincipalKind::Role {
        return vec![caller("", None)];
    }
    let mut sessions = vec![caller("somebody", None)];
    if templates.iter().all(|template| !template.contains("{{")) {
        return sessions;
    }
    let instance = "i-0fedcba9876543210";
    sessions.extend([
        caller("some@body", None),
        caller(instance, None),
        caller(instance, Some("ip-10-9-9-9.ec2.internal")),
    ]);
    let mut wanted = BTreeSet::new();
    for template in templates {
        let template = template.replace("{{AccountID}}", arn.account().as_str());
        let (Some(open), Some(close)) = (template.find("{{"), template.rfind("}}")) else { continue };
        let (Some(before), Some(after)) = (template.get(..open), template.get(close + 2..)) else { continue };
        let middle = |name: &&str| name.strip_prefix(before)?.strip_suffix(after).map(str::to_owned);
        for found in names.iter().filter_map(middle).filter(|name| is_session_name(name)) {
            wanted.insert(found.replacen('-', "@", 1));
            wanted.insert(found);
        }
    }
    sessions.extend(wanted.iter().map(|session| caller(session, None)));
    sessions
}

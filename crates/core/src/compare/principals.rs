//! Every principal there can be, as far as two Worlds can tell principals apart.
//!
//! Those that an entry, a row of aws-auth, the directory or (where an account is mapped) a binding names; of every
//! mapped account any other role, user and federated user, and its root; the creator; and anybody else. A row whose ARN
//! no caller can show names nobody, but the role that it was meant for is compared like any other.
//!
//! A principal is who has an ARN *now*. If the directory knows its unique id, that is it; else the ids that entries
//! have for it, each for a principal of its own. One that is deleted and made again is another principal, and outside
//! of the comparison.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::account_id::AccountId;
use crate::partition::Partition;
use crate::principal::{PrincipalArn, PrincipalId, PrincipalKind, canonicalize};
use crate::world::World;

/// Whom a verdict is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Who {
    /// One principal.
    #[serde(rename_all = "camelCase")]
    Principal {
        /// Its ARN, with the path as far as it is known.
        arn: PrincipalArn,
        /// Its unique id, where it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unique_id: Option<PrincipalId>,
    },
    /// Any role of a mapped account that nothing names.
    OtherRole(AccountId),
    /// Any user of a mapped account that nothing names.
    OtherUser(AccountId),
    /// Any federated user of a mapped account that nothing names.
    OtherFederatedUser(AccountId),
    /// Whoever made the cluster, known by unique id alone.
    Creator(PrincipalId),
    /// Anybody that none of the others is.
    AnybodyElse,
}

impl Who {
    /// A short name for ids and sentences: `role/dev`, `any other role of 111122223333`.
    pub fn short(&self) -> String {
        match self {
            Self::Principal { arn, .. } if arn.kind() == PrincipalKind::Root => format!("root/{}", arn.account()),
            Self::Principal { arn, .. } => format!("{}/{}", kind_name(arn.kind()), arn.name()),
            Self::OtherRole(account) => format!("any-other-role/{account}"),
            Self::OtherUser(account) => format!("any-other-user/{account}"),
            Self::OtherFederatedUser(account) => format!("any-other-federated-user/{account}"),
            Self::Creator(id) => format!("creator/{id}"),
            Self::AnybodyElse => "anybody-else".to_owned(),
        }
    }
}

fn kind_name(kind: PrincipalKind) -> &'static str {
    match kind {
        PrincipalKind::Role => "role",
        PrincipalKind::User => "user",
        PrincipalKind::Root => "root",
        PrincipalKind::FederatedUser => "federated-user",
    }
}

/// The short names that principals of more than one account have.
pub(super) fn namesakes(present: &[(Who, Vec<Caller>)]) -> BTreeSet<String> {
    let mut accounts: BTreeMap<String, AccountId> = BTreeMap::new();
    let mut namesakes = BTreeSet::new();
    for (who, _) in present {
        let Who::Principal { arn, .. } = who else { continue };
        let short = who.short();
        match accounts.get(&short) {
            Some(account) if *account != arn.account() => drop(namesakes.insert(short)),
            Some(_) => {}
            None => drop(accounts.insert(short, arn.account())),
        }
    }
    namesakes
}

/// A caller without its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) canonical: PrincipalArn,
    pub(super) id: PrincipalId,
}

/// Everybody to compare, and who is named and does not exist.
pub(super) struct Principals {
    pub(super) present: Vec<(Who, Vec<Caller>)>,
    /// Named, but the directory knows the account and does not list them.
    pub(super) absent: Vec<PrincipalArn>,
}

/// What is known of one principal.
#[derive(Default)]
struct Named {
    /// Best known spelling first: the directory's, then entries', then others'.
    spellings: BTreeSet<(Origin, PrincipalArn)>,
    ids: BTreeSet<PrincipalId>,
    listed_ids: BTreeSet<PrincipalId>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    Directory,
    Entry,
    Other,
}

/// Everybody that the two Worlds could treat differently.
pub(super) fn principals(before: &World, after: &World) -> Principals {
    let worlds = [before, after];
    let mut named: BTreeMap<String, Named> = BTreeMap::new();
    let mut mapped: BTreeSet<AccountId> = BTreeSet::new();
    for world in worlds {
        mapped.extend(world.aws_auth().accounts.iter().map(|row| row.account));
    }
    for world in worlds {
        collect(world, &mapped, &mut named);
    }
    let partition = named.values().flat_map(|one| &one.spellings).map(|(_, arn)| arn.partition()).next();
    let partition = partition.unwrap_or(Partition::Aws);
    for account in &mapped {
        if let Ok(root) = PrincipalArn::parse(&format!("arn:{partition}:iam::{account}:root")) {
            named.entry(root.canonical_key()).or_default().spellings.insert((Origin::Other, root));
        }
    }
    let knows = |account| worlds.iter().any(|world| world.directory().knows(account));
    let mut present = Vec::new();
    let mut absent = Vec::new();
    for one in named.values() {
        let Some((origin, arn)) = one.spellings.first() else { continue };
        let can_be_listed = matches!(arn.kind(), PrincipalKind::Role | PrincipalKind::User);
        if *origin != Origin::Directory && can_be_listed && knows(arn.account()) {
            absent.push(arn.clone());
            continue;
        }
        one.push_callers(mapped.contains(&arn.account()), &mut present);
    }
    let fresh = Fresh { named: &named, partition };
    for account in &mapped {
        if !knows(*account) {
            present.push((Who::OtherRole(*account), fresh.caller(*account, "role").into_iter().collect()));
            present.push((Who::OtherUser(*account), fresh.caller(*account, "user").into_iter().collect()));
        }
        present
            .push((Who::OtherFederatedUser(*account), fresh.caller(*account, "federated-user").into_iter().collect()));
    }
    let stranger = unnamed_account(&named, &mapped);
    for id in creators(worlds, &present) {
        let caller = stranger.and_then(|account| fresh.caller(account, "role"));
        present.push((Who::Creator(id.clone()), caller.map(|caller| Caller { id, ..caller }).into_iter().collect()));
    }
    let anybody = ["role", "user", "root", "federated-user"];
    let anybody = stranger.into_iter().flat_map(|account| anybody.into_iter().map(move |kind| (account, kind)));
    present.push((Who::AnybodyElse, anybody.filter_map(|(account, kind)| fresh.caller(account, kind)).collect()));
    Principals { present, absent }
}

fn collect(world: &World, mapped: &BTreeSet<AccountId>, named: &mut BTreeMap<String, Named>) {
    let mut add = |origin, arn: PrincipalArn| {
        let one = named.entry(arn.canonical_key()).or_default();
        one.spellings.insert((origin, arn));
    };
    for row in world.aws_auth().mappings() {
        if let Some(arn) = meant_by(&row.arn) {
            add(Origin::Other, arn);
        }
    }
    let users = world.rbac().users().filter(|user| user.starts_with("arn:"));
    for arn in users.filter_map(|user| PrincipalArn::parse(user).ok()) {
        if mapped.contains(&arn.account()) {
            add(Origin::Other, arn);
        }
    }
    for entry in world.entries() {
        let one = named.entry(entry.principal_arn.canonical_key()).or_default();
        one.spellings.insert((Origin::Entry, entry.principal_arn.clone()));
        one.ids.extend(entry.principal_id().map(|id| PrincipalId(id.to_owned())));
    }
    for known in world.directory().iter() {
        let one = named.entry(known.arn.canonical_key()).or_default();
        one.spellings.insert((Origin::Directory, known.arn.clone()));
        one.listed_ids.extend(known.unique_id.clone());
    }
}

/// The principal that a row's ARN names, or was meant to name: whatever its case, with a path that no session shows, or
/// written as a session.
fn meant_by(text: &str) -> Option<PrincipalArn> {
    let parse =
        |text: &str| PrincipalArn::parse(text).ok().or_else(|| canonicalize(text).ok().map(|(principal, _)| principal));
    // Letters outside ASCII that fold to ASCII ones, as the authenticator compares.
    let folded = text.replace('\u{212a}', "k").replace('\u{17f}', "s");
    parse(&folded).or_else(|| parse(&folded.to_ascii_lowercase()))
}

impl Named {
    /// One caller for each id and, where the name in its own spelling becomes a username, for each spelling.
    fn push_callers(&self, spelling_matters: bool, present: &mut Vec<(Who, Vec<Caller>)>) {
        let Some((best, arn)) = self.spellings.first() else { return };
        let mut spelled: BTreeMap<PrincipalArn, &PrincipalArn> = BTreeMap::new();
        spelled.insert(canonical(arn), arn);
        if spelling_matters && *best != Origin::Directory {
            for (_, arn) in &self.spellings {
                spelled.entry(canonical(arn)).or_insert(arn);
            }
        }
        let ids = if self.listed_ids.is_empty() { &self.ids } else { &self.listed_ids };
        let ids: Vec<Option<&PrincipalId>> = if ids.is_empty() { vec![None] } else { ids.iter().map(Some).collect() };
        for (canonical, arn) in spelled {
            for id in &ids {
                let who = Who::Principal { arn: arn.clone(), unique_id: id.cloned() };
                let id = id.cloned().unwrap_or_else(|| unknown_id(&canonical));
                present.push((who, vec![Caller { canonical: canonical.clone(), id }]));
            }
        }
    }
}

/// As a caller shows it: a role without its path.
fn canonical(arn: &PrincipalArn) -> PrincipalArn {
    if arn.kind() == PrincipalKind::Role { arn.without_path() } else { arn.clone() }
}

/// The id of a principal of which nobody knows it: no entry has this one.
fn unknown_id(canonical: &PrincipalArn) -> PrincipalId {
    PrincipalId(match canonical.kind() {
        PrincipalKind::Role => "AROAIDUNKNOWN".to_owned(),
        PrincipalKind::User => "AIDAIDUNKNOWN".to_owned(),
        PrincipalKind::Root => canonical.account().to_string(),
        PrincipalKind::FederatedUser => format!("{}:{}", canonical.account(), canonical.name()),
    })
}

/// Ids of creators that nobody to compare has.
fn creators(worlds: [&World; 2], present: &[(Who, Vec<Caller>)]) -> BTreeSet<PrincipalId> {
    let has = |id: &PrincipalId| present.iter().flat_map(|(_, callers)| callers).any(|caller| caller.id == *id);
    worlds.iter().filter_map(|world| world.creator()).filter(|id| !has(id)).cloned().collect()
}

/// An account that nothing names.
fn unnamed_account(named: &BTreeMap<String, Named>, mapped: &BTreeSet<AccountId>) -> Option<AccountId> {
    let known: BTreeSet<AccountId> = named
        .values()
        .flat_map(|one| &one.spellings)
        .map(|(_, arn)| arn.account())
        .chain(mapped.iter().copied())
        .collect();
    (0..)
        .map_while(|number: u64| format!("{:012}", 999_999_999_999_u64.checked_sub(number)?).parse().ok())
        .find(|account| !known.contains(account))
}

/// Makes up principals that nothing names.
struct Fresh<'a> {
    named: &'a BTreeMap<String, Named>,
    partition: Partition,
}

impl Fresh<'_> {
    fn caller(&self, account: AccountId, kind: &str) -> Option<Caller> {
        let partition = self.partition;
        let service = if kind == "federated-user" { "sts" } else { "iam" };
        let mut name = "anybody".to_owned();
        loop {
            let resource = if kind == "root" { kind.to_owned() } else { format!("{kind}/{name}") };
            let canonical = PrincipalArn::parse(&format!("arn:{partition}:{service}::{account}:{resource}")).ok()?;
            if kind == "root" || !self.named.contains_key(&canonical.canonical_key()) {
                let id = unknown_id(&canonical);
                return Some(Caller { canonical, id });
            }
            name.push('2');
        }
    }
}

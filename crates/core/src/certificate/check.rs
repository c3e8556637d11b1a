//! Checking a certificate: everything that it says is tried again.
//!
//! The order is that of a doubtful reader: are these the Worlds, is the verdict what the differences say, is everybody
//! there, does each difference show, and is nothing kept silent.

use std::collections::{BTreeMap, BTreeSet};

use super::error::CheckError;
use super::evidence;
use super::expected::{Expected, caller, expected, is_about, sessions};
use super::{Certificate, CertificateVerdict, SealedWorld, VERSION, verdict};
use crate::compare::{DifferenceKind, ScopedRule, Who, WitnessCaller};
use crate::principal::{PrincipalId, PrincipalKind};
use crate::world::World;

/// What holds of a certificate that was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Its verdict.
    pub verdict: CertificateVerdict,
    /// How many principals and kinds of principals it is about.
    pub principals: usize,
    /// How many differences it names.
    pub differences: usize,
}

/// Checks a certificate.
///
/// # Errors
/// [`CheckError`] says what does not hold.
pub fn check(certificate: &Certificate) -> Result<Checked, CheckError> {
    if certificate.version != VERSION {
        return Err(CheckError::Version { found: certificate.version });
    }
    let before = open(&certificate.before, "before")?;
    let after = open(&certificate.after, "after")?;
    let worlds = [&before, &after];
    check_verdict(certificate)?;
    let expected = expected(worlds);
    check_everybody(certificate, worlds, &expected)?;
    for difference in &certificate.differences {
        if difference.expected_id() != difference.id {
            return Err(CheckError::Id(difference.id.clone()));
        }
        if !difference.has_expected_sentence() {
            return Err(CheckError::Sentence(difference.id.clone()));
        }
        if !is_about(&difference.who, &difference.caller, &expected.keys) || !evidence::shows(worlds, difference) {
            return Err(CheckError::Witness(difference.id.clone()));
        }
    }
    let templates = templates(worlds);
    let names: BTreeSet<&str> =
        worlds.iter().flat_map(|world| world.rbac().users().chain(world.rbac().groups())).collect();
    let has_same_rules = before.rbac() == after.rbac() && std::ptr::eq(before.catalogue(), after.catalogue());
    let by_who = rules_by_who(certificate);
    let nothing = Vec::new();
    for verdict in &certificate.principals {
        let Some(callers) = caller(&verdict.who, &expected.keys) else { continue };
        let of_it = templates.get(&callers.0.canonical_key()).cloned().unwrap_or_default();
        let named: BTreeSet<DifferenceKind> = verdict.differs.iter().copied().collect();
        let rules = by_who.get(&verdict.who).unwrap_or(&nothing);
        let sessions = sessions(&callers, &of_it, &names);
        let decides_alike = |caller: &WitnessCaller| evidence::is_decided_alike(worlds, &caller.principal());
        if has_same_rules && sessions.first().is_some_and(decides_alike) {
            continue;
        }
        for caller in sessions {
            if let Some((kind, example)) = evidence::silent(worlds, &caller.principal(), &named, rules) {
                return Err(CheckError::Silent { who: verdict.who.short(), kind, example });
            }
        }
    }
    Ok(Checked {
        verdict: certificate.verdict,
        principals: certificate.principals.len(),
        differences: certificate.differences.len(),
    })
}

fn open(sealed: &SealedWorld, which: &'static str) -> Result<World, CheckError> {
    let found = sealed.world.digest();
    if found != sealed.digest {
        return Err(CheckError::Digest { which, claimed: sealed.digest.clone(), found });
    }
    sealed.world.to_complete_world().map_err(|error| CheckError::World { which, error })
}

fn check_verdict(certificate: &Certificate) -> Result<(), CheckError> {
    if verdict(&certificate.differences, &certificate.accepted) != certificate.verdict {
        return Err(CheckError::Verdict);
    }
    let mut seen = BTreeSet::new();
    for id in &certificate.accepted {
        if !seen.insert(id) || !certificate.differences.iter().any(|difference| difference.id == *id) {
            return Err(CheckError::Accepted(id.clone()));
        }
    }
    let mut differs: BTreeMap<&Who, BTreeSet<DifferenceKind>> = BTreeMap::new();
    for difference in &certificate.differences {
        differs.entry(&difference.who).or_default().insert(difference.kind);
    }
    for one in &certificate.principals {
        let claimed: BTreeSet<DifferenceKind> = one.differs.iter().copied().collect();
        if differs.remove(&one.who).unwrap_or_default() != claimed {
            return Err(CheckError::PrincipalVerdict(one.who.short()));
        }
    }
    match differs.keys().next() {
        Some(who) => Err(CheckError::Missing(who.short())),
        None => Ok(()),
    }
}

/// Whether everybody that the Worlds name is in the certificate, once for each unique id.
fn check_everybody(certificate: &Certificate, worlds: [&World; 2], expected: &Expected) -> Result<(), CheckError> {
    let present: BTreeSet<&Who> = certificate.principals.iter().map(|verdict| &verdict.who).collect();
    let mut found = BTreeSet::new();
    let mut ids = BTreeSet::new();
    let mut roots = BTreeSet::new();
    for who in &present {
        if let Who::Principal { arn, unique_id } = who {
            found.insert(arn.canonical_key());
            roots.extend((arn.kind() == PrincipalKind::Root).then(|| arn.account()));
            ids.extend(unique_id.as_ref().map(|id| (arn.canonical_key(), id)));
        }
    }
    for absent in &certificate.absent {
        let can_be_listed = matches!(absent.kind(), PrincipalKind::Role | PrincipalKind::User);
        let is_listed = worlds.iter().any(|world| world.directory().find(absent).is_some());
        if !can_be_listed || is_listed || !worlds.iter().any(|world| world.directory().knows(absent.account())) {
            return Err(CheckError::NotAbsent(absent.to_string()));
        }
        found.insert(absent.canonical_key());
    }
    if let Some(key) = expected.keys.difference(&found).next() {
        return Err(CheckError::Missing(key.clone()));
    }
    if let Some(who) = expected.kinds.iter().find(|who| !present.contains(who)) {
        return Err(CheckError::Missing(who.short()));
    }
    if let Some(account) = expected.roots.difference(&roots).next() {
        return Err(CheckError::Missing(format!("root/{account}")));
    }
    let creators = worlds.iter().filter_map(|world| world.creator());
    let is_there =
        |id: &PrincipalId| ids.iter().any(|(_, known)| *known == id) || present.contains(&Who::Creator(id.clone()));
    if let Some(id) = creators.into_iter().find(|id| !is_there(id)) {
        return Err(CheckError::Missing(Who::Creator(id.clone()).short()));
    }
    for world in worlds {
        for known in world.directory().iter() {
            let key = known.arn.canonical_key();
            if known.unique_id.as_ref().is_some_and(|id| !ids.contains(&(key, id))) {
                return Err(CheckError::Missing(known.arn.to_string()));
            }
        }
    }
    Ok(())
}

/// What usernames and groups of each principal are made of, by ARN without path in lower case.
fn templates(worlds: [&World; 2]) -> BTreeMap<String, BTreeSet<String>> {
    let mut templates: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for world in worlds {
        for entry in world.entries() {
            templates
                .entry(entry.principal_arn.canonical_key())
                .or_default()
                .insert(entry.username().as_str().to_owned());
        }
        for row in world.aws_auth().mappings() {
            let own = templates.entry(row.arn.to_lowercase()).or_default();
            own.insert(row.username.as_str().to_owned());
            own.extend(row.groups.iter().map(|group| group.as_str().to_owned()));
        }
    }
    templates
}

type RulesByWho<'a> = BTreeMap<&'a Who, Vec<(DifferenceKind, BTreeSet<&'a ScopedRule>)>>;

/// The rules that a certificate calls lost and gained.
fn rules_by_who(certificate: &Certificate) -> RulesByWho<'_> {
    let mut all = RulesByWho::new();
    for difference in &certificate.differences {
        if matches!(difference.kind, DifferenceKind::Lost | DifferenceKind::Gained) {
            let lists = all.entry(&difference.who).or_default();
            match lists.iter_mut().find(|(kind, _)| *kind == difference.kind) {
                Some((_, rules)) => rules.extend(&difference.rules),
                None => lists.push((difference.kind, difference.rules.iter().collect())),
            }
        }
    }
    all
}

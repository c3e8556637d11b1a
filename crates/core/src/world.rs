//! The World: everything that decides access on one cluster at one moment.
//!
//! A World is an immutable value that is cheap to copy and to change: the entries are in persistent maps, so that one
//! write costs the logarithm of their number and readers keep the World they hold. The maps hold no copies of what the
//! entries say of themselves.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::ops::Bound;
use std::sync::Arc;

use crate::access_entry::AccessEntry;
use crate::access_policy::Catalogue;
use crate::authentication_mode::AuthenticationMode;
use crate::aws_auth::AwsAuth;
use crate::callers::Callers;
use crate::directory::Directory;
use crate::principal::{Principal, PrincipalArn, PrincipalId};
use crate::rbac::Rbac;

/// What decides access on one cluster.
#[derive(Clone, Debug)]
pub struct World {
    mode: AuthenticationMode,
    /// By the principal's ARN: the order of `ListAccessEntries`.
    entries: imbl::OrdSet<ByArn>,
    /// By the principal's unique id: how callers are recognised.
    by_id: Callers,
    /// Entries without a unique id, by path-less ARN in any case: how callers are recognised otherwise.
    by_canonical_arn: Callers,
    aws_auth: Arc<AwsAuth>,
    /// Whoever registered the cluster, if that makes an administrator: counts in the mode CONFIG_MAP alone, where no
    /// entry can say it.
    creator: Option<PrincipalId>,
    catalogue: &'static Catalogue,
    /// RBAC, where somebody read it: analysis needs it, the webhooks do not.
    rbac: Arc<Rbac>,
    /// What is known of IAM, likewise.
    directory: Arc<Directory>,
}

impl World {
    /// A World in which nobody has access.
    pub fn new(mode: AuthenticationMode) -> Self {
        Self {
            mode,
            entries: imbl::OrdSet::new(),
            by_id: Callers::default(),
            by_canonical_arn: Callers::default(),
            aws_auth: Arc::default(),
            creator: None,
            catalogue: Catalogue::built_in(),
            rbac: Arc::default(),
            directory: Arc::default(),
        }
    }

    /// The authentication mode in force.
    pub fn mode(&self) -> AuthenticationMode {
        self.mode
    }

    /// The identity mappings of aws-auth, whether or not the mode uses them.
    pub fn aws_auth(&self) -> &Arc<AwsAuth> {
        &self.aws_auth
    }

    /// The access policies there are.
    pub fn catalogue(&self) -> &'static Catalogue {
        self.catalogue
    }

    /// The World with other access policies.
    #[must_use]
    pub fn with_catalogue(&self, catalogue: &'static Catalogue) -> Self {
        Self { catalogue, ..self.clone() }
    }

    /// The RBAC objects; none where nobody read them.
    pub fn rbac(&self) -> &Arc<Rbac> {
        &self.rbac
    }

    /// The World with other RBAC objects.
    #[must_use]
    pub fn with_rbac(&self, rbac: Arc<Rbac>) -> Self {
        Self { rbac, ..self.clone() }
    }

    /// What is known of IAM; nothing where nobody asked.
    pub fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// The World with another directory.
    #[must_use]
    pub fn with_directory(&self, directory: Arc<Directory>) -> Self {
        Self { directory, ..self.clone() }
    }

    /// How many access entries there are, whether or not the mode uses them.
    pub fn entry_count(&self) -> usize {
        self.entries.len()
    }

    /// The entry of a principal by its exact ARN.
    pub fn entry(&self, principal: &PrincipalArn) -> Option<&Arc<AccessEntry>> {
        self.entries.get(principal.as_str()).map(|ByArn(entry)| entry)
    }

    /// Entries sorted by principal ARN.
    pub fn entries(&self) -> impl Iterator<Item = &Arc<AccessEntry>> {
        self.entries.iter().map(|ByArn(entry)| entry)
    }

    /// Entries whose principal ARN comes after the given one: one page after another costs the page, not the list.
    pub fn entries_after(&self, principal: &PrincipalArn) -> impl Iterator<Item = &Arc<AccessEntry>> {
        let after = (Bound::Excluded(principal.as_str()), Bound::Unbounded);
        self.entries.range::<_, str>(after).map(|ByArn(entry)| entry)
    }

    /// The entry that a unique id belongs to; of several the first in the order of their ARNs.
    pub fn entry_by_id(&self, id: &str) -> Option<&Arc<AccessEntry>> {
        self.by_id.find(id, |entry| entry.has_principal_id(id))
    }

    /// The entry without a unique id that a path-less ARN belongs to; of several the first in the order of their ARNs.
    pub fn entry_by_canonical_arn(&self, canonical: &str) -> Option<&Arc<AccessEntry>> {
        self.by_canonical_arn.find(canonical, |entry| entry.principal_arn.is_canonically(canonical))
    }

    /// The entry without a unique id whose callers could not be told from this principal's: that of the same name,
    /// whatever its case and, for a role, its path.
    pub fn entry_of_same_callers(&self, principal: &PrincipalArn) -> Option<&Arc<AccessEntry>> {
        self.entry_by_canonical_arn(&principal.canonical_key())
    }

    /// The entry that a verified caller comes in by: by unique id; by path-less ARN only for entries that have none.
    pub fn entry_of_caller(&self, caller: &Principal) -> Option<&Arc<AccessEntry>> {
        self.entry_by_id(&caller.id.0).or_else(|| self.entry_by_canonical_arn(caller.canonical.as_str()))
    }

    /// The World with another authentication mode. Whether the change is legal is for
    /// [`AuthenticationMode::change_to`] to say.
    #[must_use]
    pub fn with_mode(&self, mode: AuthenticationMode) -> Self {
        Self { mode, ..self.clone() }
    }

    /// Whoever registered the cluster, as far as that makes an administrator.
    pub fn creator(&self) -> Option<&PrincipalId> {
        self.creator.as_ref()
    }

    /// Whether the caller is whoever registered the cluster, as far as that makes an administrator.
    pub fn is_creator(&self, caller: &Principal) -> bool {
        self.creator.as_ref() == Some(&caller.id)
    }

    /// Whether it is known who registered the cluster, as far as that makes an administrator.
    pub fn has_creator(&self) -> bool {
        self.creator.is_some()
    }

    /// The World with another creator, none if creating the cluster gives no access.
    #[must_use]
    pub fn with_creator(&self, creator: Option<PrincipalId>) -> Self {
        Self { creator, ..self.clone() }
    }

    /// The World with another aws-auth.
    #[must_use]
    pub fn with_aws_auth(&self, aws_auth: AwsAuth) -> Self {
        Self { aws_auth: Arc::new(aws_auth), ..self.clone() }
    }

    /// The World with the aws-auth of another.
    #[must_use]
    pub fn with_same_aws_auth(&self, other: &Self) -> Self {
        Self { aws_auth: Arc::clone(&other.aws_auth), ..self.clone() }
    }

    /// The World with an entry added or replaced.
    #[must_use]
    pub fn with_entry(&self, entry: AccessEntry) -> Self {
        let mut world = self.clone();
        world.put_entry(Arc::new(entry));
        world
    }

    /// The World without a principal's entry.
    #[must_use]
    pub fn without_entry(&self, principal: &PrincipalArn) -> Self {
        let mut world = self.clone();
        world.remove_entry(principal);
        world
    }

    /// Adds or replaces an entry. Where this World shares nothing with another, nothing is copied for it.
    pub fn put_entry(&mut self, entry: Arc<AccessEntry>) {
        if let Some(ByArn(replaced)) = self.entries.insert(ByArn(Arc::clone(&entry))) {
            self.forget_callers_of(&replaced);
        }
        match entry.principal_id() {
            Some(id) => self.by_id.insert(id, &entry),
            None => self.by_canonical_arn.insert(&entry.principal_arn.canonical_key(), &entry),
        }
    }

    /// Removes a principal's entry.
    pub fn remove_entry(&mut self, principal: &PrincipalArn) {
        if let Some(ByArn(removed)) = self.entries.remove(principal.as_str()) {
            self.forget_callers_of(&removed);
        }
    }

    fn forget_callers_of(&mut self, entry: &AccessEntry) {
        match entry.principal_id() {
            Some(id) => self.by_id.remove(id, entry),
            None => self.by_canonical_arn.remove(&entry.principal_arn.canonical_key(), entry),
        }
    }
}

/// An entry in its place by its principal's ARN. Whoever has the text finds it without a copy of it.
#[derive(Clone, Debug)]
struct ByArn(Arc<AccessEntry>);

impl Borrow<str> for ByArn {
    fn borrow(&self) -> &str {
        self.0.principal_arn.as_str()
    }
}

impl PartialEq for ByArn {
    fn eq(&self, other: &Self) -> bool {
        self.0.principal_arn == other.0.principal_arn
    }
}

impl Eq for ByArn {}

impl PartialOrd for ByArn {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByArn {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.principal_arn.cmp(&other.0.principal_arn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_entry::{NewAccessEntry, Tags};
    use jiff::Timestamp;

    fn entry(path: &str, id: Option<&str>) -> AccessEntry {
        let arn = format!("arn:aws:iam::123456789012:role{path}dev");
        let request = NewAccessEntry::parse(&arn, None, None, None, Tags::new()).unwrap();
        let id = id.map(|id| PrincipalId(id.to_owned()));
        AccessEntry::new(request, id, "uuid".to_owned(), Timestamp::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn of_entries_that_one_caller_could_come_in_by_the_first_counts_whichever_was_written_last() {
        let arn = "arn:aws:sts::123456789012:assumed-role/dev/s";
        let caller = Principal::from_caller_identity(arn, "123456789012", "AROADEV:s", "").unwrap();
        for id in [None, Some("AROADEV")] {
            let paths = ["/a/", "/b/", "/c/"];
            for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
                let empty = World::new(AuthenticationMode::Api);
                let mut world = order.iter().fold(empty, |world, &at| world.with_entry(entry(paths[at], id)));
                for path in paths {
                    assert_eq!(world.entry_of_caller(&caller).unwrap().principal_arn.path(), path, "{order:?}");
                    world = world.without_entry(&entry(path, id).principal_arn);
                }
                assert!(world.entry_of_caller(&caller).is_none());
            }
        }
    }
}

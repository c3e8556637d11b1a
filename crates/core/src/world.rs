//! The World: everything that decides access on one cluster at one moment.
//!
//! A World is an immutable value that is cheap to copy and to change: the entries are persistent maps, so that one
//! write costs the logarithm of their number and readers keep the World they hold.

use std::sync::Arc;

use crate::access_entry::AccessEntry;
use crate::access_policy::Catalogue;
use crate::authentication_mode::AuthenticationMode;
use crate::aws_auth::AwsAuth;
use crate::principal::{Principal, PrincipalArn, PrincipalId};

/// What decides access on one cluster.
#[derive(Clone, Debug)]
pub struct World {
    mode: AuthenticationMode,
    /// By the principal's ARN: the order of `ListAccessEntries`.
    entries: imbl::OrdMap<PrincipalArn, Arc<AccessEntry>>,
    /// By the principal's unique id: how callers are recognised.
    by_id: imbl::HashMap<PrincipalId, Arc<AccessEntry>>,
    /// Entries without a unique id, by path-less ARN in lower case: how callers are recognised otherwise.
    by_canonical_arn: imbl::HashMap<Box<str>, Arc<AccessEntry>>,
    aws_auth: Arc<AwsAuth>,
    /// Whoever registered the cluster, if that makes an administrator: counts in the mode CONFIG_MAP alone, where no
    /// entry can say it.
    creator: Option<PrincipalId>,
    catalogue: &'static Catalogue,
}

impl World {
    /// A World in which nobody has access.
    pub fn new(mode: AuthenticationMode) -> Self {
        Self {
            mode,
            entries: imbl::OrdMap::new(),
            by_id: imbl::HashMap::new(),
            by_canonical_arn: imbl::HashMap::new(),
            aws_auth: Arc::default(),
            creator: None,
            catalogue: Catalogue::built_in(),
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

    /// How many access entries there are, whether or not the mode uses them.
    pub fn entry_count(&self) -> usize {
        self.entries.len()
    }

    /// The entry of a principal by its exact ARN.
    pub fn entry(&self, principal: &PrincipalArn) -> Option<&Arc<AccessEntry>> {
        self.entries.get(principal)
    }

    /// Entries sorted by principal ARN.
    pub fn entries(&self) -> impl Iterator<Item = &Arc<AccessEntry>> {
        self.entries.values()
    }

    /// Entries whose principal ARN comes after the given one: one page after another costs the page, not the list.
    pub fn entries_after(&self, principal: &PrincipalArn) -> impl Iterator<Item = &Arc<AccessEntry>> {
        let after = (std::ops::Bound::Excluded(principal.clone()), std::ops::Bound::Unbounded);
        self.entries.range(after).map(|(_, entry)| entry)
    }

    /// The entry that a unique id belongs to.
    pub fn entry_by_id(&self, id: &PrincipalId) -> Option<&Arc<AccessEntry>> {
        self.by_id.get(id)
    }

    /// The entry without a unique id that a path-less ARN belongs to.
    pub fn entry_by_canonical_arn(&self, canonical: &str) -> Option<&Arc<AccessEntry>> {
        if self.by_canonical_arn.is_empty() {
            return None;
        }
        self.by_canonical_arn.get(canonical.to_ascii_lowercase().as_str())
    }

    /// The entry that a verified caller comes in by: by unique id; by path-less ARN only for entries that have none.
    pub fn entry_of_caller(&self, caller: &Principal) -> Option<&Arc<AccessEntry>> {
        self.by_id.get(&caller.id).or_else(|| self.entry_by_canonical_arn(caller.canonical.as_str()))
    }

    /// The World with another authentication mode. Whether the change is legal is for
    /// [`AuthenticationMode::change_to`] to say.
    #[must_use]
    pub fn with_mode(&self, mode: AuthenticationMode) -> Self {
        Self { mode, ..self.clone() }
    }

    /// Whether the caller is whoever registered the cluster, as far as that makes an administrator.
    pub fn is_creator(&self, caller: &Principal) -> bool {
        self.creator.as_ref() == Some(&caller.id)
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

    /// The World with an entry added or replaced.
    #[must_use]
    pub fn with_entry(&self, entry: AccessEntry) -> Self {
        let mut world = self.without_entry(&entry.principal_arn);
        let entry = Arc::new(entry);
        match &entry.principal_id {
            Some(id) => {
                world.by_id.insert(id.clone(), Arc::clone(&entry));
            }
            None => {
                let key = canonical_key(&entry.principal_arn).into_boxed_str();
                world.by_canonical_arn.insert(key, Arc::clone(&entry));
            }
        }
        world.entries.insert(entry.principal_arn.clone(), entry);
        world
    }

    /// The World without a principal's entry.
    #[must_use]
    pub fn without_entry(&self, principal: &PrincipalArn) -> Self {
        let mut world = self.clone();
        if let Some(removed) = world.entries.remove(principal) {
            match &removed.principal_id {
                Some(id) => remove_if(&mut world.by_id, id, principal),
                None => {
                    let key = canonical_key(principal).into_boxed_str();
                    remove_if(&mut world.by_canonical_arn, &key, principal);
                }
            }
        }
        world
    }
}

/// Removes an index row only if it still belongs to that principal.
fn remove_if<K: Clone + Eq + std::hash::Hash>(
    index: &mut imbl::HashMap<K, Arc<AccessEntry>>,
    key: &K,
    principal: &PrincipalArn,
) {
    if index.get(key).is_some_and(|entry| entry.principal_arn == *principal) {
        index.remove(key);
    }
}

/// Names in IAM are unique whatever their case, and a session does not say the role's path.
fn canonical_key(principal: &PrincipalArn) -> String {
    let comparable = if principal.kind() == crate::principal::PrincipalKind::Role {
        principal.without_path()
    } else {
        principal.clone()
    };
    comparable.as_str().to_ascii_lowercase()
}

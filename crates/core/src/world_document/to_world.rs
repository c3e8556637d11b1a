//! From what was read to the value that decides.

use std::sync::Arc;

use jiff::Timestamp;

use super::error::WorldDocumentError as Error;
use super::{EntryDocument, WorldDocument};
use crate::access_entry::{AccessEntry, AccessEntryRecord, AssociatedAccessPolicy, EntryType};
use crate::aws_auth::{Authenticator, Effect, Problem, parse_as};
use crate::directory::Directory;
use crate::principal::{PrincipalArn, PrincipalId};
use crate::rbac::Rbac;
use crate::username::Template;
use crate::world::World;

impl WorldDocument {
    /// The World that this document describes. What it does not know (`null`) is empty there.
    ///
    /// Entries are taken as they were accepted. An entry has the unique id that the directory knows for its principal;
    /// without a directory, callers are recognised by ARN.
    ///
    /// # Errors
    /// For a username that no entry can have, and for RBAC objects that make no sense.
    pub fn to_world(&self) -> Result<World, Error> {
        let directory = Directory::new(self.directory.iter().flatten().cloned());
        let mut world = World::new(self.authentication_mode);
        for (at, entry) in self.access_entries.iter().enumerate() {
            world = world.with_entry(self.access_entry(entry, &directory, at)?);
        }
        if let Some(aws_auth) = &self.aws_auth {
            world = world.with_aws_auth(parse_as(&aws_auth.data, self.authenticator));
        }
        if let Some(rbac) = &self.rbac {
            world = world.with_rbac(Arc::new(Rbac::from_objects(rbac.iter().cloned())?));
        }
        let known = |arn| directory.find(arn).and_then(|known| known.unique_id.clone());
        let creator =
            self.creator.as_ref().and_then(|creator| creator.unique_id.clone().or_else(|| known(&creator.arn)));
        Ok(world.with_creator(creator).with_directory(Arc::new(directory)))
    }

    /// The same World for whoever is to say that nobody gains or loses anything: it must have everything that decides.
    ///
    /// # Errors
    /// As [`to_world`](Self::to_world); for a section of aws-auth in which Doorward's server goes on with rows that are
    /// not in the document any more; and for a creator by whose unique id nobody could be recognised.
    pub fn to_complete_world(&self) -> Result<World, Error> {
        let world = self.to_world()?;
        let aws_auth = world.aws_auth();
        let keeps_last_good = world.mode().uses_aws_auth() && self.authenticator == Authenticator::Doorward;
        let unreadable = |problem: &&Problem| problem.kind.effect() == Effect::SectionUnreadable;
        if let Some(problem) = aws_auth.problems.iter().find(unreadable).filter(|_| keeps_last_good) {
            return Err(Error::LastGoodRows { problem: problem.to_string() });
        }
        match &self.creator {
            Some(creator) if !world.mode().uses_access_entries() && !world.has_creator() => {
                Err(Error::CreatorUnknown { arn: creator.arn.to_string() })
            }
            _ => Ok(world),
        }
    }

    /// Access entries of types that this program does not know. They are taken for `STANDARD`: what their users may do
    /// comes from username, groups and policies alone, whatever the type.
    pub fn unknown_types(&self) -> impl Iterator<Item = &EntryDocument> {
        self.access_entries.iter().filter(|entry| EntryType::from_name(&entry.r#type).is_none())
    }

    fn access_entry(&self, entry: &EntryDocument, directory: &Directory, at: usize) -> Result<AccessEntry, Error> {
        let username = match self.authenticator {
            Authenticator::Eks => Template::verbatim(&entry.username),
            Authenticator::Doorward => Template::parse(&entry.username)
                .map_err(|error| Error::value(&format!("accessEntries[{at}].username"), error.to_string()))?,
        };
        let created_at = entry.created_at.unwrap_or(Timestamp::UNIX_EPOCH);
        let policies = entry.associated_access_policies.iter().map(|association| {
            let associated_at = association.associated_at.unwrap_or(created_at);
            AssociatedAccessPolicy {
                policy_arn: association.policy_arn.clone(),
                access_scope: association.access_scope.clone(),
                associated_at: associated_at.into(),
                modified_at: association.modified_at.unwrap_or(associated_at).into(),
            }
        });
        let record = AccessEntryRecord {
            principal_arn: entry.principal_arn.clone(),
            principal_id: id_of_entry(&entry.principal_arn, directory),
            r#type: EntryType::from_name(&entry.r#type).unwrap_or_default(),
            username,
            kubernetes_groups: entry.kubernetes_groups.clone(),
            tags: entry.tags.clone(),
            id: entry.access_entry_arn.as_deref().and_then(|arn| arn.rsplit('/').next()).unwrap_or_default().to_owned(),
            created_by: None,
            created_at,
            modified_at: entry.modified_at.unwrap_or(created_at),
            access_policies: policies.collect(),
        };
        Ok(record.into())
    }
}

/// The unique id that an entry for this principal was made for, as far as the directory tells it.
///
/// A path cannot be changed. If the principal of that name has another path today it was made again, and is somebody else
/// than whom the entry was made for: the entry then has an id that no principal can have, or today's role would be let in
/// by the name alone.
fn id_of_entry(principal: &PrincipalArn, directory: &Directory) -> Option<PrincipalId> {
    let known = directory.find(principal)?;
    if known.arn.as_str().eq_ignore_ascii_case(principal.as_str()) {
        known.unique_id.clone()
    } else {
        Some(PrincipalId(format!("gone:{principal}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> WorldDocument {
        WorldDocument::parse(text).unwrap()
    }

    #[test]
    fn a_section_that_lives_on_rows_of_the_past_makes_no_complete_world() {
        let world = |mode: &str, authenticator: &str| {
            document(&format!(
                "{{kind: World, version: 1, authenticationMode: {mode}, authenticator: {authenticator}, accessEntries: [], \
                 awsAuth: {{data: {{mapRoles: '- {{'}}}}}}"
            ))
            .to_complete_world()
        };
        let refused = world("API_AND_CONFIG_MAP", "doorward").unwrap_err().to_string();
        assert!(refused.contains("`mapRoles`, line 1") && refused.contains("mend the section first"), "{refused}");
        // Where nobody reads it, or where nothing is kept, the document says everything.
        assert!(world("API", "doorward").is_ok());
        assert!(world("API_AND_CONFIG_MAP", "eks").is_ok());
    }

    #[test]
    fn a_hidden_administrator_is_recognised_by_the_directory_or_makes_no_complete_world() {
        let world = |mode: &str, directory: &str| {
            document(&format!(
                "{{kind: World, version: 1, authenticationMode: {mode}, authenticator: eks, accessEntries: [], \
                 creator: {{arn: 'arn:aws:iam::123456789012:role/boss'}}, directory: {directory}}}"
            ))
            .to_complete_world()
        };
        let refused = world("CONFIG_MAP", "null").unwrap_err().to_string();
        assert!(refused.contains("role/boss` made the cluster"), "{refused}");
        let known = "[{arn: 'arn:aws:iam::123456789012:role/boss', uniqueId: AROABOSS}]";
        assert_eq!(world("CONFIG_MAP", known).unwrap().creator(), Some(&PrincipalId("AROABOSS".to_owned())));
        assert!(world("API", "null").is_ok());
    }
}

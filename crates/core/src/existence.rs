//! Whether whom access entries and rows of aws-auth name still exists.
//!
//! EKS keeps an entry whose principal was deleted, and shows nothing of it. Nobody comes in by it any more: an entry is
//! for the principal's unique id, and a principal that is made again has another one. So the people of a role that was
//! made again are refused, and nothing says why. A row of aws-auth is for a name, so whoever makes the role again comes
//! in by it. Source: Amazon EKS user guide, "Create access entries"; `aws/containers-roadmap#2441`.

use crate::directory::KnownPrincipal;
use crate::principal::PrincipalArn;
use crate::world::World;

/// What became of a principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// There is none of that name.
    Gone,
    /// There is one of that name, with another unique id or another path: it was deleted and made again.
    Recreated,
}

/// An entry or a row for somebody who does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dead {
    /// The ARN of an entry's principal, or of a row as it is written.
    pub arn: String,
    /// Whether it is an access entry; otherwise it is a row of aws-auth.
    pub is_entry: bool,
    /// What became of the principal.
    pub fate: Fate,
}

/// Every entry and row that counts whose principal is not what it was. `find` gives the principal that bears a name now,
/// whatever its path: as `Directory::find` does.
///
/// Rows that name nobody by their form are not told here: reading aws-auth tells them.
pub fn dead(world: &World, find: impl Fn(&PrincipalArn) -> Option<KnownPrincipal>) -> Vec<Dead> {
    let mut found = Vec::new();
    if world.mode().uses_access_entries() {
        found.extend(world.entries().filter_map(|entry| {
            let fate = fate(&entry.principal_arn, entry.principal_id(), find(&entry.principal_arn).as_ref())?;
            Some(Dead { arn: entry.principal_arn.to_string(), is_entry: true, fate })
        }));
    }
    if world.mode().uses_aws_auth() {
        found.extend(world.aws_auth().mappings().filter_map(|row| {
            let named = PrincipalArn::parse(&row.arn).ok()?;
            find(&named).is_none().then(|| Dead { arn: row.arn.clone(), is_entry: false, fate: Fate::Gone })
        }));
    }
    found
}

fn fate(arn: &PrincipalArn, id: Option<&str>, now: Option<&KnownPrincipal>) -> Option<Fate> {
    let Some(now) = now else { return Some(Fate::Gone) };
    let has_another_id = id.zip(now.unique_id.as_ref()).is_some_and(|(then, now)| then != now.0.as_str());
    (has_another_id || now.arn != *arn).then_some(Fate::Recreated)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_entry::{AccessEntry, NewAccessEntry, Tags};
    use crate::authentication_mode::AuthenticationMode;
    use crate::aws_auth;
    use crate::principal::PrincipalId;

    fn arn(name: &str) -> PrincipalArn {
        PrincipalArn::parse(&format!("arn:aws:iam::123456789012:role/{name}")).unwrap()
    }

    fn world(mode: AuthenticationMode) -> World {
        let entry = |name: &str| {
            let request = NewAccessEntry::parse(arn(name).as_str(), None, None, None, Tags::new()).unwrap();
            let id = Some(PrincipalId("AROAFIRST".to_owned()));
            AccessEntry::new(request, id, name.to_owned(), jiff::Timestamp::UNIX_EPOCH).unwrap()
        };
        let rows = "[{rolearn: 'arn:aws:iam::123456789012:role/gone', username: a, groups: []}, \
                     {rolearn: 'arn:aws:iam::123456789012:role/again', username: b, groups: []}]";
        let data = [("mapRoles".to_owned(), rows.to_owned())].into();
        let world = World::new(mode).with_aws_auth(aws_auth::parse(&data));
        ["same", "again", "gone", "team/moved"].iter().fold(world, |world, name| world.with_entry(entry(name)))
    }

    fn find(principal: &PrincipalArn) -> Option<KnownPrincipal> {
        let known = |arn, id: &str| Some(KnownPrincipal { arn, unique_id: Some(PrincipalId(id.to_owned())) });
        match principal.name() {
            "same" => known(arn("same"), "AROAFIRST"),
            "again" => known(arn("again"), "AROASECOND"),
            "moved" => known(arn("other/moved"), "AROAFIRST"),
            _ => None,
        }
    }

    #[test]
    fn an_entry_is_for_an_id_and_a_path_and_a_row_for_a_name() {
        let found = dead(&world(AuthenticationMode::ApiAndConfigMap), find);
        let found: Vec<_> =
            found.iter().map(|dead| (dead.arn.rsplit('/').next().unwrap(), dead.is_entry, dead.fate)).collect();
        let expected = [
            ("again", true, Fate::Recreated),
            ("gone", true, Fate::Gone),
            ("moved", true, Fate::Recreated),
            ("gone", false, Fate::Gone),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_the_mode_does_not_use_is_nobodys_concern() {
        assert!(dead(&world(AuthenticationMode::Api), find).iter().all(|dead| dead.is_entry));
        assert!(dead(&world(AuthenticationMode::ConfigMap), find).iter().all(|dead| !dead.is_entry));
    }
}

//! Rows of mapAccounts: whole accounts, for which there is no entry.
//!
//! Every principal of the account that has no row of its own comes in under its own ARN and without groups. Entries can
//! say so for each principal that the directory knows; for those that come later, and for root and federated users, none
//! can. The row therefore stays unless the loss is accepted.

use super::known::Known;
use super::principal::Mapped;
use super::stop::Stop;
use super::target::Target;
use super::verdict::{ChangeKind, DropCode, KeepCode};
use crate::access_entry::{EntryType, NewAccessEntry, Tags};
use crate::account_id::AccountId;
use crate::aws_auth::{MappedAccount, Match};
use crate::principal::{PrincipalArn, PrincipalKind};

/// What is lost of an account that becomes entries.
pub(super) const LOST: &str = "root, federated users, and every role and user that is made later";

/// The entries that an account becomes.
///
/// # Errors
/// [`Stop`] if an earlier row is for the same account, or nothing is known of it.
pub(super) fn targets(row: &MappedAccount, known: &Known<'_>) -> Result<Vec<Target>, Stop> {
    let aws_auth = known.world.aws_auth();
    if aws_auth.account_mapped(row.account).is_some_and(|first| first.index != row.index) {
        return Err(Stop::dropped(DropCode::Shadowed, "an earlier row is for the same account"));
    }
    if !known.world.directory().knows(row.account) {
        let reason = format!(
            "an entry is for one principal, and nothing is known of those of {}; with the mode API all of them lose access",
            row.account
        );
        let advice = "list them with `--directory`, so that each gets an entry, or stay in the mode API_AND_CONFIG_MAP";
        return Err(Stop::kept(KeepCode::Account, reason).advise(advice));
    }
    Ok(members(row.account, known).collect())
}

fn members<'a>(account: AccountId, known: &'a Known<'_>) -> impl Iterator<Item = Target> + 'a {
    known.world.directory().iter().filter(move |principal| principal.arn.account() == account).filter_map(|principal| {
        // What the principal's callers are called: a role's path is lost.
        let canonical = match principal.arn.kind() {
            PrincipalKind::Role => principal.arn.without_path(),
            PrincipalKind::User => principal.arn.clone(),
            PrincipalKind::Root | PrincipalKind::FederatedUser => return None,
        };
        let comes_in_by_account = matches!(known.world.aws_auth().find(&canonical), Some(Match::Account(_)));
        (comes_in_by_account && can_have_an_entry(&principal.arn, &canonical)).then(|| {
            let mut target = Target::new(Mapped { arn: principal.arn.clone(), verified: true }, EntryType::Standard);
            target.username = Some(canonical.as_str().to_owned());
            target
        })
    })
}

fn can_have_an_entry(principal: &PrincipalArn, username: &PrincipalArn) -> bool {
    NewAccessEntry::parse(principal.as_str(), None, Some(username.as_str()), None, Tags::new()).is_ok()
}

/// Says what is lost of the account.
pub(super) fn loss() -> super::verdict::Change {
    super::verdict::Change { kind: ChangeKind::Lost, text: format!("no entry can stand for {LOST}") }
}

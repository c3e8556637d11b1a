//! IAM `GetInstanceProfile`: the unique id of the role that an instance profile holds.

use doorward_core::principal::PrincipalId;

use super::error::{IdentityError, Undecided};
use super::signed_query::SignedService;

const MAX_BODY: usize = 256 * 1024;

/// The role of an instance profile; `None` for a profile that is not there or holds none.
///
/// # Errors
/// [`IdentityError`].
pub(crate) async fn role_of_profile(iam: &SignedService, name: &str) -> Result<Option<PrincipalId>, IdentityError> {
    let form = [("Action", "GetInstanceProfile"), ("Version", "2010-05-08"), ("InstanceProfileName", name)];
    let answer = match iam.call(&form.map(|(name, value)| (name.to_owned(), value.to_owned())), MAX_BODY).await {
        Ok(answer) => answer,
        Err(IdentityError::Refused { code }) if code == "NoSuchEntity" => return Ok(None),
        Err(error) => return Err(iam.not_refused(error)),
    };
    let profile = answer.child("GetInstanceProfileResult").and_then(|result| result.child("InstanceProfile"));
    let profile = profile.filter(|profile| {
        answer.name() == "GetInstanceProfileResponse"
            && profile.child("InstanceProfileName").is_some_and(|found| found.text() == name)
    });
    let mut roles = profile.ok_or(Undecided::Unreadable)?.list("Roles");
    match (roles.next(), roles.next()) {
        (None, _) => Ok(None),
        (Some(role), None) => {
            let id = role.child("RoleId").map(|id| id.text()).filter(|id| !id.is_empty());
            Ok(Some(PrincipalId(id.ok_or(Undecided::Unreadable)?.to_owned())))
        }
        // IAM allows one.
        (Some(_), Some(_)) => Err(Undecided::Unreadable.into()),
    }
}

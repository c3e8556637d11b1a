//! IAM: users, roles, access keys and inline policies on the query protocol.
//!
//! What the operations decide is in [`doorward_identity::directory`]; here are their parameters and answers. Groups,
//! managed policies, passwords and the like do not exist: see `absent.rs`.

mod absent;
mod access_keys;
mod roles;
mod tags;
mod users;
mod write;

use doorward_identity::directory::Change;
use doorward_identity::policy::Target;

use crate::query::{ApiError, Call, Outcome, Page, Parameters, Service, Xml};

/// What an operation gives: its changes, and how to write its result, if it is one that has any.
type Answer = Result<(Vec<Change>, Option<WriteResult>), ApiError>;

type WriteResult = Box<dyn FnOnce(&mut Xml)>;

type Operation = fn(&mut Call<'_>, Parameters) -> Answer;

/// Every operation: its name, whether it changes anything, and what runs it.
const OPERATIONS: [(&str, bool, Operation); 41] = [
    ("CreateAccessKey", true, access_keys::create),
    ("CreateRole", true, roles::create),
    ("CreateUser", true, users::create),
    ("DeleteAccessKey", true, access_keys::delete),
    ("DeleteLoginProfile", true, absent::login_profile),
    ("DeleteRole", true, roles::delete),
    ("DeleteRolePolicy", true, roles::delete_policy),
    ("DeleteUser", true, users::delete),
    ("DeleteUserPolicy", true, users::delete_policy),
    ("GetAccessKeyLastUsed", false, access_keys::last_used),
    ("GetLoginProfile", false, absent::login_profile),
    ("GetRole", false, roles::get),
    ("GetRolePolicy", false, roles::get_policy),
    ("GetUser", false, users::get),
    ("GetUserPolicy", false, users::get_policy),
    ("ListAccessKeys", false, access_keys::list),
    ("ListAttachedRolePolicies", false, absent::policies_of_role),
    ("ListAttachedUserPolicies", false, absent::policies_of_user),
    ("ListGroupsForUser", false, absent::groups),
    ("ListInstanceProfilesForRole", false, absent::instance_profiles),
    ("ListMFADevices", false, absent::mfa_devices),
    ("ListRolePolicies", false, roles::list_policies),
    ("ListRoleTags", false, tags::list_of_role),
    ("ListRoles", false, roles::list),
    ("ListSSHPublicKeys", false, absent::ssh_public_keys),
    ("ListServiceSpecificCredentials", false, absent::service_credentials),
    ("ListSigningCertificates", false, absent::signing_certificates),
    ("ListUserPolicies", false, users::list_policies),
    ("ListUserTags", false, tags::list_of_user),
    ("ListUsers", false, users::list),
    ("ListVirtualMFADevices", false, absent::virtual_mfa_devices),
    ("PutRolePolicy", true, roles::put_policy),
    ("PutUserPolicy", true, users::put_policy),
    ("TagRole", true, tags::tag_role),
    ("TagUser", true, tags::tag_user),
    ("UntagRole", true, tags::untag_role),
    ("UntagUser", true, tags::untag_user),
    ("UpdateAccessKey", true, access_keys::update),
    ("UpdateAssumeRolePolicy", true, roles::update_trust),
    ("UpdateRole", true, roles::update),
    ("UpdateRoleDescription", true, roles::update_description),
];

/// Whether an action changes the directory; not for actions that do not exist.
pub fn is_write(action: &str) -> bool {
    find(action).is_some_and(|(_, is_write, _)| *is_write)
}

/// Runs the operation that the parameters ask for, if the caller may.
///
/// # Errors
/// In AWS's words.
pub fn run(call: &mut Call<'_>, mut parameters: Parameters) -> Result<Outcome, ApiError> {
    Service::Iam.expect_version(&mut parameters)?;
    let Some((action, _, operation)) = find(parameters.action()) else {
        return Err(ApiError::unknown_action(parameters.action(), Some(Service::Iam.version())));
    };
    let permission = format!("iam:{action}");
    if !call.caller.may(&permission, Target::Everything) {
        return Err(ApiError::access_denied(&call.caller.arn(), &permission, "*"));
    }
    let (changes, result) = operation(call, parameters)?;
    Ok(Outcome::xml(Service::Iam, action, call.request_id, changes, result))
}

fn find(action: &str) -> Option<&'static (&'static str, bool, Operation)> {
    OPERATIONS.iter().find(|(name, ..)| *name == action)
}

/// The answer of an operation that has no result.
fn nothing(changes: Vec<Change>) -> Answer {
    Ok((changes, None))
}

/// What was changed, and how it looks now.
fn changed(change: Change, write: impl FnOnce(&mut Xml) + 'static) -> Answer {
    Ok((vec![change], Some(Box::new(write))))
}

/// An answer that changes nothing.
fn result(write: impl FnOnce(&mut Xml) + 'static) -> Answer {
    Ok((Vec::new(), Some(Box::new(write))))
}

/// A list of names, page by page.
fn names_of<'a>(list: &'static str, page: &Page, names: impl Iterator<Item = &'a String>) -> Answer {
    let (names, marker) = page.of(names.cloned(), String::clone);
    result(move |xml| {
        xml.texts(list, names.iter().map(String::as_str));
        Page::write_marker(xml, marker.as_deref());
    })
}

#[cfg(test)]
mod tests;

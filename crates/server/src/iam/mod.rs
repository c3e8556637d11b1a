//! IAM: users, roles, access keys and inline policies on the query protocol.
//!
//! What the operations decide is in [`doorward_identity::directory`]; here are their parameters and answers. Groups,
//! managed policies, passwords and the like do not exist: see `absent.rs`.

mod absent;
mod access_keys;
mod permissions;
mod roles;
mod tags;
mod users;
mod write;

use doorward_identity::directory::Change;

use permissions::Target;

use crate::query::{ApiError, Call, Outcome, Page, Parameters, Service, Xml};

/// What an operation gives: its changes, and how to write its result, if it is one that has any.
type Answer = Result<(Vec<Change>, Option<WriteResult>), ApiError>;

type WriteResult = Box<dyn FnOnce(&mut Xml)>;

type Operation = fn(&mut Call<'_>, Parameters) -> Answer;

/// An operation: its name, whether it changes anything, what it is about, and what runs it.
type Row = (&'static str, bool, Target, Operation);

/// Every operation.
const OPERATIONS: [Row; 41] = [
    ("CreateAccessKey", true, Target::User, access_keys::create),
    ("CreateRole", true, Target::NewRole, roles::create),
    ("CreateUser", true, Target::NewUser, users::create),
    ("DeleteAccessKey", true, Target::User, access_keys::delete),
    ("DeleteLoginProfile", true, Target::User, absent::login_profile),
    ("DeleteRole", true, Target::Role, roles::delete),
    ("DeleteRolePolicy", true, Target::Role, roles::delete_policy),
    ("DeleteUser", true, Target::User, users::delete),
    ("DeleteUserPolicy", true, Target::User, users::delete_policy),
    ("GetAccessKeyLastUsed", false, Target::KeyOwner, access_keys::last_used),
    ("GetLoginProfile", false, Target::User, absent::login_profile),
    ("GetRole", false, Target::Role, roles::get),
    ("GetRolePolicy", false, Target::Role, roles::get_policy),
    ("GetUser", false, Target::User, users::get),
    ("GetUserPolicy", false, Target::User, users::get_policy),
    ("ListAccessKeys", false, Target::User, access_keys::list),
    ("ListAttachedRolePolicies", false, Target::Role, absent::policies_of_role),
    ("ListAttachedUserPolicies", false, Target::User, absent::policies_of_user),
    ("ListGroupsForUser", false, Target::User, absent::groups),
    ("ListInstanceProfilesForRole", false, Target::Role, absent::instance_profiles),
    ("ListMFADevices", false, Target::User, absent::mfa_devices),
    ("ListRolePolicies", false, Target::Role, roles::list_policies),
    ("ListRoleTags", false, Target::Role, tags::list_of_role),
    ("ListRoles", false, Target::Roles, roles::list),
    ("ListSSHPublicKeys", false, Target::User, absent::ssh_public_keys),
    ("ListServiceSpecificCredentials", false, Target::User, absent::service_credentials),
    ("ListSigningCertificates", false, Target::User, absent::signing_certificates),
    ("ListUserPolicies", false, Target::User, users::list_policies),
    ("ListUserTags", false, Target::User, tags::list_of_user),
    ("ListUsers", false, Target::Users, users::list),
    ("ListVirtualMFADevices", false, Target::Devices, absent::virtual_mfa_devices),
    ("PutRolePolicy", true, Target::Role, roles::put_policy),
    ("PutUserPolicy", true, Target::User, users::put_policy),
    ("TagRole", true, Target::Role, tags::tag_role),
    ("TagUser", true, Target::User, tags::tag_user),
    ("UntagRole", true, Target::Role, tags::untag_role),
    ("UntagUser", true, Target::User, tags::untag_user),
    ("UpdateAccessKey", true, Target::User, access_keys::update),
    ("UpdateAssumeRolePolicy", true, Target::Role, roles::update_trust),
    ("UpdateRole", true, Target::Role, roles::update),
    ("UpdateRoleDescription", true, Target::Role, roles::update_description),
];

/// Whether an action changes the directory; not for actions that do not exist.
pub fn is_write(action: &str) -> bool {
    find(action).is_some_and(|(_, is_write, ..)| *is_write)
}

/// Checks that the caller may do what the parameters ask for; not for actions that do not exist.
///
/// # Errors
/// `AccessDenied`, in AWS's words.
pub(crate) fn permit(call: &Call<'_>, parameters: &Parameters) -> Result<(), ApiError> {
    match find(parameters.action()) {
        Some((action, _, target, _)) => Ok(permissions::permit(call, action, *target, parameters)?),
        None => Ok(()),
    }
}

/// Runs the operation that the parameters ask for, if the caller may.
///
/// # Errors
/// In AWS's words.
pub fn run(call: &mut Call<'_>, mut parameters: Parameters) -> Result<Outcome, ApiError> {
    Service::Iam.expect_version(&mut parameters)?;
    let Some((action, .., operation)) = find(parameters.action()) else {
        return Err(ApiError::unknown_action(parameters.action(), Some(Service::Iam.version())));
    };
    permit(call, &parameters)?;
    let (changes, result) = operation(call, parameters)?;
    Ok(Outcome::xml(Service::Iam, action, call.request_id, changes, result))
}

fn find(action: &str) -> Option<&'static Row> {
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

//! What IAM has and this directory has not.
//!
//! Tools look for it before they delete a user or a role: Terraform for everything below when `force_destroy` is set.
//! The truthful answer lets them go on: there is none.

use super::roles::take_role;
use super::users::take_user;
use super::{Answer, result};
use crate::query::{ApiError, Call, Page, Parameters};

pub(super) fn policies_of_role(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    take_role(call, &mut parameters)?;
    parameters.take("PathPrefix");
    none("AttachedPolicies", parameters)
}

pub(super) fn policies_of_user(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    parameters.take("PathPrefix");
    none_of_user("AttachedPolicies", call, parameters)
}

pub(super) fn instance_profiles(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    take_role(call, &mut parameters)?;
    none("InstanceProfiles", parameters)
}

pub(super) fn groups(call: &mut Call<'_>, parameters: Parameters) -> Answer {
    none_of_user("Groups", call, parameters)
}

pub(super) fn mfa_devices(call: &mut Call<'_>, parameters: Parameters) -> Answer {
    none_of_user("MFADevices", call, parameters)
}

pub(super) fn virtual_mfa_devices(_: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    parameters.take("AssignmentStatus");
    none("VirtualMFADevices", parameters)
}

pub(super) fn ssh_public_keys(call: &mut Call<'_>, parameters: Parameters) -> Answer {
    none_of_user("SSHPublicKeys", call, parameters)
}

pub(super) fn signing_certificates(call: &mut Call<'_>, parameters: Parameters) -> Answer {
    none_of_user("Certificates", call, parameters)
}

pub(super) fn service_credentials(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    parameters.take("ServiceName");
    none_of_user("ServiceSpecificCredentials", call, parameters)
}

/// Nobody has a password.
pub(super) fn login_profile(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let user = take_user(call, &mut parameters)?;
    parameters.finish()?;
    let message = format!("Login Profile for User {} cannot be found.", user.arn.name());
    Err(ApiError::sender("NoSuchEntity", 404, message))
}

fn none_of_user(list: &'static str, call: &Call<'_>, mut parameters: Parameters) -> Answer {
    take_user(call, &mut parameters)?;
    none(list, parameters)
}

fn none(list: &'static str, mut parameters: Parameters) -> Answer {
    Page::read(&mut parameters)?;
    parameters.finish()?;
    result(move |xml| {
        xml.texts(list, []);
        Page::write_marker(xml, None);
    })
}

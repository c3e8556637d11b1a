//! Roles and their inline policies.

use std::sync::Arc;

use doorward_identity::directory::{DirectoryError, EntityKind, NewRole, Role, RoleUpdate};

use super::write::{self, Detail};
use super::{Answer, changed, names_of, nothing, result, tags};
use crate::query::{ApiError, Call, Page, Parameters};

pub(super) fn create(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let name = parameters.require("RoleName")?;
    let trust = parameters.require("AssumeRolePolicyDocument")?;
    let path = parameters.take("Path").unwrap_or_else(|| "/".to_owned());
    let description = parameters.take("Description").unwrap_or_default();
    let max_session_duration = parameters.take_number("MaxSessionDuration")?;
    let tags = tags::take(&mut parameters)?;
    parameters.finish()?;
    let new = NewRole {
        account: call.caller.account,
        path: &path,
        name: &name,
        trust: &trust,
        description: &description,
        max_session_duration,
        tags: &tags,
    };
    let (change, role) = call.directory.create_role(&new, call.now, call.random)?;
    changed(change, move |xml| xml.element("Role", |xml| write::role(xml, &role, Detail::WithTags)))
}

pub(super) fn get(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let role = take_role(call, &mut parameters)?;
    parameters.finish()?;
    result(move |xml| xml.element("Role", |xml| write::role(xml, &role, Detail::WithTags)))
}

pub(super) fn list(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let prefix = parameters.take("PathPrefix").unwrap_or_else(|| "/".to_owned());
    let page = Page::read(&mut parameters)?;
    parameters.finish()?;
    let roles = call.directory.roles(call.caller.account).filter(|role| role.arn.path().starts_with(&prefix)).cloned();
    let (roles, marker) = page.of(roles, |role| role.arn.name().to_ascii_lowercase());
    result(move |xml| {
        xml.list("Roles", &roles, |xml, role| write::role(xml, role, Detail::WithoutTags));
        Page::write_marker(xml, marker.as_deref());
    })
}

pub(super) fn delete(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let name = parameters.require("RoleName")?;
    parameters.finish()?;
    nothing(vec![call.directory.delete_role(call.caller.account, &name)?])
}

pub(super) fn update(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let name = parameters.require("RoleName")?;
    let description = parameters.take("Description");
    let max_session_duration = parameters.take_number("MaxSessionDuration")?;
    parameters.finish()?;
    let update = RoleUpdate { description: description.as_deref(), max_session_duration };
    let (change, _) = call.directory.update_role(call.caller.account, &name, &update)?;
    // It has a result, with nothing in it.
    changed(change, |_| {})
}

pub(super) fn update_description(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let name = parameters.require("RoleName")?;
    let description = parameters.require("Description")?;
    parameters.finish()?;
    let update = RoleUpdate { description: Some(&description), max_session_duration: None };
    let (change, role) = call.directory.update_role(call.caller.account, &name, &update)?;
    changed(change, move |xml| xml.element("Role", |xml| write::role(xml, &role, Detail::WithTags)))
}

pub(super) fn update_trust(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let name = parameters.require("RoleName")?;
    let document = parameters.require("PolicyDocument")?;
    parameters.finish()?;
    let (change, _) = call.directory.update_assume_role_policy(call.caller.account, &name, &document)?;
    nothing(vec![change])
}

pub(super) fn put_policy(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let name = parameters.require("RoleName")?;
    let policy = parameters.require("PolicyName")?;
    let document = parameters.require("PolicyDocument")?;
    parameters.finish()?;
    let (change, _) = call.directory.put_role_policy(call.caller.account, &name, &policy, &document)?;
    nothing(vec![change])
}

pub(super) fn get_policy(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let role = take_role(call, &mut parameters)?;
    let name = parameters.require("PolicyName")?;
    parameters.finish()?;
    let missing = DirectoryError::no_such(EntityKind::RolePolicy, &name);
    let document = write::document(role.policies.get(&name).ok_or(missing)?.text());
    result(move |xml| {
        xml.text("RoleName", role.arn.name());
        xml.text("PolicyName", &name);
        xml.text("PolicyDocument", &document);
    })
}

pub(super) fn list_policies(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let role = take_role(call, &mut parameters)?;
    let page = Page::read(&mut parameters)?;
    parameters.finish()?;
    names_of("PolicyNames", &page, role.policies.keys())
}

pub(super) fn delete_policy(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let name = parameters.require("RoleName")?;
    let policy = parameters.require("PolicyName")?;
    parameters.finish()?;
    let (change, _) = call.directory.delete_role_policy(call.caller.account, &name, &policy)?;
    nothing(vec![change])
}

/// The role that `RoleName` names.
pub(super) fn take_role(call: &Call<'_>, parameters: &mut Parameters) -> Result<Arc<Role>, ApiError> {
    let name = parameters.require("RoleName")?;
    Ok(call.directory.require_role(call.caller.account, &name)?.clone())
}

//! Users and their inline policies.

use std::sync::Arc;

use doorward_identity::Identity;
use doorward_identity::directory::{DirectoryError, EntityKind, NewUser, User};

use super::write::{self, Detail};
use super::{Answer, changed, names_of, nothing, result, tags};
use crate::query::{ApiError, Call, Page, Parameters};

pub(super) fn create(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let name = parameters.require("UserName")?;
    let path = parameters.take("Path").unwrap_or_else(|| "/".to_owned());
    let tags = tags::take(&mut parameters)?;
    parameters.finish()?;
    let account = call.caller.account;
    let new = NewUser { account, path: &path, name: &name, tags: &tags, is_administrator: false };
    let (change, user) = call.directory.create_user(&new, call.now, call.random)?;
    changed(change, move |xml| xml.element("User", |xml| write::user(xml, &user, Detail::WithTags)))
}

pub(super) fn get(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let user = take_user_or_self(call, &mut parameters)?;
    parameters.finish()?;
    result(move |xml| xml.element("User", |xml| write::user(xml, &user, Detail::WithTags)))
}

pub(super) fn list(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let prefix = parameters.take("PathPrefix").unwrap_or_else(|| "/".to_owned());
    let page = Page::read(&mut parameters)?;
    parameters.finish()?;
    let users = call.directory.users(call.caller.account).filter(|user| user.arn.path().starts_with(&prefix)).cloned();
    let (users, marker) = page.of(users, |user| user.arn.name().to_ascii_lowercase());
    result(move |xml| {
        xml.list("Users", &users, |xml, user| write::user(xml, user, Detail::WithoutTags));
        Page::write_marker(xml, marker.as_deref());
    })
}

pub(super) fn delete(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let name = parameters.require("UserName")?;
    parameters.finish()?;
    nothing(vec![call.directory.delete_user(call.caller.account, &name)?])
}

pub(super) fn put_policy(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let name = parameters.require("UserName")?;
    let policy = parameters.require("PolicyName")?;
    let document = parameters.require("PolicyDocument")?;
    parameters.finish()?;
    let (change, _) = call.directory.put_user_policy(call.caller.account, &name, &policy, &document)?;
    nothing(vec![change])
}

pub(super) fn get_policy(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let user = take_user(call, &mut parameters)?;
    let name = parameters.require("PolicyName")?;
    parameters.finish()?;
    let missing = DirectoryError::no_such(EntityKind::UserPolicy, &name);
    let document = write::document(user.policies.get(&name).ok_or(missing)?.text());
    result(move |xml| {
        xml.text("UserName", user.arn.name());
        xml.text("PolicyName", &name);
        xml.text("PolicyDocument", &document);
    })
}

pub(super) fn list_policies(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let user = take_user(call, &mut parameters)?;
    let page = Page::read(&mut parameters)?;
    parameters.finish()?;
    names_of("PolicyNames", &page, user.policies.keys())
}

pub(super) fn delete_policy(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let name = parameters.require("UserName")?;
    let policy = parameters.require("PolicyName")?;
    parameters.finish()?;
    let (change, _) = call.directory.delete_user_policy(call.caller.account, &name, &policy)?;
    nothing(vec![change])
}

/// The user that `UserName` names.
pub(super) fn take_user(call: &Call<'_>, parameters: &mut Parameters) -> Result<Arc<User>, ApiError> {
    let name = parameters.require("UserName")?;
    Ok(call.directory.require_user(call.caller.account, &name)?.clone())
}

/// The user that `UserName` names, or the caller where it is not given.
pub(super) fn take_user_or_self(call: &Call<'_>, parameters: &mut Parameters) -> Result<Arc<User>, ApiError> {
    match (parameters.take("UserName"), &call.caller.identity) {
        (Some(name), _) => Ok(call.directory.require_user(call.caller.account, &name)?.clone()),
        (None, Identity::User(user)) => Ok(user.clone()),
        (None, Identity::Root | Identity::RoleSession { .. }) => {
            Err(ApiError::validation("Must specify userName when calling with non-User credentials"))
        }
    }
}

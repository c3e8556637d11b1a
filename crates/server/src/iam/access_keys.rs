//! Access keys.

use doorward_identity::directory::{DirectoryError, EntityKind, KeyOwner, KeyStatus};
use secrecy::ExposeSecret as _;

use super::users::take_user_or_self;
use super::write;
use super::{Answer, changed, nothing, result};
use crate::query::{ApiError, Call, Page, Parameters};

/// The only answer that ever has a long-term secret in it.
pub(super) fn create(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let user = take_user_or_self(call, &mut parameters)?;
    parameters.finish()?;
    let (change, key) =
        call.directory.create_access_key(call.caller.account, user.arn.name(), call.now, call.random)?;
    let write = move |xml: &mut crate::query::Xml| {
        xml.element("AccessKey", |xml| {
            write::access_key(xml, &key);
            xml.text("SecretAccessKey", key.secret.expose_secret());
        });
    };
    changed(change, write)
}

pub(super) fn list(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let user = take_user_or_self(call, &mut parameters)?;
    let page = Page::read(&mut parameters)?;
    parameters.finish()?;
    let keys = call.directory.access_keys_of(&user).cloned();
    let (keys, marker) = page.of(keys, |key| key.id.clone());
    result(move |xml| {
        xml.list("AccessKeyMetadata", &keys, |xml, key| write::access_key(xml, key));
        Page::write_marker(xml, marker.as_deref());
    })
}

pub(super) fn update(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let user = take_user_or_self(call, &mut parameters)?;
    let id = parameters.require("AccessKeyId")?;
    let status = match parameters.require("Status")?.as_str() {
        "Active" => KeyStatus::Active,
        "Inactive" => KeyStatus::Inactive,
        _ => return Err(ApiError::validation("The value of Status must be Active or Inactive.")),
    };
    parameters.finish()?;
    let (change, _) = call.directory.update_access_key(call.caller.account, user.arn.name(), &id, status)?;
    nothing(vec![change])
}

pub(super) fn delete(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let user = take_user_or_self(call, &mut parameters)?;
    let id = parameters.require("AccessKeyId")?;
    parameters.finish()?;
    nothing(vec![call.directory.delete_access_key(call.caller.account, user.arn.name(), &id)?])
}

/// When keys were used is not recorded: the answer is that of a key that nobody has used.
pub(super) fn last_used(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let id = parameters.require("AccessKeyId")?;
    parameters.finish()?;
    let key = call.directory.access_key(&id).filter(|key| key.account == call.caller.account);
    let Some(KeyOwner::User { name, .. }) = key.map(|key| key.owner.clone()) else {
        return Err(DirectoryError::no_such(EntityKind::AccessKey, &id).into());
    };
    result(move |xml| {
        xml.text("UserName", &name);
        xml.element("AccessKeyLastUsed", |xml| {
            xml.text("ServiceName", "N/A");
            xml.text("Region", "N/A");
        });
    })
}

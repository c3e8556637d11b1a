//! Tags of users and roles.

use doorward_identity::directory::{Tag, Tags};

use super::roles::take_role;
use super::users::take_user;
use super::write;
use super::{Answer, nothing, result};
use crate::query::{ApiError, Call, Page, Parameters};

pub(super) fn tag_role(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let name = parameters.require("RoleName")?;
    let tags = take(&mut parameters)?;
    parameters.finish()?;
    nothing(vec![call.directory.tag_role(call.caller.account, &name, tags)?.0])
}

pub(super) fn untag_role(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let name = parameters.require("RoleName")?;
    let keys = parameters.take_list("TagKeys")?;
    parameters.finish()?;
    nothing(vec![call.directory.untag_role(call.caller.account, &name, &keys)?.0])
}

pub(super) fn list_of_role(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let role = take_role(call, &mut parameters)?;
    list(&role.tags, parameters)
}

pub(super) fn tag_user(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let name = parameters.require("UserName")?;
    let tags = take(&mut parameters)?;
    parameters.finish()?;
    nothing(vec![call.directory.tag_user(call.caller.account, &name, tags)?.0])
}

pub(super) fn untag_user(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let name = parameters.require("UserName")?;
    let keys = parameters.take_list("TagKeys")?;
    parameters.finish()?;
    nothing(vec![call.directory.untag_user(call.caller.account, &name, &keys)?.0])
}

pub(super) fn list_of_user(call: &mut Call<'_>, mut parameters: Parameters) -> Answer {
    let user = take_user(call, &mut parameters)?;
    list(&user.tags, parameters)
}

/// `Tags.member.N.Key` and `.Value`.
pub(super) fn take(parameters: &mut Parameters) -> Result<Vec<Tag>, ApiError> {
    Ok(parameters.take_pairs("Tags")?.into_iter().map(|(key, value)| Tag { key, value }).collect())
}

fn list(tags: &Tags, mut parameters: Parameters) -> Answer {
    let page = Page::read(&mut parameters)?;
    parameters.finish()?;
    let (tags, marker) = page.of(tags.iter().cloned(), |tag| tag.key.clone());
    result(move |xml| {
        write::tags(xml, &tags);
        Page::write_marker(xml, marker.as_deref());
    })
}

//! How users, roles, keys and tags look in answers.

use doorward_core::principal::PrincipalArn;
use doorward_identity::directory::{AccessKey, KeyOwner, Role, Tag, User};
use doorward_sigv4::query::encode;

use crate::query::{Xml, timestamp};

/// Whether tags are part of the answer: they are where one user or role is described, not in lists.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    WithTags,
    WithoutTags,
}

pub(super) fn user(xml: &mut Xml, user: &User, detail: Detail) {
    arn_parts(xml, &user.arn, "UserName", "UserId", &user.id.0);
    xml.text("CreateDate", &timestamp(user.created));
    if detail == Detail::WithTags && !user.tags.is_empty() {
        tags(xml, user.tags.iter());
    }
}

pub(super) fn role(xml: &mut Xml, role: &Role, detail: Detail) {
    arn_parts(xml, &role.arn, "RoleName", "RoleId", &role.id.0);
    xml.text("CreateDate", &timestamp(role.created));
    xml.text("AssumeRolePolicyDocument", &document(role.trust.text()));
    if !role.description.is_empty() {
        xml.text("Description", &role.description);
    }
    xml.text("MaxSessionDuration", &role.max_session_duration.to_string());
    if detail == Detail::WithTags && !role.tags.is_empty() {
        tags(xml, role.tags.iter());
    }
}

pub(super) fn tags<'a>(xml: &mut Xml, tags: impl IntoIterator<Item = &'a Tag>) {
    xml.list("Tags", tags, |xml, tag| {
        xml.text("Key", &tag.key);
        xml.text("Value", &tag.value);
    });
}

/// All of an access key but its secret.
pub(super) fn access_key(xml: &mut Xml, key: &AccessKey) {
    if let KeyOwner::User { name, .. } = &key.owner {
        xml.text("UserName", name);
    }
    xml.text("AccessKeyId", &key.id);
    xml.text("Status", key.status.name());
    xml.text("CreateDate", &timestamp(key.created));
}

/// A policy as answers carry it: percent-encoded (RFC 3986), as the API reference says.
pub(super) fn document(text: &str) -> String {
    encode(text)
}

fn arn_parts(xml: &mut Xml, arn: &PrincipalArn, name: &str, id_name: &str, id: &str) {
    xml.text("Path", arn.path());
    xml.text(name, arn.name());
    xml.text(id_name, id);
    xml.text("Arn", arn.as_str());
}

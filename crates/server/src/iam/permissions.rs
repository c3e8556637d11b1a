//! What each operation of IAM needs: action, resource, condition keys.
//!
//! Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Identity and Access
//! Management"; IAM User Guide, "Tagging IAM resources" (who makes something with tags also needs to be allowed to tag
//! it). How a refusal names the resource is as seen on AWS: what is to be made by its ARN, what is there by its name.

use doorward_identity::Identity;
use doorward_identity::directory::{KeyOwner, Tags};
use doorward_identity::policy::Context;

use super::tags;
use crate::permission::{Need, Refusal, iam_region, shown};
use crate::query::{Call, Parameters};

/// What an operation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The role that `RoleName` names.
    Role,
    /// The role that is to be made.
    NewRole,
    /// The roles below `PathPrefix`.
    Roles,
    /// The user that `UserName` names, or the caller.
    User,
    /// The user that is to be made.
    NewUser,
    /// The users below `PathPrefix`.
    Users,
    /// The user whose key `AccessKeyId` names.
    KeyOwner,
    /// Devices for a second factor, of which there are none.
    Devices,
}

/// Checks that the caller may do this. Takes nothing of the parameters.
///
/// # Errors
/// With the permission that is missing.
pub(super) fn permit(call: &Call<'_>, action: &str, target: Target, parameters: &Parameters) -> Result<(), Refusal> {
    crate::permission::permit(call.caller, || needs(call, action, target, parameters))
}

fn needs<'a>(call: &'a Call<'_>, action: &str, target: Target, parameters: &Parameters) -> Vec<Need<'a>> {
    let mut context = call.caller.context(iam_region(call.caller.partition), call.now);
    context.set("aws:ResourceAccount", call.caller.account.as_str());
    let (resource, shown) = find(call, target, parameters, &mut context);
    let has_tags = set_request_tags(&mut context, parameters);
    let need =
        |action: String| Need { action, resource: resource.clone(), shown: shown.clone(), context: context.clone() };
    let mut needs = vec![need(format!("iam:{action}"))];
    match target {
        Target::NewRole if has_tags => needs.push(need("iam:TagRole".to_owned())),
        Target::NewUser if has_tags => needs.push(need("iam:TagUser".to_owned())),
        _ => {}
    }
    needs
}

/// The resource's ARN, and how a refusal names it.
fn find<'a>(
    call: &'a Call<'_>,
    target: Target,
    parameters: &Parameters,
    context: &mut Context<'a>,
) -> (String, String) {
    let (account, partition) = (call.caller.account, call.caller.partition);
    let arn = |resource: &str| format!("arn:{partition}:iam::{account}:{resource}");
    let given = |name: &str| parameters.get(name).unwrap_or_default().to_owned();
    let path = |name: &str| parameters.get(name).unwrap_or("/").to_owned();
    let made = |kind: &str, name: &str| arn(&format!("{kind}{}{}", path("Path"), given(name)));
    let by_arn = |arn: String| (arn.clone(), shown(&arn));
    match target {
        Target::NewRole => by_arn(made("role", "RoleName")),
        Target::NewUser => by_arn(made("user", "UserName")),
        Target::Roles => by_arn(arn(&format!("role{}", path("PathPrefix")))),
        Target::Users => by_arn(arn(&format!("user{}", path("PathPrefix")))),
        Target::Devices => by_arn(arn("mfa/")),
        Target::Role => {
            let name = given("RoleName");
            let role = call.directory.role(account, &name);
            if let Some(role) = role {
                set_resource_tags(context, &role.tags);
            }
            let resource = role.map_or_else(|| arn(&format!("role/{name}")), |role| role.arn.to_string());
            (resource, format!("role {}", shown(&name)))
        }
        Target::User => match (parameters.get("UserName"), &call.caller.identity) {
            (Some(name), _) => user(call, name, context),
            (None, Identity::User(user)) => self::user(call, user.arn.name(), context),
            (None, Identity::Root | Identity::RoleSession { .. }) => ("*".to_owned(), "*".to_owned()),
        },
        Target::KeyOwner => {
            let key = call.directory.access_key(&given("AccessKeyId")).filter(|key| key.account == account);
            let resource = match key.map(|key| &key.owner) {
                Some(KeyOwner::User { name, .. }) => user(call, name, context).0,
                Some(KeyOwner::Root) | None => "*".to_owned(),
            };
            // Whose key it is must not be told by refusing.
            (resource, "*".to_owned())
        }
    }
}

fn user<'a>(call: &'a Call<'_>, name: &str, context: &mut Context<'a>) -> (String, String) {
    let (account, partition) = (call.caller.account, call.caller.partition);
    let user = call.directory.user(account, name);
    if let Some(user) = user {
        set_resource_tags(context, &user.tags);
    }
    let resource =
        user.map_or_else(|| format!("arn:{partition}:iam::{account}:user/{name}"), |user| user.arn.to_string());
    (resource, format!("user {}", shown(name)))
}

/// The tags that a request sets or takes away, whichever operation it is for. Tells whether it sets any.
fn set_request_tags(context: &mut Context<'_>, parameters: &Parameters) -> bool {
    let mut rest = parameters.clone();
    let tags = tags::take(&mut rest).unwrap_or_default();
    let removed = rest.take_list("TagKeys").unwrap_or_default();
    let keys: Vec<String> = tags.iter().map(|tag| tag.key.clone()).chain(removed).collect();
    let has_tags = !tags.is_empty();
    context.set_all("aws:TagKeys", keys);
    context.set_tags("aws:RequestTag/", tags.into_iter().map(|tag| (tag.key, tag.value)));
    has_tags
}

fn set_resource_tags<'a>(context: &mut Context<'a>, tags: &'a Tags) {
    for prefix in ["aws:ResourceTag/", "iam:ResourceTag/"] {
        context.set_tags(prefix, tags.pairs());
    }
}

//! Whose name depends on the session's: whoever assumes a role chooses it, so some sessions of a role may do what
//! others may not.

use crate::aws_auth::Match;
use crate::principal::{Principal, is_session_name};
use crate::rbac::BindingSubject;
use crate::username::Template;
use crate::world::World;

const NAME: &str = "{{SessionName}}";
const RAW: &str = "{{SessionNameRaw}}";

/// The username's template and those of the groups that decide for a principal.
pub(super) fn templates(world: &World, principal: &Principal) -> (Option<Template>, Vec<Template>) {
    if world.mode().uses_access_entries()
        && let Some(entry) = world.entry_of_caller(principal)
    {
        // The groups of an entry are literal.
        return (Some(entry.username.clone()), Vec::new());
    }
    let found = world.mode().uses_aws_auth().then(|| world.aws_auth().find(&principal.canonical)).flatten();
    match found {
        Some(Match::Mapping(row)) => (Some(row.username.clone()), row.groups.clone()),
        _ => (None, Vec::new()),
    }
}

/// Another session of the same role to which RBAC binds something by its username or a group, if there is one.
pub(super) fn other_session(world: &World, principal: &Principal) -> Option<String> {
    let (username, groups) = templates(world, principal);
    let names_a_session = |template: &&Template| template.as_str().contains("{{SessionName");
    if principal.session_name.is_empty() || !username.iter().chain(&groups).any(|one| names_a_session(&one)) {
        return None;
    }
    let subjects = world.rbac().bindings().iter().flat_map(|binding| &binding.subjects);
    let mut sessions = subjects.filter_map(|subject| match subject {
        BindingSubject::User(name) => username.as_ref().and_then(|one| session_named(one, principal, name)),
        BindingSubject::Group(name) => groups.iter().find_map(|one| session_named(one, principal, name)),
        BindingSubject::ServiceAccount { .. } => None,
    });
    sessions.find(|session| *session != principal.session_name)
}

/// The session that a template makes this name of, if there is one: the template has one session's name and nothing
/// else that depends on the caller but the account.
pub(super) fn session_named(template: &Template, principal: &Principal, name: &str) -> Option<String> {
    let text = template.as_str().replace("{{AccountID}}", principal.canonical.account().as_str());
    let (placeholder, (before, after)) = match text.split_once(RAW) {
        Some(parts) => (RAW, parts),
        None => (NAME, text.split_once(NAME)?),
    };
    if before.contains("{{") || after.contains("{{") {
        return None;
    }
    let session = name.strip_prefix(before)?.strip_suffix(after)?;
    // `{{SessionName}}` has no `@` left: sessions with `-` and with `@` are the same name, and the first is one of them.
    let is_possible = is_session_name(session) && !(placeholder == NAME && session.contains('@'));
    is_possible.then(|| session.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_behind_a_name_is_found() {
        let arn = "arn:aws:sts::123456789012:assumed-role/dev/s";
        let caller = Principal::from_caller_identity(arn, "123456789012", "AROAX:s", "").unwrap();
        let session = |template: &str, name: &str| session_named(&Template::parse(template).unwrap(), &caller, name);
        assert_eq!(session("dev:{{SessionName}}", "dev:alice").as_deref(), Some("alice"));
        assert_eq!(session("{{AccountID}}:{{SessionNameRaw}}", "123456789012:a@b.c").as_deref(), Some("a@b.c"));
        assert_eq!(session("dev:{{SessionName}}", "dev:a@b.c"), None);
        assert_eq!(session("dev:{{SessionName}}", "dev:"), None);
        assert_eq!(session("dev:{{SessionName}}", "ops:alice"), None);
        assert_eq!(session("dev", "dev"), None);
        assert_eq!(session("{{SessionName}}:{{AccessKeyID}}", "a:b"), None);
    }
}

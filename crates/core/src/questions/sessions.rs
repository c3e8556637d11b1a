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
        return (Some(entry.username()), Vec::new());
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
    if principal.session_name.is_empty() {
        return None;
    }
    let username = username.and_then(|one| Shape::of(&one, principal));
    let groups: Vec<Shape> = groups.iter().filter_map(|one| Shape::of(one, principal)).collect();
    let subjects = world.rbac().bindings().iter().flat_map(|binding| &binding.subjects);
    let mut sessions = subjects.filter_map(|subject| match subject {
        BindingSubject::User(name) => username.as_ref()?.session(name),
        BindingSubject::Group(name) => groups.iter().find_map(|one| one.session(name)),
        BindingSubject::ServiceAccount { .. } => None,
    });
    sessions.find(|session| *session != principal.session_name).map(str::to_owned)
}

/// What a template makes of a principal's sessions: a fixed beginning and end, and the session's name between them.
pub(super) struct Shape {
    before: String,
    after: String,
    /// `{{SessionName}}` has no `@` left.
    is_raw: bool,
}

impl Shape {
    /// The shape of a template that has one session's name and nothing else that depends on the caller but the account.
    pub(super) fn of(template: &Template, principal: &Principal) -> Option<Self> {
        let text = template.as_str().replace("{{AccountID}}", principal.canonical.account().as_str());
        let (is_raw, (before, after)) = match text.split_once(RAW) {
            Some(parts) => (true, parts),
            None => (false, text.split_once(NAME)?),
        };
        let is_plain = !before.contains("{{") && !after.contains("{{");
        is_plain.then(|| Self { before: before.to_owned(), after: after.to_owned(), is_raw })
    }

    /// The session that has this name, if one can. Of sessions with `@` and with `-`, which `{{SessionName}}` does not
    /// tell apart, it is the one with `-`.
    pub(super) fn session<'n>(&self, name: &'n str) -> Option<&'n str> {
        let session = name.strip_prefix(self.before.as_str())?.strip_suffix(self.after.as_str())?;
        (is_session_name(session) && (self.is_raw || !session.contains('@'))).then_some(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_behind_a_name_is_found() {
        let arn = "arn:aws:sts::123456789012:assumed-role/dev/s";
        let caller = Principal::from_caller_identity(arn, "123456789012", "AROAX:s", "").unwrap();
        let session = |template: &str, name: &str| {
            let shape = Shape::of(&Template::parse(template).unwrap(), &caller)?;
            shape.session(name).map(str::to_owned)
        };
        assert_eq!(session("dev:{{SessionName}}", "dev:alice").as_deref(), Some("alice"));
        assert_eq!(session("{{AccountID}}:{{SessionNameRaw}}", "123456789012:a@b.c").as_deref(), Some("a@b.c"));
        assert_eq!(session("dev:{{SessionName}}", "dev:a@b.c"), None);
        assert_eq!(session("dev:{{SessionName}}", "dev:"), None);
        assert_eq!(session("dev:{{SessionName}}", "ops:alice"), None);
        assert_eq!(session("dev", "dev"), None);
        assert_eq!(session("{{SessionName}}:{{AccessKeyID}}", "a:b"), None);
    }
}

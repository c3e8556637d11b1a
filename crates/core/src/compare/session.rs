//! Finitely many sessions of a principal that stand for all of them.
//!
//! Whoever assumes a role chooses the session's name, and usernames and groups can be made of it. Bindings and
//! authorizers look for finitely many names and groups, so all sessions that come out as none of these are alike. The
//! others are found by solving "the username is that name" for the session: `{{SessionName}}` maps `@` to `-`, so
//! several sessions can come out the same, and one of each kind is taken.

use std::collections::BTreeSet;

use super::pattern::{Bound, Part, Pattern};
use crate::permissions::NODE_PREFIX;
use crate::principal::is_session_name;
use crate::username::is_instance_id;

/// What one session of a principal brings.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Session {
    /// Empty for anything but a role.
    pub(super) name: String,
    pub(super) access_key_id: String,
    pub(super) node_name: Option<String>,
}

/// The names that somebody looks for.
pub(super) struct Names<'a> {
    pub(super) users: BTreeSet<&'a str>,
    pub(super) groups: BTreeSet<&'a str>,
}

const INSTANCE: &str = "i-0123456789abcdef0";
const NODE_NAME: &str = "ip-10-0-0-1.ec2.internal";
/// The access keys of AWS's own examples.
const TEMPORARY_KEY: &str = "ASIAIOSFODNN7EXAMPLE";
const LASTING_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
/// Sessions like any other, the second and third with what templates change.
const ORDINARY: [&str; 3] = ["alice", "alice@example.com", "Q7.z_x@Wv"];

/// Sessions that stand for all: of a role with these usernames and groups, in either World.
pub(super) fn sessions(
    users: &BTreeSet<&Pattern>,
    groups: &BTreeSet<&Pattern>,
    is_role: bool,
    names: &Names<'_>,
) -> Vec<Session> {
    let all = || users.iter().chain(groups).copied();
    let uses = |part: &Part| all().any(|pattern| pattern.has(part));
    let mut bounds: BTreeSet<Bound> = BTreeSet::new();
    for pattern in users.iter().filter(|pattern| pattern.as_text().is_none()) {
        bounds.extend(pattern.solve(&names.users));
        bounds.extend(pattern.solve_beginning(NODE_PREFIX));
    }
    for pattern in groups.iter().filter(|pattern| pattern.as_text().is_none()) {
        bounds.extend(pattern.solve(&names.groups));
    }
    let key = if is_role { TEMPORARY_KEY } else { LASTING_KEY };
    let keys =
        values(key, bounds.iter().filter_map(|bound| bound.access_key.as_deref()).filter(|key| is_access_key(key)));
    if !is_role {
        return keys
            .into_iter()
            .map(|key| Session { name: String::new(), access_key_id: key, node_name: None })
            .collect();
    }
    let node_names = values(NODE_NAME, bounds.iter().filter_map(|bound| bound.node_name.as_deref()));
    let is_for_nodes = uses(&Part::NodeName);
    let session_names = if is_for_nodes || uses(&Part::Session) || uses(&Part::SessionRaw) {
        session_names(&bounds, is_for_nodes)
    } else {
        vec![ORDINARY[0].to_owned()]
    };
    let mut list = Vec::new();
    for name in &session_names {
        let mut hosts = vec![None];
        if is_for_nodes && is_instance_id(name) {
            hosts.extend(node_names.iter().cloned().map(Some));
        }
        for node_name in hosts {
            let node_name = &node_name;
            list.extend(keys.iter().map(|key| Session {
                name: name.clone(),
                access_key_id: key.clone(),
                node_name: node_name.clone(),
            }));
        }
    }
    list
}

fn values<'a>(ordinary: &str, others: impl Iterator<Item = &'a str>) -> Vec<String> {
    let others: BTreeSet<&str> = others.filter(|other| *other != ordinary).collect();
    [ordinary].into_iter().chain(others).map(str::to_owned).collect()
}

/// As the API reference of IAM has it.
fn is_access_key(text: &str) -> bool {
    (16..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn session_names(bounds: &BTreeSet<Bound>, is_for_nodes: bool) -> Vec<String> {
    let raw: BTreeSet<&str> = bounds.iter().filter_map(|bound| bound.session_raw.as_deref()).collect();
    let mut special: BTreeSet<String> = raw.iter().map(|&name| name.to_owned()).collect();
    for session in bounds.iter().filter_map(|bound| bound.session.as_deref()) {
        special.insert(session.to_owned());
        // One more that comes out the same, and is not wanted for what it is.
        special.extend(with_at(session).take(raw.len() + 1).find(|name| !raw.contains(name.as_str())));
    }
    special.retain(|name| is_session_name(name));
    let mut list: Vec<String> = ORDINARY
        .iter()
        .map(|&name| {
            let mut name = name.to_owned();
            while special.contains(&name) || special.contains(&name.replace('@', "-")) {
                name.push('2');
            }
            name
        })
        .collect();
    if is_for_nodes {
        list.push(INSTANCE.to_owned());
    }
    list.extend(special);
    list
}

/// Every session that `{{SessionName}}` turns into this, and that is not this itself.
fn with_at(session: &str) -> impl Iterator<Item = String> + '_ {
    let places: Vec<usize> = session.char_indices().filter(|(_, one)| *one == '-').map(|(at, _)| at).take(20).collect();
    (1_u32..1 << places.len()).map(move |chosen| {
        let is_at = |at: usize| places.iter().position(|place| *place == at).is_some_and(|bit| chosen >> bit & 1 == 1);
        session.char_indices().map(|(at, one)| if is_at(at) { '@' } else { one }).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::PrincipalArn;
    use crate::username::Template;

    fn names(user: &str, group: &str, users: &[&str], groups: &[&str]) -> Vec<String> {
        let principal = PrincipalArn::parse("arn:aws:iam::123456789012:role/R").unwrap();
        let pattern = |text| Pattern::of(&Template::parse(text).unwrap(), &principal);
        let (user, group) = (pattern(user), pattern(group));
        let looked_for = Names { users: users.iter().copied().collect(), groups: groups.iter().copied().collect() };
        let list = sessions(&BTreeSet::from([&user]), &BTreeSet::from([&group]), true, &looked_for);
        list.into_iter()
            .map(|session| session.name + &session.node_name.map(|name| format!(" {name}")).unwrap_or_default())
            .collect()
    }

    #[test]
    fn sessions_that_somebody_looks_for_are_taken_beside_ordinary_ones() {
        assert_eq!(names("admin", "g", &["admin"], &["g"]), ["alice"]);
        let ordinary = ["alice", "alice@example.com", "Q7.z_x@Wv"];
        assert_eq!(names("{{SessionName}}", "g", &["a:b"], &[]), ordinary);
        let found = names("x:{{SessionName}}", "{{SessionNameRaw}}", &["x:bob", "bob"], &["a@b"]);
        assert_eq!(found[..3], ordinary);
        assert_eq!(found[3..], ["a@b", "bob"]);
    }

    #[test]
    fn of_sessions_that_come_out_the_same_one_with_an_at_is_taken() {
        let found = names("{{SessionName}}", "{{SessionNameRaw}}", &["a-b"], &["a@b"]);
        assert_eq!(found[3..], ["a-b", "a@b"]);
        let found = names("{{SessionName}}", "g", &["a-b"], &[]);
        assert_eq!(found[3..], ["a-b", "a@b"]);
        let found = names("{{SessionName}}", "{{SessionNameRaw}}", &["a-b-c"], &["a@b-c"]);
        assert_eq!(found[3..], ["a-b-c", "a-b@c", "a@b-c"]);
    }

    #[test]
    fn an_ordinary_session_is_none_that_somebody_looks_for() {
        let found = names("{{SessionName}}", "g", &["alice", "alice-example.com"], &[]);
        assert_eq!(found[..2], ["alice2", "alice@example.com2"]);
    }

    #[test]
    fn nodes_come_with_and_without_a_name() {
        let found = names("system:node:{{EC2PrivateDNSName}}", "g", &["system:node:ip-1"], &[]);
        assert_eq!(
            found[3..],
            ["i-0123456789abcdef0", "i-0123456789abcdef0 ip-10-0-0-1.ec2.internal", "i-0123456789abcdef0 ip-1"]
        );
    }
}

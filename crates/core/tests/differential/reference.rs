//! The rules once more, slowly and from the documents alone: nothing here uses a function of the crate.
//!
//! Sources: Kubernetes documentation, "Using RBAC Authorization" and the reference of PolicyRule; Amazon EKS user guide,
//! "Grant IAM users and roles access to Kubernetes APIs", its pages on access entries, access policies, authentication
//! modes and aws-auth. It works on plain descriptions: what an administrator said, in order, not what was made of it.

use std::collections::BTreeMap;

use doorward_core::rbac::PolicyRule;

use crate::rules::Asked;

/// A username or group as parts, so that nothing has to be parsed to fill it in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    Text(String),
    SessionName,
    SessionNameRaw,
    AccountId,
    AccessKeyId,
    NodeName,
}

/// A role or a user as IAM names it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Named {
    pub(crate) is_role: bool,
    pub(crate) account: String,
    /// With its slashes.
    pub(crate) path: String,
    pub(crate) name: String,
}

impl Named {
    pub(crate) fn arn(&self) -> String {
        format!(
            "arn:aws:iam::{}:{}{}{}",
            self.account,
            if self.is_role { "role" } else { "user" },
            self.path,
            self.name
        )
    }

    /// What a caller's own ARN, in IAM's form, tells of this principal: a role's session loses the path.
    fn as_callers_show_it(&self) -> String {
        if self.is_role { format!("arn:aws:iam::{}:role/{}", self.account, self.name) } else { self.arn() }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) principal: Named,
    pub(crate) id: Option<String>,
    pub(crate) kind: String,
    /// None for the type's own.
    pub(crate) username: Option<Vec<Part>>,
    pub(crate) groups: Vec<String>,
    /// Policies in the order of association, with namespaces or none for the cluster.
    pub(crate) policies: Vec<(String, Vec<String>)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) is_in_map_users: bool,
    pub(crate) arn: String,
    pub(crate) username: Vec<Part>,
    pub(crate) groups: Vec<Vec<Part>>,
    /// A row that makes no sense, for a reason of its own, and is passed over.
    pub(crate) is_broken: bool,
}

/// What somebody does to the entries of a cluster.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Put(Entry),
    Remove(Named),
}

#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    pub(crate) mode: &'static str,
    pub(crate) steps: Vec<Step>,
    pub(crate) rows: Vec<Row>,
    pub(crate) accounts: Vec<String>,
    pub(crate) creator: Option<String>,
    pub(crate) policies: BTreeMap<String, Vec<PolicyRule>>,
}

/// Who calls, as STS says it.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    Session { account: String, role: String, id: String, session: String, node_name: Option<String> },
    User { account: String, path: String, name: String, id: String },
    Root { account: String },
    Federated { account: String, name: String },
}

impl Caller {
    pub(crate) fn account(&self) -> &str {
        match self {
            Self::Session { account, .. }
            | Self::User { account, .. }
            | Self::Root { account }
            | Self::Federated { account, .. } => account,
        }
    }

    pub(crate) fn id(&self) -> String {
        match self {
            Self::Session { id, .. } | Self::User { id, .. } => id.clone(),
            Self::Root { account } => account.clone(),
            Self::Federated { account, name } => format!("{account}:{name}"),
        }
    }

    /// The ARN without the session.
    pub(crate) fn canonical(&self) -> String {
        match self {
            Self::Session { account, role, .. } => format!("arn:aws:iam::{account}:role/{role}"),
            Self::User { account, path, name, .. } => format!("arn:aws:iam::{account}:user{path}{name}"),
            Self::Root { account } => format!("arn:aws:iam::{account}:root"),
            Self::Federated { account, name } => format!("arn:aws:sts::{account}:federated-user/{name}"),
        }
    }

    fn session(&self) -> &str {
        if let Self::Session { session, .. } = self { session } else { "" }
    }
}

pub(crate) const ACCESS_KEY: &str = "ASIAKEY";

/// Username, groups and what gave them; or `not mapped`, or `username` where a name cannot be filled in.
pub(crate) type Resolved = Result<(String, Vec<String>, String), &'static str>;

pub(crate) fn resolve(cluster: &Cluster, caller: &Caller) -> Resolved {
    let entries_count = cluster.mode == "API" || cluster.mode == "API_AND_CONFIG_MAP";
    let aws_auth_counts = cluster.mode == "CONFIG_MAP" || cluster.mode == "API_AND_CONFIG_MAP";
    if entries_count && let Some(entry) = entry_of(cluster, &caller.id(), Some(&caller.canonical())) {
        let username = fill_in(&username_of(entry), caller)?;
        return Ok((username, groups_of(entry), format!("entry {}", entry.principal.arn())));
    }
    if cluster.mode == "CONFIG_MAP" && cluster.creator == Some(caller.id()) {
        return Ok(("kubernetes-admin".to_owned(), vec!["system:masters".to_owned()], "creator".to_owned()));
    }
    if !aws_auth_counts {
        return Err("not mapped");
    }
    for is_in_map_users in [false, true] {
        let rows: Vec<&Row> = cluster.rows.iter().filter(|row| row.is_in_map_users == is_in_map_users).collect();
        for (index, row) in rows.iter().enumerate().rev() {
            if !row.is_broken && row.arn.to_lowercase() == caller.canonical().to_lowercase() {
                let mut groups = Vec::new();
                for group in &row.groups {
                    groups.push(fill_in(group, caller)?);
                }
                let section = if is_in_map_users { "mapUsers" } else { "mapRoles" };
                return Ok((fill_in(&row.username, caller)?, groups, format!("{section} {index}")));
            }
        }
    }
    match cluster.accounts.iter().position(|account| account == caller.account()) {
        Some(index) => Ok((caller.canonical(), Vec::new(), format!("mapAccounts {index}"))),
        None => Err("not mapped"),
    }
}

/// Who asks, as a SubjectAccessReview says it.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) uid: String,
    pub(crate) principal_id: Option<String>,
    pub(crate) canonical_arn: Option<String>,
}

/// The associations that allow the request (the ARN of the entry, the policy's name), or why there is none.
pub(crate) fn authorize(
    cluster: &Cluster,
    subject: &Subject,
    asked: &Asked,
) -> Result<Vec<(String, String)>, &'static str> {
    let Some(id) = subject.principal_id.as_ref().filter(|id| is_uid_of(&subject.uid, id)) else {
        return Err("not_a_principal");
    };
    if cluster.mode == "CONFIG_MAP" {
        return Err("mode");
    }
    let Some(entry) = entry_of(cluster, id, subject.canonical_arn.as_deref()) else { return Err("no_entry") };
    let mut grants = Vec::new();
    for (policy, namespaces) in associations_of(entry) {
        for rule in &cluster.policies[&policy] {
            if is_in_scope(&namespaces, asked) && allows(rule, asked) {
                grants.push((entry.principal.arn(), policy.clone()));
            }
        }
    }
    if grants.is_empty() { Err("not_covered") } else { Ok(grants) }
}

/// The uid that the token webhook gives to a principal with this id.
fn is_uid_of(uid: &str, id: &str) -> bool {
    ["111111111111", "222222222222"].iter().any(|account| uid == format!("aws-iam-authenticator:{account}:{id}"))
}

/// An entry belongs to whoever has its unique id; one without a unique id, to whoever shows its ARN. Should several
/// belong to one caller, the first in the order in which they are listed counts.
fn entry_of<'a>(cluster: &'a Cluster, id: &str, canonical: Option<&str>) -> Option<&'a Entry> {
    let mut listed: BTreeMap<String, &Entry> = BTreeMap::new();
    for step in &cluster.steps {
        match step {
            Step::Put(entry) => listed.insert(entry.principal.arn(), entry),
            Step::Remove(principal) => listed.remove(&principal.arn()),
        };
    }
    for &entry in listed.values() {
        if entry.id.as_deref() == Some(id) {
            return Some(entry);
        }
    }
    for &entry in listed.values() {
        let shown = entry.principal.as_callers_show_it().to_lowercase();
        if entry.id.is_none() && canonical.is_some_and(|canonical| canonical.to_lowercase() == shown) {
            return Some(entry);
        }
    }
    None
}

/// Associating a policy again replaces its scope.
fn associations_of(entry: &Entry) -> BTreeMap<String, Vec<String>> {
    entry.policies.iter().cloned().collect()
}

fn username_of(entry: &Entry) -> Vec<Part> {
    let text = |text: &str| Part::Text(text.to_owned());
    match (&entry.username, entry.kind.as_str()) {
        (Some(username), _) => username.clone(),
        (None, "EC2_LINUX") => vec![text("system:node:"), Part::NodeName],
        (None, "FARGATE_LINUX") => vec![text("system:node:"), Part::SessionName],
        (None, _) if entry.principal.is_role => {
            let Named { account, name, .. } = &entry.principal;
            vec![text(&format!("arn:aws:sts::{account}:assumed-role/{name}/")), Part::SessionName]
        }
        (None, _) => vec![text(&entry.principal.arn())],
    }
}

fn groups_of(entry: &Entry) -> Vec<String> {
    let mut groups: Vec<String> = match entry.kind.as_str() {
        "EC2_LINUX" => vec!["system:nodes".to_owned()],
        "FARGATE_LINUX" => vec!["system:node-proxier".to_owned(), "system:nodes".to_owned()],
        _ => entry.groups.clone(),
    };
    groups.sort();
    groups.dedup();
    groups
}

fn fill_in(template: &[Part], caller: &Caller) -> Result<String, &'static str> {
    let mut filled = String::new();
    for part in template {
        match part {
            Part::Text(text) => filled += text,
            Part::SessionName => filled += &caller.session().replace('@', "-"),
            Part::SessionNameRaw => filled += caller.session(),
            Part::AccountId => filled += caller.account(),
            Part::AccessKeyId => filled += ACCESS_KEY,
            Part::NodeName => match caller {
                Caller::Session { session, node_name: Some(node_name), .. } if session.starts_with("i-") => {
                    filled += node_name;
                }
                _ => return Err("username"),
            },
        }
    }
    if filled.is_empty() { Err("username") } else { Ok(filled) }
}

fn is_in_scope(namespaces: &[String], asked: &Asked) -> bool {
    if namespaces.is_empty() {
        return true;
    }
    match asked {
        Asked::Resource { namespace, .. } => {
            !namespace.is_empty() && namespaces.iter().any(|pattern| matches(pattern, namespace))
        }
        Asked::Path { .. } => false,
    }
}

/// Whether a pattern with stars matches: a table of which beginnings of the one match which beginnings of the other.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let mut table = vec![vec![false; text.len() + 1]; pattern.len() + 1];
    table[0][0] = true;
    for p in 1..=pattern.len() {
        for t in 0..=text.len() {
            table[p][t] = match pattern[p - 1] {
                '*' => (0..=t).any(|shorter| table[p - 1][shorter]),
                letter => t > 0 && text[t - 1] == letter && table[p - 1][t - 1],
            };
        }
    }
    table[pattern.len()][text.len()]
}

/// Whether a rule allows what is asked: every way to write a rule that would, and whether this one is written so.
pub(crate) fn allows(rule: &PolicyRule, asked: &Asked) -> bool {
    let is_written = |list: &[String], ways: &[String]| ways.iter().any(|way| list.contains(way));
    let either = |word: &str| [word.to_owned(), "*".to_owned()];
    match asked {
        Asked::Resource { verb, group, resource, subresource, name, .. } => {
            let mut resources = vec!["*".to_owned()];
            if subresource.is_empty() {
                resources.push(resource.clone());
            } else {
                resources.push(format!("{resource}/{subresource}"));
                resources.push(format!("*/{subresource}"));
            }
            is_written(&rule.verbs, &either(verb))
                && is_written(&rule.api_groups, &either(group))
                && is_written(&rule.resources, &resources)
                && (rule.resource_names.is_empty() || rule.resource_names.contains(name))
        }
        Asked::Path { verb, path } => {
            let mut paths = vec![path.clone()];
            for at in 0..=path.len() {
                for stars in 1..=3 {
                    paths.push(format!("{}{}", &path[..at], "*".repeat(stars)));
                }
            }
            is_written(&rule.verbs, &either(verb)) && is_written(&rule.non_resource_urls, &paths)
        }
    }
}

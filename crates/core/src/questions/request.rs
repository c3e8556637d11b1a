//! A request in words, as `kubectl auth can-i` takes it: `VERB RESOURCE[/SUBRESOURCE] [NAME]`, or `VERB /path`.

use std::fmt;

use super::resources::{self, SUBRESOURCES};
use crate::arn::printable;
use crate::rbac::{Attributes, NonResourceAttributes, ResourceAttributes};
use crate::suggestion::nearest;

/// Verbs that the API server itself asks for. Source: Kubernetes documentation, "Authorization", request verbs.
const VERBS: [&str; 16] = [
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "use",
    "bind",
    "escalate",
    "impersonate",
    "approve",
    "sign",
    "attest",
    "*",
];

/// Where somebody wants to do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In one namespace.
    Namespace(String),
    /// In all namespaces at once: a cluster-wide request.
    AllNamespaces,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// For objects.
    Resource {
        /// The verb.
        verb: String,
        /// The API group; empty for core.
        group: String,
        /// The plural name.
        resource: String,
        /// Empty for none.
        subresource: String,
        /// Empty for a cluster-wide request.
        namespace: String,
        /// Empty for all.
        name: String,
    },
    /// For a path.
    Path {
        /// The verb, an HTTP method in lower case.
        verb: String,
        /// The path.
        path: String,
    },
}

/// Words that are no request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Nothing there.
    #[error("the verb and the resource must not be empty; try `list pods`")]
    Empty,
    /// A path with what only objects have.
    #[error("`{0}` is a path, which has no name and no subresource")]
    PathWithName(String),
    /// The subresource, or the name, twice.
    #[error("the {part} is given twice: `{first}` and `{second}`")]
    Twice {
        /// Which.
        part: &'static str,
        /// Once.
        first: String,
        /// Again.
        second: String,
    },
    /// A resource of no cluster.
    #[error("`{0}` cannot be the name of a resource: expected lower-case letters, digits, `-` and `.`, or `*`")]
    Resource(String),
}

impl Request {
    /// Reads a request, and what of it had to be guessed.
    ///
    /// # Errors
    /// If it contradicts itself, or names nothing.
    pub fn parse(
        verb: &str,
        what: &str,
        name: Option<&str>,
        subresource: Option<&str>,
        place: &Place,
    ) -> Result<(Self, Vec<String>), RequestError> {
        let (verb, mut notes) = (verb.to_ascii_lowercase(), Vec::new());
        if verb.is_empty() || what.is_empty() {
            return Err(RequestError::Empty);
        }
        if what.starts_with('/') {
            if name.is_some() || subresource.is_some() {
                return Err(RequestError::PathWithName(printable(what)));
            }
            return Ok((Self::Path { verb, path: what.to_owned() }, notes));
        }
        if !VERBS.contains(&verb.as_str()) {
            let meant = nearest(&verb, VERBS).map_or(String::new(), |known| format!("; did you mean `{known}`?"));
            notes.push(format!("`{}` is no verb that Kubernetes itself asks for{meant}", printable(&verb)));
        }
        let (what, behind) = what.split_once('/').map_or((what, None), |(what, behind)| (what, Some(behind)));
        let (mut name, mut subresource) = (name.map(str::to_owned), subresource.map(str::to_owned));
        match behind {
            Some(behind) if SUBRESOURCES.contains(&behind) || behind == "*" => {
                put("subresource", &mut subresource, behind)?;
            }
            Some(behind) => {
                put("name", &mut name, behind)?;
                notes.push(format!(
                    "taking `{0}` for the name of an object, as kubectl does; if it is a subresource: `--subresource \
                     {0}`",
                    printable(behind)
                ));
            }
            None => {}
        }
        let (group, resource, is_namespaced) = resource(what, &mut notes)?;
        let name = name.unwrap_or_default();
        let namespace = match (place, is_namespaced) {
            // The API server takes a request for one namespace as a request in it.
            _ if resource == "namespaces" && group.is_empty() => name.clone(),
            (Place::Namespace(namespace), None | Some(true)) => namespace.clone(),
            _ => String::new(),
        };
        let subresource = subresource.unwrap_or_default();
        Ok((Self::Resource { verb, group, resource, subresource, namespace, name }, notes))
    }

    /// The request as rules are asked about it.
    pub fn attributes(&self) -> Attributes<'_> {
        match self {
            Self::Resource { verb, group, resource, subresource, namespace, name } => {
                Attributes::Resource(ResourceAttributes { verb, group, resource, subresource, namespace, name })
            }
            Self::Path { verb, path } => Attributes::NonResource(NonResourceAttributes { verb, path }),
        }
    }

    /// Whether it is made in one namespace.
    pub fn is_in_a_namespace(&self) -> bool {
        matches!(self, Self::Resource { namespace, .. } if !namespace.is_empty())
    }
}

fn put(part: &'static str, place: &mut Option<String>, value: &str) -> Result<(), RequestError> {
    match place {
        Some(first) if first != value => {
            Err(RequestError::Twice { part, first: printable(first), second: printable(value) })
        }
        _ => {
            *place = Some(value.to_owned());
            Ok(())
        }
    }
}

/// Group and plural name of `pods`, `po`, `deployments.apps`, `deployments.v1.apps`, `widgets.example.com`, and whether
/// its objects are in namespaces, where that is known.
fn resource(text: &str, notes: &mut Vec<String>) -> Result<(String, String, Option<bool>), RequestError> {
    let text = text.to_ascii_lowercase();
    let is_name = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b))
    };
    if text != "*" && !is_name(text.trim_end_matches(".*")) {
        return Err(RequestError::Resource(printable(&text)));
    }
    if text == "*" {
        return Ok((String::new(), text, None));
    }
    let (name, group) = text.split_once('.').map_or((text.as_str(), None), |(name, rest)| (name, Some(rest)));
    let group = group.map(|group| match group.split_once('.') {
        Some((version, group)) if is_version(version) => group,
        _ => group,
    });
    if let Some(known) = resources::find(name, group) {
        return Ok((known.group.to_owned(), known.plural.to_owned(), Some(known.is_namespaced)));
    }
    if group.is_none() {
        let meant = nearest(name, resources::plurals()).map_or(String::new(), |known| format!(" (or `{known}`?)"));
        notes.push(format!(
            "`{name}` is not a resource that every Kubernetes has; taking it as it is, in the core group{meant}. For \
             another group: `{name}.GROUP`"
        ));
    }
    Ok((group.unwrap_or_default().to_owned(), name.to_owned(), None))
}

/// `v1`, `v2beta3`.
fn is_version(text: &str) -> bool {
    text.strip_prefix('v').is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_digit()) && rest.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}

impl fmt::Display for Request {
    /// `delete pods/log "x" of apps in namespace carts`, for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path { verb, path } => write!(f, "{verb} {path}"),
            Self::Resource { verb, group, resource, subresource, namespace, name } => {
                write!(f, "{verb} {resource}")?;
                if !group.is_empty() {
                    write!(f, ".{group}")?;
                }
                if !subresource.is_empty() {
                    write!(f, "/{subresource}")?;
                }
                if !name.is_empty() {
                    write!(f, " `{name}`")?;
                }
                if namespace.is_empty() { f.write_str(" cluster-wide") } else { write!(f, " in namespace {namespace}") }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &str) -> (Request, Vec<String>) {
        let words: Vec<&str> = words.split(' ').collect();
        let place = Place::Namespace("shop".to_owned());
        Request::parse(words[0], words[1], words.get(2).copied(), None, &place).unwrap()
    }

    #[test]
    fn requests_are_read_as_kubectl_reads_them() {
        for (words, shown, notes) in [
            ("list pods", "list pods in namespace shop", 0),
            ("list po", "list pods in namespace shop", 0),
            ("GET Deploy", "get deployments.apps in namespace shop", 0),
            ("get deployments.v1.apps x", "get deployments.apps `x` in namespace shop", 0),
            ("get pods/log", "get pods/log in namespace shop", 0),
            ("get pods/web-0", "get pods `web-0` in namespace shop", 1),
            ("list nodes", "list nodes cluster-wide", 0),
            ("get namespaces carts", "get namespaces `carts` in namespace carts", 0),
            ("list ns", "list namespaces cluster-wide", 0),
            ("get widgets.example.com", "get widgets.example.com in namespace shop", 0),
            ("get widgets", "get widgets in namespace shop", 1),
            ("lst pods", "lst pods in namespace shop", 1),
            ("* *", "* * in namespace shop", 0),
            ("get /healthz", "get /healthz", 0),
        ] {
            let (request, said) = parsed(words);
            assert_eq!((request.to_string().as_str(), said.len()), (shown, notes), "{words}: {said:?}");
        }
    }

    #[test]
    fn what_contradicts_itself_or_names_nothing_is_refused() {
        let place = Place::AllNamespaces;
        for (what, name, subresource, words) in [
            ("", None, None, "must not be empty"),
            ("/x", Some("a"), None, "is a path"),
            ("pods/log", None, Some("exec"), "the subresource is given twice: `exec` and `log`"),
            ("pods/a", Some("b"), None, "the name is given twice"),
            ("po ds", None, None, "`po ds` cannot be the name of a resource"),
        ] {
            let error = Request::parse("get", what, name, subresource, &place).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        let (all, _) = Request::parse("get", "pods", None, Some("log"), &place).unwrap();
        assert_eq!(all.to_string(), "get pods/log cluster-wide");
    }
}

//! One request to the API server, as a witness: something to try out.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::rbac::{Attributes, NonResourceAttributes, ResourceAttributes};

/// What a SubjectAccessReview would ask. Empty fields mean what they mean there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Request {
    /// For API objects.
    #[serde(rename_all = "camelCase")]
    ResourceAttributes {
        /// Such as `delete`.
        verb: String,
        /// API group, empty for the core group.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        group: String,
        /// Such as `pods`.
        resource: String,
        /// Such as `log`, empty for none.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        subresource: String,
        /// Empty for a cluster-wide request.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        namespace: String,
        /// Empty for a list or a create.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        name: String,
    },
    /// For a path.
    #[serde(rename_all = "camelCase")]
    NonResourceAttributes {
        /// Such as `get`.
        verb: String,
        /// Such as `/metrics`.
        path: String,
    },
}

impl Request {
    /// The same, as rules are asked.
    pub fn attributes(&self) -> Attributes<'_> {
        match self {
            Self::ResourceAttributes { verb, group, resource, subresource, namespace, name } => {
                Attributes::Resource(ResourceAttributes { verb, group, resource, subresource, namespace, name })
            }
            Self::NonResourceAttributes { verb, path } => Attributes::NonResource(NonResourceAttributes { verb, path }),
        }
    }
}

impl From<ResourceAttributes<'_>> for Request {
    fn from(asked: ResourceAttributes<'_>) -> Self {
        Self::ResourceAttributes {
            verb: asked.verb.to_owned(),
            group: asked.group.to_owned(),
            resource: asked.resource.to_owned(),
            subresource: asked.subresource.to_owned(),
            namespace: asked.namespace.to_owned(),
            name: asked.name.to_owned(),
        }
    }
}

impl fmt::Display for Request {
    /// As one says it: `delete pods in prod`, `get deployments.apps/scale named web in prod`, `get /metrics`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NonResourceAttributes { verb, path } => write!(f, "{verb} {path}"),
            Self::ResourceAttributes { verb, group, resource, subresource, namespace, name } => {
                write!(f, "{verb} {resource}")?;
                for (mark, text) in [(".", group), ("/", subresource), (" named ", name)] {
                    if !text.is_empty() {
                        write!(f, "{mark}{text}")?;
                    }
                }
                if namespace.is_empty() { f.write_str(" at the cluster scope") } else { write!(f, " in {namespace}") }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_reads_as_one_says_it() {
        let pods = ResourceAttributes { verb: "delete", resource: "pods", namespace: "prod", ..Default::default() };
        assert_eq!(Request::from(pods).to_string(), "delete pods in prod");
        let scale = ResourceAttributes { group: "apps", subresource: "scale", name: "web", namespace: "", ..pods };
        assert_eq!(Request::from(scale).to_string(), "delete pods.apps/scale named web at the cluster scope");
        let path = Request::NonResourceAttributes { verb: "get".to_owned(), path: "/metrics".to_owned() };
        assert_eq!(path.to_string(), "get /metrics");
    }
}

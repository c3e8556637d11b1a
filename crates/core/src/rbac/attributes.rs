//! What a request to the API server asks for, as a SubjectAccessReview carries it.
//!
//! Source: Kubernetes API reference, `authorization.k8s.io/v1`, ResourceAttributes and NonResourceAttributes.

/// One request: either of an object (or a list of them), or of a path such as `/healthz`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attributes<'a> {
    /// A request for API objects.
    Resource(ResourceAttributes<'a>),
    /// A request for anything else.
    NonResource(NonResourceAttributes<'a>),
}

/// A request for API objects. Empty strings mean what they mean in Kubernetes: see each field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResourceAttributes<'a> {
    /// `get`, `list`, `create` …
    pub verb: &'a str,
    /// API group; empty is the core group.
    pub group: &'a str,
    /// Plural resource, such as `pods`.
    pub resource: &'a str,
    /// Subresource, such as `log`; empty for none.
    pub subresource: &'a str,
    /// Namespace; empty for a cluster-wide request.
    pub namespace: &'a str,
    /// Name of the object; empty for a list or a create.
    pub name: &'a str,
}

/// A request for a path that is no API object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NonResourceAttributes<'a> {
    /// Lower-cased HTTP method.
    pub verb: &'a str,
    /// The path.
    pub path: &'a str,
}

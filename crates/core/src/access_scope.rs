//! Access scopes: where an associated access policy counts.
//!
//! Source: Amazon EKS user guide, "Associate access policies with access entries", and the API reference of
//! AccessScope. The guide's only example of a wildcard is a trailing star (`dev-*`); a star elsewhere is taken to mean
//! the same, any run of characters.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

use crate::few::Few;
use crate::rbac::Attributes;
use crate::short_text::ShortText;

/// Where an association counts. Namespaces are never an empty list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "RawAccessScope", try_from = "RawAccessScope")]
pub enum AccessScope {
    /// Everywhere, cluster-wide requests and paths included.
    Cluster,
    /// Only for requests in these namespaces.
    Namespaces(NamespacePatterns),
}

impl AccessScope {
    /// Parses what the API takes: `type` and `namespaces`.
    ///
    /// # Errors
    /// [`AccessScopeError`], whose texts are EKS's own where they are known.
    pub fn parse(kind: &str, namespaces: &[String]) -> Result<Self, AccessScopeError> {
        match kind {
            "cluster" if namespaces.is_empty() => Ok(Self::Cluster),
            "cluster" => Err(AccessScopeError::UnwantedNamespaces),
            "namespace" if namespaces.is_empty() => Err(AccessScopeError::NoNamespaces),
            "namespace" => {
                let mut patterns: Vec<NamespacePattern> = Vec::with_capacity(namespaces.len());
                for namespace in namespaces {
                    let pattern = NamespacePattern::parse(namespace)?;
                    if !patterns.contains(&pattern) {
                        patterns.push(pattern);
                    }
                }
                Ok(Self::Namespaces(patterns.into_iter().collect()))
            }
            other => Err(AccessScopeError::Type(crate::arn::printable(other))),
        }
    }

    /// The API's name of the type.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Namespaces(_) => "namespace",
        }
    }

    /// The namespaces as given, none for the cluster.
    pub fn namespaces(&self) -> &[NamespacePattern] {
        match self {
            Self::Cluster => &[],
            Self::Namespaces(patterns) => patterns,
        }
    }

    /// Whether the request is within this scope. Cluster-wide requests and paths are within no namespace.
    pub fn contains(&self, attributes: &Attributes<'_>) -> bool {
        match (self, attributes) {
            (Self::Cluster, _) => true,
            (Self::Namespaces(patterns), Attributes::Resource(asked)) => {
                !asked.namespace.is_empty() && patterns.iter().any(|pattern| pattern.matches(asked.namespace))
            }
            (Self::Namespaces(_), Attributes::NonResource(_)) => false,
        }
    }
}

/// Patterns of namespaces, as given. Nearly always there is one, so that one takes no allocation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NamespacePatterns(Few<NamespacePattern>);

impl Deref for NamespacePatterns {
    type Target = [NamespacePattern];

    fn deref(&self) -> &[NamespacePattern] {
        self.0.as_slice()
    }
}

impl FromIterator<NamespacePattern> for NamespacePatterns {
    fn from_iter<I: IntoIterator<Item = NamespacePattern>>(patterns: I) -> Self {
        Self(patterns.into_iter().collect())
    }
}

/// A namespace's name, or a pattern in which `*` stands for any run of characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NamespacePattern(ShortText);

impl NamespacePattern {
    /// Parses lower-case letters, digits, `-` and `*`, at most 63 characters (Kubernetes' limit for a namespace).
    ///
    /// # Errors
    /// For anything that no namespace's name could match.
    pub fn parse(text: &str) -> Result<Self, AccessScopeError> {
        let valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'*';
        let edge = |byte: Option<&u8>| byte.is_some_and(|&byte| byte != b'-');
        let bytes = text.as_bytes();
        if bytes.len() <= 63 && bytes.iter().copied().all(valid) && edge(bytes.first()) && edge(bytes.last()) {
            Ok(Self(text.into()))
        } else {
            Err(AccessScopeError::Namespace(crate::arn::printable(text)))
        }
    }

    /// The pattern as given.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether a namespace's name matches.
    pub fn matches(&self, namespace: &str) -> bool {
        wildcard(self.0.as_bytes(), namespace.as_bytes())
    }
}

impl fmt::Display for NamespacePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Matches `*` against any run of bytes, without recursion: on a mismatch only the last star is tried again, so the
/// work is bounded by the product of both lengths whatever the pattern.
fn wildcard(mut pattern: &[u8], mut text: &[u8]) -> bool {
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), text.split_first()) {
            (Some((b'*', rest)), _) => {
                retry = Some((rest, text));
                pattern = rest;
            }
            (Some((wanted, pattern_rest)), Some((found, text_rest))) if wanted == found => {
                (pattern, text) = (pattern_rest, text_rest);
            }
            (None, None) => return true,
            _ => {
                let Some((after_star, from)) = retry else { return false };
                let Some((_, shorter)) = from.split_first() else { return false };
                retry = Some((after_star, shorter));
                (pattern, text) = (after_star, shorter);
            }
        }
    }
}

/// The API's JSON form.
#[derive(Serialize, Deserialize)]
struct RawAccessScope {
    r#type: String,
    #[serde(default)]
    namespaces: Vec<String>,
}

impl From<AccessScope> for RawAccessScope {
    fn from(scope: AccessScope) -> Self {
        let namespaces = scope.namespaces().iter().map(|pattern| pattern.as_str().to_owned()).collect();
        Self { r#type: scope.kind().to_owned(), namespaces }
    }
}

impl TryFrom<RawAccessScope> for AccessScope {
    type Error = AccessScopeError;

    fn try_from(raw: RawAccessScope) -> Result<Self, AccessScopeError> {
        Self::parse(&raw.r#type, &raw.namespaces)
    }
}

/// Not an access scope. The first two texts are EKS's own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessScopeError {
    /// Type `namespace`, no namespaces.
    #[error("At least 1 namespace must be provided if the type is set as namespace")]
    NoNamespaces,
    /// Type `cluster`, with namespaces.
    #[error("accessScope should not include namespaces if the type is not set as namespace")]
    UnwantedNamespaces,
    /// A type that is neither.
    #[error("The accessScope type `{0}` is invalid, it must be one of [cluster, namespace]")]
    Type(String),
    /// A name that no namespace can have.
    #[error(
        "The namespace `{0}` is invalid, it must consist of at most 63 lower case letters, digits, `-` and `*`, \
         and must not begin or end with `-`"
    )]
    Namespace(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rbac::{NonResourceAttributes, ResourceAttributes};
    use proptest::prelude::*;

    fn matches(pattern: &str, namespace: &str) -> bool {
        NamespacePattern::parse(pattern).unwrap().matches(namespace)
    }

    #[test]
    fn a_star_stands_for_any_run_of_characters_and_nothing_else_does() {
        assert!(matches("dev-*", "dev-") && matches("dev-*", "dev-a-b") && matches("*", "x"));
        assert!(matches("*-prod", "a-prod") && matches("a*b*c", "a-b-b-c") && matches("carts", "carts"));
        assert!(!matches("dev-*", "dev") && !matches("carts", "carts2") && !matches("carts", "xcarts"));
        assert!(!matches("*-prod", "a-prod2") && !matches("a*b*c", "a-b"));
    }

    #[test]
    fn a_namespace_scope_contains_no_cluster_wide_request_and_no_path() {
        let scope = AccessScope::parse("namespace", &["*".to_owned()]).unwrap();
        let list = ResourceAttributes { verb: "list", resource: "pods", ..ResourceAttributes::default() };
        assert!(!scope.contains(&Attributes::Resource(list)));
        assert!(scope.contains(&Attributes::Resource(ResourceAttributes { namespace: "a", ..list })));
        assert!(!scope.contains(&Attributes::NonResource(NonResourceAttributes { verb: "get", path: "/api" })));
    }

    #[test]
    fn what_is_no_scope_is_refused() {
        let parse = |kind: &str, list: &[&str]| {
            AccessScope::parse(kind, &list.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()).unwrap_err()
        };
        assert_eq!(parse("namespace", &[]), AccessScopeError::NoNamespaces);
        assert_eq!(parse("cluster", &["a"]), AccessScopeError::UnwantedNamespaces);
        assert_eq!(parse("Cluster", &[]), AccessScopeError::Type("Cluster".into()));
        for name in ["", "A", "a b", "a_b", "-a", "a-", "a.b", "ä", &"a".repeat(64)] {
            assert_eq!(parse("namespace", &[name]), AccessScopeError::Namespace(name.into()), "{name}");
        }
    }

    /// The same question answered in the most obvious way.
    fn slow(pattern: &str, text: &str) -> bool {
        match pattern.chars().next() {
            None => text.is_empty(),
            Some('*') => (0..=text.len()).any(|at| slow(&pattern[1..], &text[at..])),
            Some(one) => text.starts_with(one) && slow(&pattern[1..], &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn the_fast_match_agrees_with_the_obvious_one(pattern in "[ab*]{1,8}", text in "[ab]{0,8}") {
            prop_assert_eq!(matches(&pattern, &text), slow(&pattern, &text));
        }
    }
}

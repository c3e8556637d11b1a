//! Names of clusters, as EKS allows them.
//!
//! Source: EKS API reference, `CreateCluster`: `^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$`. Such a name is safe as a segment of a
//! URL's path and as the name of a file.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::arn::printable;
use crate::text_form::text_form;

/// A valid name of a cluster.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClusterName(Arc<str>);

impl ClusterName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClusterName {
    type Err = ClusterNameError;

    fn from_str(text: &str) -> Result<Self, ClusterNameError> {
        let mut bytes = text.bytes();
        let is_valid = text.len() <= 100
            && bytes.next().is_some_and(|first| first.is_ascii_alphanumeric())
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        if is_valid { Ok(Self(text.into())) } else { Err(ClusterNameError(printable(text))) }
    }
}

text_form!(ClusterName);

/// A name compares, orders and hashes as its text does.
impl std::borrow::Borrow<str> for ClusterName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for ClusterName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What stands where a cluster's name should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a cluster name: expected 1 to 100 letters, digits, `-` or `_`, the first a letter or digit")]
pub struct ClusterNameError(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_name_is_what_eks_allows() {
        for good in ["a", "0", "eks-workshop", "A_b-9", &"a".repeat(100)] {
            assert_eq!(good.parse::<ClusterName>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "_a", "a b", "a/b", "..", "a.b", "é", "a\n", &"a".repeat(101)] {
            assert!(bad.parse::<ClusterName>().is_err(), "{bad}");
        }
    }
}

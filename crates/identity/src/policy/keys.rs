//! The condition keys that a request here can have.
//!
//! A key that is listed and not in a request is *missing*, and IAM says what follows from that. Of any other key nobody
//! here can tell whether AWS would have had it in the request, so a test on it is not certain.
//!
//! Source: Service Authorization Reference, "Amazon Elastic Kubernetes Service", "AWS Identity and Access Management" and
//! "AWS Security Token Service"; IAM User Guide, "AWS global condition context keys".

/// What a policy means by a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// One of [`KEYS`].
    Listed(&'static Listed),
    /// One of [`TAG_PREFIXES`] with a tag's key.
    Tag(&'static str, String),
    /// Anything else.
    Unknown,
}

/// A key that requests here can have.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

/// How many values a key has, and of what kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// At most one value.
    One,
    /// Any number of values: a test needs `ForAllValues:` or `ForAnyValue:`.
    Many,
    /// Any number of values in which `*` stands for any run of characters.
    ManyPatterns,
}

const fn one(name: &'static str) -> Listed {
    Listed { name, kind: Kind::One }
}

/// Every key that is not a tag's. Some are never in a request, because nothing here makes them: MFA, boundaries, calls
/// by a service; they are listed because that is certain.
pub(super) const KEYS: [Listed; 35] = [
    one("aws:CurrentTime"),
    one("aws:EpochTime"),
    one("aws:FederatedProvider"),
    one("aws:MultiFactorAuthAge"),
    one("aws:MultiFactorAuthPresent"),
    one("aws:PrincipalAccount"),
    one("aws:PrincipalArn"),
    one("aws:PrincipalIsAWSService"),
    one("aws:PrincipalServiceName"),
    one("aws:PrincipalType"),
    one("aws:RequestedRegion"),
    one("aws:ResourceAccount"),
    one("aws:SourceIdentity"),
    Listed { name: "aws:TagKeys", kind: Kind::Many },
    one("aws:ViaAWSService"),
    one("aws:userid"),
    one("aws:username"),
    one("eks:accessEntryType"),
    one("eks:accessScope"),
    one("eks:authenticationMode"),
    one("eks:bootstrapClusterCreatorAdminPermissions"),
    one("eks:clusterName"),
    Listed { name: "eks:kubernetesGroups", kind: Kind::Many },
    Listed { name: "eks:namespaces", kind: Kind::ManyPatterns },
    one("eks:policyArn"),
    one("eks:principalArn"),
    one("eks:username"),
    one("iam:PassedToService"),
    one("iam:PermissionsBoundary"),
    one("sts:DurationSeconds"),
    one("sts:ExternalId"),
    one("sts:RoleSessionName"),
    one("sts:SourceIdentity"),
    Listed { name: "sts:TransitiveTagKeys", kind: Kind::Many },
    Listed { name: "aws:CalledVia", kind: Kind::Many },
];

/// Keys that are followed by the key of a tag.
pub(super) const TAG_PREFIXES: [&str; 4] =
    ["aws:PrincipalTag/", "aws:RequestTag/", "aws:ResourceTag/", "iam:ResourceTag/"];

impl Key {
    /// Finds a key by its name, whatever its case.
    pub(super) fn parse(name: &str) -> Self {
        if let Some(listed) = KEYS.iter().find(|listed| listed.name.eq_ignore_ascii_case(name)) {
            return Self::Listed(listed);
        }
        for prefix in TAG_PREFIXES {
            if let Some((start, tag)) = name.split_at_checked(prefix.len())
                && start.eq_ignore_ascii_case(prefix)
                && !tag.is_empty()
            {
                return Self::Tag(prefix, tag.to_owned());
            }
        }
        Self::Unknown
    }

    /// How many values it has; `None` for an unknown key.
    pub(super) fn kind(&self) -> Option<Kind> {
        match self {
            Self::Listed(listed) => Some(listed.kind),
            Self::Tag(..) => Some(Kind::One),
            Self::Unknown => None,
        }
    }
}

/// Whether two keys of tags are one to a condition. IAM's keys know no case, so neither does a tag's key in them.
pub(super) fn is_same_tag(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || (!(a.is_ascii() && b.is_ascii()) && a.to_lowercase() == b.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_know_no_case_and_a_tag_needs_a_name() {
        assert!(matches!(Key::parse("EKS:PRINCIPALARN"), Key::Listed(listed) if listed.name == "eks:principalArn"));
        assert_eq!(Key::parse("AWS:resourcetag/Team"), Key::Tag("aws:ResourceTag/", "Team".to_owned()));
        for unknown in ["aws:ResourceTag/", "aws:SourceIp", "principalArn", "", "aws:PrincipalTa\u{e9}/x"] {
            assert_eq!(Key::parse(unknown), Key::Unknown, "{unknown}");
        }
    }

    #[test]
    fn no_key_is_listed_twice() {
        for (number, key) in KEYS.iter().enumerate() {
            assert!(
                KEYS.iter().skip(number + 1).all(|other| !other.name.eq_ignore_ascii_case(key.name)),
                "{}",
                key.name
            );
        }
    }
}

//! Types of access entries, and what each fixes of the Kubernetes identity.
//!
//! Source: API reference of CreateAccessEntry (`type`), user guide "Create access entries". What AWS does not print
//! is chosen as aws-auth has it for the same nodes: the groups of Windows and Fargate nodes, and the identity of EC2
//! (Auto Mode) and HyperPod nodes.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::AccessEntryError;
use crate::principal::{Principal, PrincipalArn, PrincipalKind};
use crate::username::{self, Placeholder, RenderError, Template};

/// What an entry is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EntryType {
    /// People and programs.
    #[default]
    Standard,
    /// Self-managed and managed Linux nodes on EC2.
    Ec2Linux,
    /// Windows nodes on EC2.
    Ec2Windows,
    /// Pods on Fargate.
    FargateLinux,
    /// Hybrid nodes.
    HybridLinux,
    /// Nodes of EKS Auto Mode.
    Ec2,
    /// SageMaker HyperPod nodes.
    HyperpodLinux,
}

impl EntryType {
    const ALL: [Self; 7] = [
        Self::Standard,
        Self::Ec2Linux,
        Self::Ec2Windows,
        Self::FargateLinux,
        Self::HybridLinux,
        Self::Ec2,
        Self::HyperpodLinux,
    ];

    /// Parses the API's spelling; AWS's older texts write `EC2_Linux`, so case does not matter.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    /// The API's spelling.
    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::Ec2Linux => "EC2_LINUX",
            Self::Ec2Windows => "EC2_WINDOWS",
            Self::FargateLinux => "FARGATE_LINUX",
            Self::HybridLinux => "HYBRID_LINUX",
            Self::Ec2 => "EC2",
            Self::HyperpodLinux => "HYPERPOD_LINUX",
        }
    }

    /// Whether username and groups come from the type and cannot be set.
    pub fn is_for_nodes(self) -> bool {
        self != Self::Standard
    }

    /// Whether access policies can be associated: with the entries of people, and of Auto Mode nodes.
    pub fn takes_access_policies(self) -> bool {
        matches!(self, Self::Standard | Self::Ec2)
    }

    /// The username when the request names none. A role's default drops the path, as the session's ARN does.
    ///
    /// # Errors
    /// If the principal's own path reads like a placeholder: nobody could be told apart by such a name.
    pub fn default_username(self, principal: &PrincipalArn) -> Result<Template, AccessEntryError> {
        Template::parse(&self.default_username_text(principal))
            .map_err(|error| AccessEntryError::Username(error.to_string()))
    }

    /// The same, not read as a template yet.
    pub(super) fn default_username_text(self, principal: &PrincipalArn) -> Cow<'_, str> {
        match self {
            Self::Standard if principal.kind() == PrincipalKind::Role => {
                sessions_of_role(principal, Placeholder::SessionName.as_str()).into()
            }
            Self::Standard => principal.as_str().into(),
            Self::Ec2Linux | Self::Ec2Windows | Self::Ec2 => "system:node:{{EC2PrivateDNSName}}".into(),
            Self::FargateLinux | Self::HybridLinux | Self::HyperpodLinux => "system:node:{{SessionName}}".into(),
        }
    }

    /// What [`Self::default_username`] gives for a caller.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub(super) fn default_username_of(
        self,
        principal: &PrincipalArn,
        caller: &Principal,
    ) -> Result<String, RenderError> {
        if self == Self::Standard && principal.kind() == PrincipalKind::Role {
            // At each login, so it is not read as a template first. A role's name has no braces.
            return Ok(sessions_of_role(principal, &caller.session_name_without_at()));
        }
        username::render(&self.default_username_text(principal), caller)
    }

    /// The groups when the request names none.
    pub fn default_groups(self) -> Vec<String> {
        let groups: &[&str] = match self {
            Self::Standard => &[],
            Self::Ec2Linux | Self::HybridLinux | Self::Ec2 | Self::HyperpodLinux => &["system:nodes"],
            Self::Ec2Windows => &["eks:kube-proxy-windows", "system:nodes"],
            Self::FargateLinux => &["system:node-proxier", "system:nodes"],
        };
        groups.iter().map(|&group| group.to_owned()).collect()
    }

    /// Checks that what a request sets may be set for this type.
    ///
    /// # Errors
    /// With EKS's texts.
    pub fn accepts(self, username: bool, groups: bool) -> Result<(), AccessEntryError> {
        match self {
            Self::Standard => Ok(()),
            kind if username => Err(AccessEntryError::UsernameNotAllowed(kind)),
            kind if groups => Err(AccessEntryError::GroupsNotAllowed(kind)),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for EntryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The ARN of a role's session, with this as the session's name. Not by `format!`, which is slower.
fn sessions_of_role(role: &PrincipalArn, session: &str) -> String {
    let account = role.account();
    ["arn:", role.partition().name(), ":sts::", account.as_str(), ":assumed-role/", role.name(), "/", session].concat()
}

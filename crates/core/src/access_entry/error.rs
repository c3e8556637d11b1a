//! What is refused of access entries, in EKS's own words where they are known.
//!
//! Terraform and others branch on these texts, so they are part of the interface: do not improve them.

use crate::access_policy::{AccessPolicyArn, AccessPolicyArnError};
use crate::access_scope::AccessScopeError;

use super::entry_type::EntryType;
use super::tags::TagError;

const NODE_TYPES: &str = "[EC2_LINUX, EC2_WINDOWS, FARGATE_LINUX, HYBRID_LINUX, EC2]";

/// Why a request about an access entry is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessEntryError {
    /// Not the ARN of a role or a user.
    #[error("The principalArn parameter format is not valid")]
    PrincipalFormat,
    /// A role of an AWS service.
    #[error("The caller is not allowed to modify access entries with a principalArn value of a Service Linked Role")]
    ServiceLinkedRole,
    /// No such role or user.
    #[error("The specified principalArn is invalid: invalid principal.")]
    InvalidPrincipal,
    /// No such type.
    #[error(
        "The specified type `{0}` is invalid, it must be one of [STANDARD, EC2_LINUX, EC2_WINDOWS, FARGATE_LINUX, \
         HYBRID_LINUX, EC2, HYPERPOD_LINUX]"
    )]
    UnknownType(String),
    /// A user cannot be a node.
    #[error("AccessEntry principalArn must be IAM role when using types {NODE_TYPES}")]
    NodeMustBeRole,
    /// Nodes belong to the cluster's account.
    #[error("AccessEntry principalArn must be from the same account as the cluster when using types {NODE_TYPES}")]
    NodeFromOtherAccount,
    /// A node's username comes from its type.
    #[error("The specified username is invalid: setting username is not allowed when the type is \"{0}\"")]
    UsernameNotAllowed(EntryType),
    /// A node's groups come from its type.
    #[error(
        "The specified kubernetesGroups is invalid: setting kubernetesGroups is not allowed when the type is \"{0}\""
    )]
    GroupsNotAllowed(EntryType),
    /// A username of the system's or of AWS's.
    #[error("The username must not begin with {0}")]
    UsernamePrefix(&'static str),
    /// A session's name would be the whole username, and whoever assumes the role chooses it.
    #[error("The username must contain a colon before {{{{SessionName}}}} or {{{{SessionNameRaw}}}}")]
    UsernameWithoutColon,
    /// A placeholder that entries do not have, or something that cannot be a username.
    #[error("The specified username is invalid: {0}")]
    Username(String),
    /// A group of the system's or of AWS's.
    #[error("The kubernetes group name {group} is invalid, it cannot start with {prefix}")]
    GroupPrefix {
        /// The group.
        group: String,
        /// The reserved prefix.
        prefix: &'static str,
    },
    /// Something that cannot be a group.
    #[error("The kubernetes group name `{0}` is invalid, it must have 1 to 256 printable characters and no `{{{{`")]
    Group(String),
    /// Tags.
    #[error(transparent)]
    Tags(#[from] TagError),
    /// Policies do not go with entries of nodes.
    #[error("This operation can only be performed on Access Entries with a type of \"STANDARD\"")]
    NotStandard,
    /// Not the ARN of an access policy.
    #[error(transparent)]
    PolicyFormat(#[from] AccessPolicyArnError),
    /// No such policy in this partition.
    #[error(
        "The specified policyArn could not be found. You can view your available access policies with \
         'list-access-policies'"
    )]
    PolicyNotFound,
    /// Only for roles of AWS services.
    #[error("The access policy {0} can only be associated with a Service Linked Role")]
    PolicyForServiceLinkedRoles(AccessPolicyArn),
    /// The scope.
    #[error(transparent)]
    Scope(#[from] AccessScopeError),
    /// Nothing to disassociate.
    #[error("The specified policyArn is not associated with the access entry")]
    NotAssociated,
    /// The entry exists.
    #[error("The specified access entry resource is already in use on this cluster.")]
    AlreadyExists,
    /// The entry does not exist.
    #[error(
        "The specified principalArn could not be found. You can view your available access entries with \
         'list-access-entries'."
    )]
    NotFound,
    /// The mode does not know entries.
    #[error(
        "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation."
    )]
    Mode,
}

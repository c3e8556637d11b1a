//! A caller whose signature held: who it is, and what its own policies let it do.

use std::sync::Arc;

use doorward_core::account_id::AccountId;
use doorward_core::partition::Partition;
use doorward_core::principal::{Principal, PrincipalError};
use jiff::Timestamp;

use crate::directory::{Role, User};
use crate::policy::identity::evaluate;
use crate::policy::{Context, Request, Verdict};

/// An authenticated caller. [`crate::authenticate()`] and [`crate::token`] make them; nothing else should.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who it is.
    pub identity: Identity,
    /// The account it belongs to.
    pub account: AccountId,
    /// The partition of that account.
    pub partition: Partition,
    /// The key that signed.
    pub access_key_id: String,
    /// Whether that key is a temporary one.
    pub is_temporary: bool,
}

/// Who a caller is.
#[derive(Clone, Debug)]
pub enum Identity {
    /// The account itself.
    Root,
    /// A user.
    User(Arc<User>),
    /// A session of a role.
    RoleSession {
        /// The role.
        role: Arc<Role>,
        /// The name that whoever assumed it gave the session.
        session_name: String,
    },
}

impl Caller {
    /// The ARN that `GetCallerIdentity` answers: the session's for a role, without the role's path.
    pub fn arn(&self) -> String {
        match &self.identity {
            Identity::Root => format!("arn:{}:iam::{}:root", self.partition, self.account),
            Identity::User(user) => user.arn.to_string(),
            Identity::RoleSession { role, session_name } => role.arn.session_arn(session_name),
        }
    }

    /// The user id that `GetCallerIdentity` answers: `AIDA…`, `AROA…:SESSION`, or the account for root.
    pub fn user_id(&self) -> String {
        match &self.identity {
            Identity::Root => self.account.to_string(),
            Identity::User(user) => user.id.to_string(),
            Identity::RoleSession { role, session_name } => format!("{}:{session_name}", role.id),
        }
    }

    /// The caller in the words of access entries and identity mappings.
    ///
    /// # Errors
    /// Not for a caller that this crate made.
    pub fn principal(&self) -> Result<Principal, PrincipalError> {
        if let Identity::RoleSession { role, session_name } = &self.identity {
            return Principal::of_role_session(&role.arn, &role.id, session_name, &self.access_key_id);
        }
        Principal::from_caller_identity(&self.arn(), self.account.as_str(), &self.user_id(), &self.access_key_id)
    }

    /// Root, or a user marked as administrator. A role is never one, however generous its policies are.
    pub fn is_administrator(&self) -> bool {
        match &self.identity {
            Identity::Root => true,
            Identity::User(user) => user.is_administrator,
            Identity::RoleSession { .. } => false,
        }
    }

    /// What policies can ask of the caller and of the moment. Operations add what they know of the request.
    ///
    /// Source: IAM User Guide, "AWS global condition context keys". Nobody has a second factor here, so the key is there
    /// for temporary credentials alone, and says no, as in AWS.
    pub fn context<'a>(&'a self, region: &'a str, now: Timestamp) -> Context<'a> {
        let mut context = Context::default();
        context.set("aws:CurrentTime", now.to_string());
        context.set("aws:EpochTime", now.as_second().to_string());
        context.set("aws:RequestedRegion", region);
        context.set("aws:PrincipalAccount", self.account.as_str());
        context.set("aws:PrincipalIsAWSService", "false");
        context.set("aws:ViaAWSService", "false");
        context.set("aws:userid", self.user_id());
        if self.is_temporary {
            context.set("aws:MultiFactorAuthPresent", "false");
        }
        match &self.identity {
            Identity::Root => {
                context.set("aws:PrincipalArn", self.arn());
                context.set("aws:PrincipalType", "Account");
            }
            Identity::User(user) => {
                context.set("aws:PrincipalArn", user.arn.as_str());
                context.set("aws:PrincipalType", "User");
                context.set("aws:username", user.arn.name());
                context.set_tags("aws:PrincipalTag/", user.tags.pairs());
            }
            // The role and not its session, with the role's path.
            Identity::RoleSession { role, .. } => {
                context.set("aws:PrincipalArn", role.arn.as_str());
                context.set("aws:PrincipalType", "AssumedRole");
                context.set_tags("aws:PrincipalTag/", role.tags.pairs());
            }
        }
        context
    }

    /// What the caller's own policies say, the administrator's word included.
    pub fn evaluate(&self, request: &Request<'_>) -> Verdict {
        match &self.identity {
            _ if self.is_administrator() => Verdict::Allowed,
            Identity::Root => Verdict::Allowed,
            Identity::User(user) => evaluate(user.policies.values(), request),
            Identity::RoleSession { role, .. } => evaluate(role.policies.values(), request),
        }
    }
}

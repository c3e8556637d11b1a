//! The username of an entry: the row's own, or one that stands for it.
//!
//! EKS refuses the prefixes `system:`, `eks:`, `aws:`, `amazon:` and `iam:`, the session's name without a colon before
//! it, and other placeholders. Then the username is `aws-auth:` and the old one, and bindings of `kind: User` are
//! copied. A username that is empty, or has the access key in it, becomes the entry's default: the session's ARN.

use super::known::Known;
use super::pattern::Pattern;
use super::stop::Stop;
use super::target::{Renamed, Target};
use super::verdict::{ChangeKind, DropCode, KeepCode};
use crate::access_entry::{NewAccessEntry, Tags};
use crate::aws_auth::Authenticator;
use crate::principal::{PrincipalArn, PrincipalKind};
use crate::username::Template;

/// Gives the entry the username of the row.
///
/// # Errors
/// [`Stop`] if no entry lets in the same callers.
pub(super) fn set_username(target: &mut Target, template: &Template, known: &Known<'_>) -> Result<(), Stop> {
    let principal = target.principal.arn.clone();
    let pattern = Pattern::new(template, &principal);
    refuse_instances(&pattern, &principal)?;
    refuse_empty(&pattern, known)?;
    let written = pattern.written();
    if is_accepted(&written, &principal) && gives_the_same(&written, &pattern, &principal) {
        target.username = Some(written);
        return Ok(());
    }
    if pattern.literal() == Some("") {
        target.changes(
            ChangeKind::IdentityChanged,
            "the username is empty in aws-auth, and the session's ARN with an entry",
        );
        return Ok(());
    }
    if pattern.has_access_key() {
        access_key(target, template, &pattern, known);
        return Ok(());
    }
    let username = known.names.user_template(&written);
    if !is_accepted(&username, &principal) {
        let reason = format!("no entry can have the username `{template}`, nor `{username}` in its place");
        return Err(Stop::kept(KeepCode::Refused, reason).advise("shorten it in aws-auth, and plan again"));
    }
    target.changes(
        ChangeKind::IdentityChanged,
        format!("the username `{template}` becomes `{username}`: audit logs and admission see the new one"),
    );
    target.username = Some(username);
    target.renamed.push(Renamed::Users(pattern));
    Ok(())
}

/// A row whose username is an instance's lets in instances alone, a user never; an entry lets in every session.
pub(super) fn refuse_instances(pattern: &Pattern, principal: &PrincipalArn) -> Result<(), Stop> {
    if !pattern.is_for_instances() {
        return Ok(());
    }
    if principal.kind() != PrincipalKind::Role {
        let reason = "`{{EC2PrivateDNSName}}` needs a role's session, so the row refuses this user";
        return Err(Stop::dropped(DropCode::Username, reason));
    }
    let reason = "the row lets in sessions of EC2 instances alone, and an entry of type STANDARD every session of the \
                  role; with the mode API they lose access";
    let advice = "if these are nodes, write `system:node:{{EC2PrivateDNSName}}` and `system:nodes`; else take another \
                  username";
    Err(Stop::kept(KeepCode::InstancesOnly, reason).advise(advice))
}

/// A username or group that comes out empty: Doorward refuses the caller, AWS's authenticator does not mind.
pub(super) fn refuse_empty(pattern: &Pattern, known: &Known<'_>) -> Result<(), Stop> {
    let is_refused = known.world.aws_auth().authenticator() == Authenticator::Doorward;
    if pattern.literal() != Some("") || !is_refused {
        return Ok(());
    }
    let reason = "its username or one of its groups is empty for a principal without a session, so the row refuses it";
    Err(Stop::dropped(DropCode::Username, reason))
}

/// Bindings can name a user's key, and no entry can.
fn access_key(target: &mut Target, template: &Template, pattern: &Pattern, known: &Known<'_>) {
    target.changes(
        ChangeKind::IdentityChanged,
        format!("the username `{template}` becomes the session's ARN: no entry has the access key in its username"),
    );
    if known.rbac.is_none() {
        let text = "RBAC was not read: if anything is bound to users of such names, it is not given to this principal";
        target.changes(ChangeKind::Lost, text);
        return;
    }
    let named: Vec<String> = known.named.of_users(pattern).iter().map(|(name, _)| format!("`{name}`")).collect();
    if !named.is_empty() {
        let text = format!("what is bound to the users {} is not given to this principal", named.join(", "));
        target.changes(ChangeKind::Lost, text);
    }
}

/// Whether EKS takes a username for a principal's entry.
fn is_accepted(username: &str, principal: &PrincipalArn) -> bool {
    // An empty one is taken for none.
    !username.is_empty() && NewAccessEntry::parse(principal.as_str(), None, Some(username), None, Tags::new()).is_ok()
}

/// Whether an entry's username gives each caller what the row's pattern gives.
fn gives_the_same(username: &str, pattern: &Pattern, principal: &PrincipalArn) -> bool {
    Template::parse(username).is_ok_and(|template| Pattern::new(&template, principal) == *pattern)
}

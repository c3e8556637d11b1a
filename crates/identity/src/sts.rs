//! The decisions of STS: who may assume which role, for how long, and what temporary credentials they get.
//!
//! Source: STS API Reference (`AssumeRole`, `GetSessionToken`, `GetCallerIdentity`); IAM User Guide, "Policy evaluation
//! logic" and "Role chaining".

use std::sync::Arc;

use doorward_core::principal::{PrincipalArn, PrincipalKind, is_session_name};
use jiff::Timestamp;

use crate::caller::{Caller, Identity};
use crate::directory::{Directory, Role, SESSION_DURATION};
use crate::policy::trust::{Trust, TrustRequest};
use crate::policy::{Context, Request, Verdict};
use crate::printable::printable;
use crate::random::Random;
use crate::session::{SessionCredentials, SessionError, SessionKey, SessionSubject, issue};

/// Longest session of a role that was assumed by a session of a role, in seconds.
pub const CHAINED_DURATION: u32 = 3_600;

/// Shortest and longest life of a user's session, in seconds.
pub const USER_SESSION_DURATION: std::ops::RangeInclusive<u32> = 900..=129_600;

/// What `AssumeRole` is asked for.
#[derive(Clone, Copy, Debug)]
pub struct AssumeRole<'a> {
    /// The role's ARN, path included.
    pub role_arn: &'a str,
    /// What the session is to be called.
    pub session_name: &'a str,
    /// How long it is to live; an hour where nobody says.
    pub duration_seconds: Option<u32>,
    /// What the role's trust policy may ask for.
    pub external_id: Option<&'a str>,
    /// The region that the request was signed for.
    pub region: &'a str,
}

/// What `AssumeRole` answers.
#[derive(Clone, Debug)]
pub struct AssumedRole {
    /// The credentials of the session.
    pub credentials: SessionCredentials,
    /// `arn:…:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
    pub arn: String,
    /// `AROA…:SESSION`.
    pub id: String,
}

/// What `GetCallerIdentity` answers. Everybody may ask it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerIdentity {
    /// The account.
    pub account: String,
    /// The caller's ARN.
    pub arn: String,
    /// The unique id, with the session's name for a role.
    pub user_id: String,
}

/// STS's `GetCallerIdentity`.
pub fn get_caller_identity(caller: &Caller) -> CallerIdentity {
    CallerIdentity { account: caller.account.to_string(), arn: caller.arn(), user_id: caller.user_id() }
}

/// STS's `AssumeRole`.
///
/// # Errors
/// [`StsError::AccessDenied`] for a role that does not exist as for one that does not trust the caller: nobody learns
/// from here which roles there are.
pub fn assume_role(
    directory: &Directory,
    sessions: &SessionKey,
    caller: &Caller,
    request: &AssumeRole<'_>,
    now: Timestamp,
    random: &mut dyn Random,
) -> Result<AssumedRole, StsError> {
    let arn = PrincipalArn::parse(request.role_arn).ok().filter(|arn| arn.kind() == PrincipalKind::Role);
    let arn = arn.ok_or_else(|| StsError::Parameter { name: "roleArn", value: printable(request.role_arn) })?;
    if !is_session_name(request.session_name) || request.session_name.len() < 2 {
        return Err(StsError::Parameter { name: "roleSessionName", value: printable(request.session_name) });
    }
    let duration = request.duration_seconds.unwrap_or(3_600);
    if !SESSION_DURATION.contains(&duration) {
        return Err(StsError::Parameter { name: "durationSeconds", value: duration.to_string() });
    }
    let Some(caller_arn) = principal_arn(caller) else { return Err(StsError::Root) };
    let denied = || StsError::AccessDenied { caller: caller.arn(), resource: arn.to_string() };
    let role = directory.role(arn.account(), arn.name()).filter(|role| role.arn == arn).ok_or_else(denied)?;
    let mut context = caller.context(request.region, now);
    context.set("sts:RoleSessionName", request.session_name);
    context.set("sts:DurationSeconds", duration.to_string());
    context.set_all("sts:ExternalId", request.external_id);
    context.set("aws:ResourceAccount", role.arn.account().to_string());
    for prefix in ["aws:ResourceTag/", "iam:ResourceTag/"] {
        context.set_tags(prefix, role.tags.pairs());
    }
    if !is_trusted(directory, caller, &caller_arn, role, &context) {
        return Err(denied());
    }
    if duration > role.max_session_duration {
        return Err(StsError::LongerThanRoleAllows);
    }
    if matches!(caller.identity, Identity::RoleSession { .. }) && duration > CHAINED_DURATION {
        return Err(StsError::LongerThanChainAllows);
    }
    let session_name = request.session_name.to_owned();
    let subject = SessionSubject::Role { id: role.id.clone(), session_name };
    Ok(AssumedRole {
        credentials: issue(sessions, subject, duration, now, random)?,
        arn: role.arn.session_arn(request.session_name),
        id: format!("{}:{}", role.id, request.session_name),
    })
}

/// STS's `GetSessionToken`.
///
/// # Errors
/// With temporary credentials, which could otherwise renew themselves for ever; for a duration out of range.
pub fn get_session_token(
    sessions: &SessionKey,
    caller: &Caller,
    duration_seconds: Option<u32>,
    now: Timestamp,
    random: &mut dyn Random,
) -> Result<SessionCredentials, StsError> {
    let (subject, default) = match &caller.identity {
        _ if caller.is_temporary => return Err(StsError::Temporary),
        Identity::RoleSession { .. } => return Err(StsError::Temporary),
        Identity::User(user) => (SessionSubject::User { id: user.id.clone() }, 43_200),
        Identity::Root => (SessionSubject::Root { account: caller.account }, 3_600),
    };
    let duration = duration_seconds.unwrap_or(default);
    if !USER_SESSION_DURATION.contains(&duration) {
        return Err(StsError::Parameter { name: "durationSeconds", value: duration.to_string() });
    }
    // For root, AWS gives an hour to whoever asks for more.
    let duration = if matches!(caller.identity, Identity::Root) { duration.min(3_600) } else { duration };
    Ok(issue(sessions, subject, duration, now, random)?)
}

/// Trust of the role and permission of the caller. Within one account a role that names the caller is enough; one that
/// names the account leaves it to the caller's policies; across accounts both have to agree. A denial on either side
/// is final.
fn is_trusted(
    directory: &Directory,
    caller: &Caller,
    caller_arn: &PrincipalArn,
    role: &Arc<Role>,
    context: &Context<'_>,
) -> bool {
    let full_arn = caller.arn();
    let request = TrustRequest { account: caller.account, principal: caller_arn, caller_arn: &full_arn, context };
    let is_same =
        |arn: &PrincipalArn| role.trusted_ids.get(arn).is_some_and(|id| directory.id_of(arn).as_ref() == Some(id));
    let trust = role.trust.evaluate(&request, is_same);
    let verdict = caller.evaluate(&Request { action: "sts:AssumeRole", resource: role.arn.as_str(), context });
    match (trust, verdict) {
        (Trust::None | Trust::Denied, _) | (_, Verdict::Denied) => false,
        (_, Verdict::Allowed) => true,
        (Trust::Direct, Verdict::NotAllowed) => caller.account == role.arn.account(),
        (Trust::ByAccount, Verdict::NotAllowed) => false,
    }
}

/// The caller in IAM's form, with its path; `None` for root, which may not assume roles.
fn principal_arn(caller: &Caller) -> Option<PrincipalArn> {
    match &caller.identity {
        Identity::Root => None,
        Identity::User(user) => Some(user.arn.clone()),
        Identity::RoleSession { role, .. } => Some(role.arn.clone()),
    }
}

/// Why STS gives no credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StsError {
    /// AWS's `AccessDenied`.
    #[error("`{caller}` is not allowed to assume `{resource}`")]
    AccessDenied {
        /// Who asked.
        caller: String,
        /// For which role.
        resource: String,
    },
    /// The account itself may not assume roles.
    #[error("roles may not be assumed by root accounts")]
    Root,
    /// A parameter is out of its range; AWS's `ValidationError`.
    #[error("the value `{value}` of {name} is not allowed")]
    Parameter {
        /// As AWS's messages spell it: `roleArn`, `durationSeconds`, …
        name: &'static str,
        /// At most 200 characters of it, in printable form.
        value: String,
    },
    /// More than the role's own maximum.
    #[error("the requested duration exceeds the longest session of this role")]
    LongerThanRoleAllows,
    /// More than an hour from a session of a role.
    #[error("the requested duration exceeds the hour that is allowed to roles assumed by a role")]
    LongerThanChainAllows,
    /// `GetSessionToken` with temporary credentials.
    #[error("temporary credentials cannot ask for a session token")]
    Temporary,
    /// No credentials could be made.
    #[error(transparent)]
    Session(#[from] SessionError),
}

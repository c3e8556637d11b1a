//! Errors of STS and IAM, in AWS's codes, statuses and words. The one place that knows them.

use doorward_identity::AuthError;
use doorward_identity::directory::{DirectoryError, EntityKind};
use doorward_identity::session::SessionError;
use doorward_identity::sts::StsError;
use doorward_sigv4::{VerifyError, format_timestamp, parse_timestamp};
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::json;

use super::xml::Xml;
use super::{Format, Service};
use crate::error::UNCONFIRMED;
use crate::permission::Refusal;

/// A request that was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// AWS's code, such as `NoSuchEntity`.
    pub code: &'static str,
    /// The HTTP status.
    pub status: StatusCode,
    /// A sentence.
    pub message: String,
    /// Whose fault it is.
    pub fault: Fault,
}

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The caller's.
    Sender,
    /// The server's.
    Receiver,
}

impl ApiError {
    /// An error of the caller's.
    pub fn sender(code: &'static str, status: u16, message: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        Self { code, status, message: message.into(), fault: Fault::Sender }
    }

    /// An error of the server's: nothing was changed, and the caller may try again.
    pub fn internal() -> Self {
        Self {
            code: "ServiceFailure",
            status: StatusCode::INTERNAL_SERVER_ERROR,
            message: "The request could not be processed, and nothing was changed; try again.".to_owned(),
            fault: Fault::Receiver,
        }
    }

    /// An error of the server's after which nobody knows whether something was changed.
    pub(crate) fn unconfirmed() -> Self {
        Self { message: UNCONFIRMED.to_owned(), ..Self::internal() }
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::sender("ValidationError", 400, message)
    }

    pub(crate) fn missing(name: &str) -> Self {
        let mut field = name.chars();
        let first = field.next().map(|c| c.to_ascii_lowercase()).into_iter();
        let field: String = first.chain(field).collect();
        Self::validation(format!(
            "1 validation error detected: Value null at '{field}' failed to satisfy constraint: Member must not be null"
        ))
    }

    pub(crate) fn unknown_action(action: &str, version: Option<&str>) -> Self {
        let shortened = |text: &str| text.chars().take(128).flat_map(char::escape_debug).collect::<String>();
        let (action, version) = (shortened(action), shortened(version.unwrap_or("NO_VERSION_SPECIFIED")));
        Self::sender("InvalidAction", 400, format!("Could not find operation {action} for version {version}"))
    }

    /// The body of the answer.
    pub fn to_body(&self, service: Service, format: Format, request_id: &str) -> String {
        let fault = match self.fault {
            Fault::Sender => "Sender",
            Fault::Receiver => "Receiver",
        };
        match format {
            Format::Json => {
                let error = json!({ "Code": self.code, "Message": self.message, "Type": fault });
                json!({ "Error": error, "RequestId": request_id }).to_string()
            }
            Format::Xml => {
                let mut xml = Xml::default();
                xml.root("ErrorResponse", service.namespace(), |xml| {
                    xml.element("Error", |xml| {
                        xml.text("Type", fault);
                        xml.text("Code", self.code);
                        xml.text("Message", &self.message);
                    });
                    xml.text("RequestId", request_id);
                });
                xml.into_string()
            }
        }
    }
}

impl From<Refusal> for ApiError {
    /// `AccessDenied`, 403.
    fn from(refusal: Refusal) -> Self {
        Self::sender("AccessDenied", 403, refusal.to_string())
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check \
            your AWS Secret Access Key and signing method. Consult the service documentation for details.";
        let does_not_match = |message: String| Self::sender("SignatureDoesNotMatch", 403, message);
        match error {
            AuthError::Missing => {
                Self::sender("MissingAuthenticationToken", 403, "Request is missing Authentication Token")
            }
            AuthError::Malformed(error) => Self::sender("IncompleteSignature", 400, sentence(&error.to_string())),
            AuthError::UnknownKey => {
                Self::sender("InvalidClientTokenId", 403, "The security token included in the request is invalid.")
            }
            AuthError::Expired => {
                Self::sender("ExpiredToken", 403, "The security token included in the request is expired")
            }
            AuthError::Service { expected } => {
                does_not_match(format!("Credential should be scoped to correct service: '{expected}'. "))
            }
            AuthError::Signature(VerifyError::Expired { signed_at, now, max_age_seconds }) => {
                let (limit, minutes) = (shifted(&now, -max_age_seconds), max_age_seconds / 60);
                does_not_match(format!(
                    "Signature expired: {signed_at} is now earlier than {limit} ({now} - {minutes} min.)"
                ))
            }
            AuthError::Signature(VerifyError::NotYetCurrent { signed_at, now, max_ahead_seconds }) => {
                let (limit, minutes) = (shifted(&now, max_ahead_seconds), max_ahead_seconds / 60);
                does_not_match(format!(
                    "Signature not yet current: {signed_at} is still later than {limit} ({now} + {minutes} min.)"
                ))
            }
            AuthError::Signature(VerifyError::ExpiresTooLong { .. } | VerifyError::Malformed(_)) => {
                Self::sender("IncompleteSignature", 400, "X-Amz-Expires must be at most 900 seconds")
            }
            AuthError::Signature(VerifyError::SignatureMismatch | VerifyError::PayloadMismatch) => {
                does_not_match(MISMATCH.to_owned())
            }
        }
    }
}

impl From<DirectoryError> for ApiError {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::AlreadyExists { kind, name } => {
                Self::sender("EntityAlreadyExists", 409, format!("{} with name {name} already exists.", titled(kind)))
            }
            DirectoryError::NoSuchEntity { kind: EntityKind::AccessKey, name } => {
                Self::sender("NoSuchEntity", 404, format!("The Access Key with id {name} cannot be found."))
            }
            DirectoryError::NoSuchEntity { kind, name } => {
                Self::sender("NoSuchEntity", 404, format!("The {kind} with name {name} cannot be found."))
            }
            DirectoryError::DeleteConflict { must_delete_first } => Self::sender(
                "DeleteConflict",
                409,
                format!("Cannot delete entity, must delete {must_delete_first} first."),
            ),
            DirectoryError::LimitExceeded { quota, limit } => {
                Self::sender("LimitExceeded", 409, format!("Cannot exceed quota for {quota}: {limit}"))
            }
            DirectoryError::Invalid { field: "path", .. } => Self::validation(
                "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric \
                 characters and/or / characters.",
            ),
            DirectoryError::Invalid { field: "maxSessionDuration", value } => Self::validation(format!(
                "1 validation error detected: Value '{value}' at 'maxSessionDuration' failed to satisfy constraint: \
                 Member must have value between 3600 and 43200"
            )),
            DirectoryError::Invalid { field: "description", .. } => Self::validation(
                "The specified value for description is invalid. It must have at most 1000 characters, all of Latin-1.",
            ),
            DirectoryError::Invalid { field, .. } => Self::validation(format!(
                "The specified value for {field} is invalid. It must contain only alphanumeric characters and/or the \
                 following: +=,.@_-"
            )),
            DirectoryError::MalformedPolicy(error) => {
                Self::sender("MalformedPolicyDocument", 400, sentence(&error.to_string()))
            }
            DirectoryError::UnknownPrincipal(arn) => {
                Self::sender("MalformedPolicyDocument", 400, format!("Invalid principal in policy: \"AWS\":\"{arn}\""))
            }
            DirectoryError::Tags(error) => Self::sender("InvalidInput", 400, sentence(&error.to_string())),
            DirectoryError::Random(_) => Self::internal(),
        }
    }
}

impl From<StsError> for ApiError {
    fn from(error: StsError) -> Self {
        match error {
            // STS never says which of the two sides refuses.
            StsError::AccessDenied { caller, resource } => Self::sender(
                "AccessDenied",
                403,
                format!("User: {caller} is not authorized to perform: sts:AssumeRole on resource: {resource}"),
            ),
            StsError::Root => Self::sender("AccessDenied", 403, "Roles may not be assumed by root accounts."),
            StsError::Temporary => {
                Self::sender("AccessDenied", 403, "Cannot call GetSessionToken with session credentials")
            }
            StsError::Parameter { name: "roleArn", value } => Self::validation(format!("{value} is invalid")),
            StsError::Parameter { name: "roleSessionName", value } => Self::validation(format!(
                "1 validation error detected: Value '{value}' at 'roleSessionName' failed to satisfy constraint: \
                 Member must satisfy regular expression pattern: [\\w+=,.@-]{{2,64}}"
            )),
            StsError::Parameter { name, value } => Self::validation(format!(
                "1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: Member must \
                 have a value in the range of the operation, 900 seconds at least"
            )),
            StsError::LongerThanRoleAllows => {
                Self::validation("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
            }
            StsError::LongerThanChainAllows => Self::validation(
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
            ),
            StsError::Session(SessionError::Invalid | SessionError::Expired { .. } | SessionError::Random(_)) => {
                Self::internal()
            }
        }
    }
}

/// A time in the form of signatures, so many seconds later.
fn shifted(time: &str, seconds: i64) -> String {
    let shifted = parse_timestamp(time).ok().and_then(|at| at.checked_add(SignedDuration::from_secs(seconds)).ok());
    shifted.map(format_timestamp).unwrap_or_default()
}

/// A message of ours as a sentence: AWS's are.
fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}

fn titled(kind: EntityKind) -> String {
    sentence(&kind.to_string()).trim_end_matches('.').to_owned()
}

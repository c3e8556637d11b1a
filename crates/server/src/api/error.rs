//! What a client is told when its call is refused: AWS's error types, and the status that belongs to each.

use doorward_core::access_entry::AccessEntryError;
use doorward_core::authentication_mode::ModeTransitionError;
use http::StatusCode;

use crate::error::{UNCONFIRMED, WriteError};
use crate::permission::Refusal;

/// An error as AWS's protocols carry it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// The error type, such as `ResourceNotFoundException`.
    pub code: &'static str,
    /// The HTTP status of that type.
    pub status: StatusCode,
    /// The text; clients branch on some of them.
    pub message: String,
}

impl ApiError {
    /// An error of a type, with its status. Whatever a client wrote into the text cannot make it long or break a line
    /// of a log.
    pub fn new(code: &'static str, status: StatusCode, message: impl Into<String>) -> Self {
        Self { code, status, message: shown(message.into()) }
    }

    /// `InvalidParameterException`, 400.
    pub fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterException", StatusCode::BAD_REQUEST, message)
    }

    /// `InvalidRequestException`, 400.
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::new("InvalidRequestException", StatusCode::BAD_REQUEST, message)
    }

    /// `ResourceNotFoundException`, 404.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new("ResourceNotFoundException", StatusCode::NOT_FOUND, message)
    }

    /// `ResourceInUseException`, 409.
    pub fn in_use(message: impl Into<String>) -> Self {
        Self::new("ResourceInUseException", StatusCode::CONFLICT, message)
    }

    /// `ResourceLimitExceededException`, 400.
    pub fn limit_exceeded(message: impl Into<String>) -> Self {
        Self::new("ResourceLimitExceededException", StatusCode::BAD_REQUEST, message)
    }

    /// `SerializationException`, 400: the body is not the JSON that the operation takes.
    pub fn serialization(message: impl Into<String>) -> Self {
        Self::new("SerializationException", StatusCode::BAD_REQUEST, message)
    }

    /// `UnknownOperationException`, 404: nothing is served there.
    pub fn unknown_operation(method: &http::Method, path: &str) -> Self {
        let path: String = path.chars().take(200).collect();
        let message = format!("{method} {} is not an operation that is served here", path.escape_debug());
        Self::new("UnknownOperationException", StatusCode::NOT_FOUND, message)
    }

    /// Whether errors of this type say which cluster they are about: the others have no member for it in EKS's model.
    pub(super) fn names_cluster(&self) -> bool {
        matches!(
            self.code,
            "InvalidParameterException"
                | "InvalidRequestException"
                | "ResourceInUseException"
                | "ResourceLimitExceededException"
                | "ResourceNotFoundException"
        )
    }

    /// The cluster is not registered.
    pub fn no_cluster(name: &str) -> Self {
        Self::not_found(format!("No cluster found for name: {name}."))
    }
}

/// Room for two ARNs of the greatest length, less than that for anything else.
const MAX_MESSAGE: usize = 4_000;

fn shown(message: String) -> String {
    if message.len() <= MAX_MESSAGE && !message.chars().any(char::is_control) {
        return message;
    }
    let mut shown = String::with_capacity(message.len().min(MAX_MESSAGE) + 4);
    for c in message.chars() {
        if shown.len() >= MAX_MESSAGE {
            shown.push('…');
            break;
        }
        if c.is_control() { shown.extend(c.escape_debug()) } else { shown.push(c) }
    }
    shown
}

impl From<Refusal> for ApiError {
    /// `AccessDeniedException`, 403.
    fn from(refusal: Refusal) -> Self {
        Self::new("AccessDeniedException", StatusCode::FORBIDDEN, refusal.to_string())
    }
}

impl From<AccessEntryError> for ApiError {
    fn from(error: AccessEntryError) -> Self {
        use AccessEntryError as Error;
        let message = error.to_string();
        match error {
            Error::AlreadyExists => Self::in_use(message),
            Error::NotFound | Error::PolicyNotFound | Error::NotAssociated => Self::not_found(message),
            Error::Mode | Error::NotStandard => Self::invalid_request(message),
            _ => Self::invalid_parameter(message),
        }
    }
}

impl From<ModeTransitionError> for ApiError {
    fn from(error: ModeTransitionError) -> Self {
        Self::invalid_parameter(error.to_string())
    }
}

impl From<WriteError> for ApiError {
    /// Nothing was changed, or nobody knows; the client may try again, unless what it asks for is too large.
    fn from(error: WriteError) -> Self {
        if error.is_too_large() {
            return Self::limit_exceeded(format!("The resource would be larger than can be kept: {error}"));
        }
        tracing::error!(%error, "a change could not be stored");
        let message = if error.is_unknown() {
            UNCONFIRMED
        } else {
            "The change could not be stored, and nothing was changed. Try again; the server's log says why."
        };
        Self::new("ServiceUnavailableException", StatusCode::SERVICE_UNAVAILABLE, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_writes_makes_no_message_long_and_breaks_no_line() {
        let error = ApiError::serialization(format!("unknown field `a\nb{}`", "é".repeat(100_000)));
        assert!(error.message.starts_with("unknown field `a\\nbéé") && error.message.ends_with('…'));
        assert!(error.message.len() < 4_096 && !error.message.contains('\n'));
        let text = "The policyArn parameter format is not valid: é";
        assert_eq!(ApiError::invalid_parameter(text).message, text);
    }
}

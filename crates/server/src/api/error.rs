//! What a client is told when its call is refused: AWS's error types, and the status that belongs to each.

use doorward_core::access_entry::AccessEntryError;
use doorward_core::authentication_mode::ModeTransitionError;
use http::StatusCode;

use crate::error::WriteError;

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
    /// An error of a type, with its status.
    pub fn new(code: &'static str, status: StatusCode, message: impl Into<String>) -> Self {
        Self { code, status, message: message.into() }
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

    /// `SerializationException`, 400: the body is not the JSON that the operation takes.
    pub fn serialization(message: impl Into<String>) -> Self {
        Self::new("SerializationException", StatusCode::BAD_REQUEST, message)
    }

    /// `AccessDeniedException`, 403, in AWS's words.
    pub fn access_denied(caller: &str, action: &str, resource: &str) -> Self {
        let message = format!("User: {caller} is not authorized to perform: {action} on resource: {resource}");
        Self::new("AccessDeniedException", StatusCode::FORBIDDEN, message)
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
    /// Nothing was changed; the client may try again.
    fn from(error: WriteError) -> Self {
        tracing::error!(%error, "a change could not be stored");
        Self::new(
            "ServiceUnavailableException",
            StatusCode::SERVICE_UNAVAILABLE,
            "The change could not be stored, and nothing was changed. Try again; the server's log says why.",
        )
    }
}

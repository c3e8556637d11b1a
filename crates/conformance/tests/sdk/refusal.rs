//! Refusals, as the SDKs tell of them.

use std::fmt::Debug;

use aws_sdk_eks::config::http::HttpResponse;
use aws_sdk_eks::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_eks::operation::RequestId as _;

/// Texts of EKS that clients branch on; verbatim.
pub(crate) mod text {
    pub(crate) const MODE: &str =
        "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.";
    pub(crate) const IN_USE: &str = "The specified access entry resource is already in use on this cluster.";
    pub(crate) const NO_ENTRY: &str = "The specified principalArn could not be found. You can view your available access entries with 'list-access-entries'.";
    pub(crate) const NO_POLICY: &str = "The specified policyArn could not be found. You can view your available access policies with 'list-access-policies'";
    pub(crate) const INVALID_PRINCIPAL: &str = "The specified principalArn is invalid: invalid principal.";
    pub(crate) const NO_CLUSTER: &str = "No cluster found for name: nowhere.";
}

/// The error of a refused request: one of the service's, with its status, code and text, and with a request id.
#[track_caller]
pub(crate) fn refused<T: Debug, E: ProvideErrorMetadata + Debug>(
    result: Result<T, SdkError<E, HttpResponse>>,
    status: u16,
    code: &str,
    message: &str,
) -> E {
    let error = refused_so(result, status, code);
    assert_eq!(error.message(), Some(message));
    error
}

/// The same where EKS's text is not known in public: there is one.
#[track_caller]
pub(crate) fn refused_so<T: Debug, E: ProvideErrorMetadata + Debug>(
    result: Result<T, SdkError<E, HttpResponse>>,
    status: u16,
    code: &str,
) -> E {
    let SdkError::ServiceError(context) = result.unwrap_err() else { panic!("no error of the service") };
    assert_eq!((context.raw().status().as_u16(), context.err().code()), (status, Some(code)), "{context:?}");
    assert!(context.err().message().is_some_and(|message| !message.is_empty()), "{context:?}");
    assert!(context.raw().headers().get("x-amzn-requestid").is_some() || context.err().meta().request_id().is_some());
    context.into_err()
}

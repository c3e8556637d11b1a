//! Making a token, as `aws eks get-token` does.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorward_sigv4::{Credentials, MalformedError, PayloadHash, Request, presign};
use jiff::Timestamp;
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::{ACTION, CLUSTER_HEADER, PREFIX, VERSION};
use crate::hosts::Endpoint;

/// `X-Amz-Expires` of the tokens made here, as of those that the aws CLI makes. Nobody obeys it.
pub const EXPIRES_SECONDS: u32 = 60;

/// A token for `cluster_name`, good for 15 minutes from `now`.
///
/// # Errors
/// If the region or the cluster's name cannot be signed.
pub fn encode(
    endpoint: &Endpoint,
    region: &str,
    credentials: &Credentials,
    cluster_name: &str,
    now: Timestamp,
) -> Result<SecretString, MalformedError> {
    let authority = endpoint.signed_authority();
    let request = Request {
        method: "GET",
        path: endpoint.path(),
        query: &format!("Action={ACTION}&Version={VERSION}"),
        headers: &[("host", authority.as_bytes()), (CLUSTER_HEADER, cluster_name.as_bytes())],
        body_sha256: PayloadHash::empty(),
    };
    let query = Zeroizing::new(presign(&request, credentials, region, "sts", now, EXPIRES_SECONDS)?);
    let url = Zeroizing::new(format!("{endpoint}?{}", query.as_str()));
    let encoded = Zeroizing::new(URL_SAFE_NO_PAD.encode(url.as_bytes()));
    Ok(SecretString::from(format!("{PREFIX}{}", encoded.as_str())))
}

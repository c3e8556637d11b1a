//! Signing: what a client adds to a request, or the query of a presigned one.

use jiff::Timestamp;

use crate::credential_scope::is_access_key_id;
use crate::query::encode;
use crate::{
    ALGORITHM, CanonicalRequest, CredentialScope, MalformedError, PathForm, Request, SecretKey, SignedHeaders,
    SigningKey, format_timestamp, string_to_sign,
};

/// An access key with its secret, and the session token if the key is a temporary one.
#[derive(Clone)]
pub struct Credentials {
    access_key_id: String,
    secret: SecretKey,
    session_token: Option<String>,
}

impl Credentials {
    /// Takes an access key.
    ///
    /// # Errors
    /// [`MalformedError::Credential`] if the id is not 1 to 128 word characters.
    pub fn new(
        access_key_id: String,
        secret: SecretKey,
        session_token: Option<String>,
    ) -> Result<Self, MalformedError> {
        if !is_access_key_id(&access_key_id) {
            return Err(MalformedError::Credential);
        }
        Ok(Self { access_key_id, secret, session_token })
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// The headers to add to a request to sign it.
#[derive(Clone, PartialEq, Eq)]
pub struct SignatureHeaders {
    /// `Authorization`.
    pub authorization: String,
    /// `X-Amz-Date`.
    pub x_amz_date: String,
    /// `X-Amz-Security-Token`, with temporary credentials.
    pub x_amz_security_token: Option<String>,
}

/// Signs a request in its headers.
///
/// All of `request.headers` are signed, so leave out those that a proxy may change. `host` must be among them;
/// `x-amz-date` and `x-amz-security-token` must not: they are in the answer.
///
/// # Errors
/// [`MalformedError`] if the query, a header name or the region or service cannot be signed.
pub fn sign_headers(
    request: &Request<'_>,
    credentials: &Credentials,
    region: &str,
    service: &str,
    at: Timestamp,
) -> Result<SignatureHeaders, MalformedError> {
    let scope = CredentialScope::new(at, region, service)?;
    let x_amz_date = format_timestamp(at);
    let mut headers = request.headers.to_vec();
    headers.push(("x-amz-date", x_amz_date.as_bytes()));
    if let Some(token) = &credentials.session_token {
        headers.push(("x-amz-security-token", token.as_bytes()));
    }
    let request = Request { headers: &headers, ..*request };
    let signed_headers = SignedHeaders::covering(headers.iter().map(|(name, _)| *name))?;
    signed_headers.check(&request)?;
    let signature = signature(&request, &signed_headers, &credentials.secret, &scope, at)?;
    let Credentials { access_key_id, session_token, .. } = credentials;
    let list = signed_headers.joined();
    Ok(SignatureHeaders {
        authorization: format!(
            "{ALGORITHM} Credential={access_key_id}/{scope}, SignedHeaders={list}, Signature={signature}"
        ),
        x_amz_date,
        x_amz_security_token: session_token.clone(),
    })
}

/// Presigns a request; the answer is its whole query: that of `request` first, then the parameters of the signature in
/// the order of botocore.
///
/// For a token of an EKS cluster: `GET`, path `/`, query `Action=GetCallerIdentity&Version=2011-06-15`, headers `host`
/// and `x-k8s-aws-id` (the cluster's name), no body, service `sts`, 60 seconds.
///
/// # Errors
/// [`MalformedError`] if the query, a header name or the region or service cannot be signed.
pub fn presign(
    request: &Request<'_>,
    credentials: &Credentials,
    region: &str,
    service: &str,
    at: Timestamp,
    expires_seconds: u32,
) -> Result<String, MalformedError> {
    let scope = CredentialScope::new(at, region, service)?;
    let signed_headers = SignedHeaders::covering(request.headers.iter().map(|(name, _)| *name))?;
    signed_headers.check(request)?;
    let mut query = String::from(request.query);
    let mut add = |name: &str, value: &str| {
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(name);
        query.push('=');
        query.push_str(&encode(value));
    };
    add("X-Amz-Algorithm", ALGORITHM);
    add("X-Amz-Credential", &format!("{}/{scope}", credentials.access_key_id));
    add("X-Amz-Date", &format_timestamp(at));
    add("X-Amz-Expires", &expires_seconds.to_string());
    add("X-Amz-SignedHeaders", &signed_headers.joined());
    if let Some(token) = &credentials.session_token {
        add("X-Amz-Security-Token", token);
    }
    let presigned = Request { query: &query, ..*request };
    let signature = signature(&presigned, &signed_headers, &credentials.secret, &scope, at)?;
    Ok(format!("{query}&X-Amz-Signature={signature}"))
}

/// The signature over the path as it is sent: every verifier has to accept that form, and it is the only one that
/// cannot be mistaken for another path.
fn signature(
    request: &Request<'_>,
    signed_headers: &SignedHeaders,
    secret: &SecretKey,
    scope: &CredentialScope,
    at: Timestamp,
) -> Result<String, MalformedError> {
    let canonical = CanonicalRequest::new(request, signed_headers)?.bytes(PathForm::AsSent);
    Ok(SigningKey::derive(secret, scope).sign(&string_to_sign(at, scope, &canonical)))
}

//! Calling a service of AWS as the server itself, on the query protocol: a form, signed in its headers.

use std::sync::Arc;

use bytes::Bytes;
use doorward_sigv4::query::encode;
use doorward_sigv4::{PayloadHash, Request, sign_headers};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName};
use jiff::Timestamp;

use super::credential_source::CredentialSource;
use super::error::{IdentityError, Undecided};
use super::reply::refusal;
use super::sts_client::Caller;
use super::xml::Element;

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// A service, and who calls it.
pub(crate) struct SignedService {
    pub(crate) caller: Arc<Caller>,
    pub(crate) credentials: Arc<dyn CredentialSource>,
    /// Scheme, host and path.
    pub(crate) url: String,
    /// What the header `host` says.
    pub(crate) host: String,
    /// The path of `url`.
    pub(crate) path: String,
    pub(crate) region: String,
    /// Its signing name.
    pub(crate) name: &'static str,
}

impl SignedService {
    /// Calls an operation; the answer is the root element of an answer with status 200.
    ///
    /// # Errors
    /// [`IdentityError::Refused`] with the service's code where it is not about the server's own credentials; throttled
    /// or undecided otherwise.
    pub(crate) async fn call(&self, form: &[(String, String)], max_body: usize) -> Result<Element, IdentityError> {
        let request = self.request(form).await?;
        let reply = self.caller.call(&self.host, request, max_body, true).await?;
        if reply.is_encoded {
            return Err(Undecided::Unreadable.into());
        }
        if reply.status == 200 {
            return Element::parse(&reply.body).map_err(|_| Undecided::Unreadable.into());
        }
        match refusal(&reply) {
            IdentityError::Refused { code } if is_about_us(&code) => {
                tracing::warn!(service = self.name, code, "AWS refuses this server's own credentials");
                Err(Undecided::Credentials.into())
            }
            other => Err(other),
        }
    }

    /// A refusal that nobody reckoned with, as what it is to whoever asked: no answer.
    pub(crate) fn not_refused(&self, error: IdentityError) -> IdentityError {
        match error {
            IdentityError::Refused { code } => {
                tracing::warn!(service = self.name, code, "AWS refuses a call of this server");
                Undecided::Unreadable.into()
            }
            other => other,
        }
    }

    async fn request(&self, form: &[(String, String)]) -> Result<http::Request<Bytes>, IdentityError> {
        let credentials = self.credentials.credentials().await.map_err(|error| {
            tracing::warn!(service = self.name, %error, "this server has no AWS credentials");
            Undecided::Credentials
        })?;
        let pairs: Vec<String> =
            form.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        let body = pairs.join("&");
        let unsigned = Request {
            method: "POST",
            path: &self.path,
            query: "",
            headers: &[("host", self.host.as_bytes()), ("content-type", FORM.as_bytes())],
            body_sha256: PayloadHash::of(body.as_bytes()),
        };
        let signed = sign_headers(&unsigned, &credentials, &self.region, self.name, Timestamp::now())
            .map_err(|_| Undecided::Credentials)?;
        let mut request = http::Request::post(&self.url)
            .header(HOST, &self.host)
            .header(CONTENT_TYPE, FORM)
            .header(ACCEPT, "text/xml")
            .header(AUTHORIZATION, signed.authorization)
            .header(HeaderName::from_static("x-amz-date"), signed.x_amz_date);
        if let Some(token) = signed.x_amz_security_token {
            request = request.header(HeaderName::from_static("x-amz-security-token"), token);
        }
        request.body(Bytes::from(body)).map_err(|_| Undecided::Credentials.into())
    }
}

/// Codes that say nothing of what was asked about, only of who asked.
fn is_about_us(code: &str) -> bool {
    [
        "AccessDenied",
        "AuthFailure",
        "ExpiredToken",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "MissingAuthenticationToken",
        "OptInRequired",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnauthorizedOperation",
    ]
    .contains(&code)
}

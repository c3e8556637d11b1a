//! The proof: the same signature from the server's copy of the secret, within a window of time.

use jiff::{SignedDuration, Timestamp};

use crate::canonical::HostForm;
use crate::{
    CanonicalRequest, CredentialScope, Form, MalformedError, PathForm, Presented, Request, SecretKey, SigningKey,
    VerifyError, format_timestamp, string_to_sign,
};

/// How far the date of a request may lie from the server's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// How old a request may be, inclusive.
    pub max_age: SignedDuration,
    /// How far ahead of the server a client's clock may be, inclusive.
    pub max_ahead: SignedDuration,
    /// The greatest `X-Amz-Expires` accepted in the query form, in seconds. The value does not shorten `max_age`.
    pub max_expires_seconds: u32,
}

impl Window {
    /// For API calls: 15 minutes either way. AWS names 5 minutes for most of its services; the wider window, which it
    /// grants S3, spares people on machines whose clock drifts, and a replay within it is still the same request.
    pub const API: Self = Self {
        max_age: SignedDuration::from_mins(15),
        max_ahead: SignedDuration::from_mins(15),
        max_expires_seconds: 900,
    };

    /// For presigned tokens: 15 minutes from their date whatever `X-Amz-Expires` says (it is range-checked only, as in
    /// aws-iam-authenticator; Terraform sends 0), and no more than 5 minutes ahead, so that a token made for next year
    /// is refused today.
    pub const TOKEN: Self = Self {
        max_age: SignedDuration::from_mins(15),
        max_ahead: SignedDuration::from_mins(5),
        max_expires_seconds: 900,
    };
}

impl Presented {
    /// Proves that the request was signed with this secret and within the window.
    ///
    /// `request` must be the one that this claim was read from. Both path forms (see [`PathForm`]) and, where `host`
    /// ends in a default port, both host forms are tried. So a signature over `/a/b` also holds for `/a//b` and
    /// `/a/./b`: route on the raw path, where those are other paths that name nothing.
    ///
    /// # Errors
    /// [`VerifyError`]; the clock is looked at first, the signature last.
    pub fn verify(
        &self,
        request: &Request<'_>,
        secret: &SecretKey,
        now: Timestamp,
        window: &Window,
    ) -> Result<(), VerifyError> {
        self.verify_with_key(request, &SigningKey::derive(secret, &self.scope), now, window)
    }

    /// As [`Presented::verify`], with a key that was derived before. It must be the one for [`Presented::scope`].
    ///
    /// # Errors
    /// As [`Presented::verify`].
    pub fn verify_with_key(
        &self,
        request: &Request<'_>,
        key: &SigningKey,
        now: Timestamp,
        window: &Window,
    ) -> Result<(), VerifyError> {
        self.check_time(now, window)?;
        self.signed_headers.check(request)?;
        check_declared_payload(request)?;
        let canonical = CanonicalRequest::new(request, &self.signed_headers)?;
        let holds = signature_holds(&canonical, key, self.signed_at, &self.scope, &self.signature);
        if holds { Ok(()) } else { Err(VerifyError::SignatureMismatch) }
    }

    fn check_time(&self, now: Timestamp, window: &Window) -> Result<(), VerifyError> {
        let age = now.duration_since(self.signed_at);
        if age > window.max_age {
            return Err(VerifyError::Expired {
                signed_at: format_timestamp(self.signed_at),
                now: format_timestamp(now),
                max_age_seconds: window.max_age.as_secs(),
            });
        }
        if self.signed_at.duration_since(now) > window.max_ahead {
            return Err(VerifyError::NotYetCurrent {
                signed_at: format_timestamp(self.signed_at),
                now: format_timestamp(now),
                max_ahead_seconds: window.max_ahead.as_secs(),
            });
        }
        match self.form {
            Form::Query { expires_seconds } if expires_seconds > window.max_expires_seconds => {
                Err(VerifyError::ExpiresTooLong { expires_seconds, max_seconds: window.max_expires_seconds })
            }
            _ => Ok(()),
        }
    }
}

/// Whether a signature was made with `key` for this request: the last step of [`Presented::verify`], for whoever has
/// taken a claim apart by rules that are stricter. The clock, the signed headers and the scope of `key` are theirs to
/// check.
#[must_use]
pub fn signature_holds(
    canonical: &CanonicalRequest<'_>,
    key: &SigningKey,
    signed_at: Timestamp,
    scope: &CredentialScope,
    signature: &[u8; 32],
) -> bool {
    let request = canonical.request();
    PathForm::candidates(request.path).iter().any(|path| {
        HostForm::candidates(request).iter().any(|host| {
            let bytes = canonical.bytes_with_host(*path, *host);
            key.matches(&string_to_sign(signed_at, scope, &bytes), signature)
        })
    })
}

/// A declared hash of the body must be the real one. `UNSIGNED-PAYLOAD` and the streaming forms are for S3.
fn check_declared_payload(request: &Request<'_>) -> Result<(), VerifyError> {
    let Some(declared) = request.header_values("x-amz-content-sha256").next() else { return Ok(()) };
    let declared = declared.trim_ascii();
    if declared == request.body_sha256.to_hex().as_bytes() {
        return Ok(());
    }
    let is_hash = declared.len() == 64 && declared.iter().all(u8::is_ascii_hexdigit);
    Err(if is_hash { VerifyError::PayloadMismatch } else { MalformedError::PayloadForm.into() })
}

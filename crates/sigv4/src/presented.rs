//! What a client presents: an access key, a scope, a time, a list of headers and a signature. Read, not yet believed.

use std::fmt;

use jiff::Timestamp;

use crate::timestamp::format_date;
use crate::{ALGORITHM, CredentialScope, MalformedError, Request, SignedHeaders, parse_timestamp, query};

/// The longest `X-Amz-Expires` AWS defines: seven days, in seconds.
const MAX_EXPIRES_SECONDS: u32 = 7 * 24 * 60 * 60;

/// The parameters that make a query a presigned one, as AWS spells them.
const QUERY_PARTS: [&str; 7] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
];

/// Where the signature stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// In the `Authorization` header.
    Header,
    /// In the query (a presigned request, such as the token of `aws eks get-token`).
    Query {
        /// `X-Amz-Expires`, in seconds. For EKS tokens it says nothing about how long they live: clients send 0 or 60,
        /// and the token counts for 15 minutes from its date.
        expires_seconds: u32,
    },
}

/// The claim of one request, in the form of either an `Authorization` header or a presigned query.
///
/// Nothing in here is proved until [`Presented::verify`] says so.
#[derive(Clone, PartialEq, Eq)]
pub struct Presented {
    pub(crate) access_key_id: String,
    pub(crate) scope: CredentialScope,
    pub(crate) signed_headers: SignedHeaders,
    pub(crate) signature: [u8; 32],
    pub(crate) signed_at: Timestamp,
    pub(crate) session_token: Option<String>,
    pub(crate) form: Form,
}

impl Presented {
    /// Reads whichever form the request has; `None` if it is not signed at all.
    ///
    /// # Errors
    /// [`MalformedError`]: the first fault found.
    pub fn from_request(request: &Request<'_>) -> Result<Option<Self>, MalformedError> {
        match Self::from_headers(request)? {
            Some(presented) => Ok(Some(presented)),
            None => Self::from_query(request),
        }
    }

    /// Reads the `Authorization` header and what belongs to it: `X-Amz-Date` (the older `Date` is not accepted in its
    /// place) and `X-Amz-Security-Token`. `None` without an `Authorization` header.
    ///
    /// # Errors
    /// [`MalformedError`]: the first fault found.
    pub fn from_headers(request: &Request<'_>) -> Result<Option<Self>, MalformedError> {
        let Some(authorization) = single_header(request, "authorization")? else { return Ok(None) };
        if has_query_parts(&query::pairs(request.query)?) {
            return Err(MalformedError::MixedForms);
        }
        let parts = AuthorizationParts::parse(authorization)?;
        let date = single_header(request, "x-amz-date")?.ok_or(MalformedError::MissingPart("X-Amz-Date"))?;
        let session_token = single_header(request, "x-amz-security-token")?.map(str::to_owned);
        Parts { date, session_token, form: Form::Header, authorization: parts }.check(request).map(Some)
    }

    /// Reads the query parameters of a presigned request. `None` if the query has none of them, in any letter case.
    ///
    /// # Errors
    /// [`MalformedError`]: the first fault found.
    pub fn from_query(request: &Request<'_>) -> Result<Option<Self>, MalformedError> {
        let pairs = query::pairs(request.query)?;
        if !has_query_parts(&pairs) {
            return Ok(None);
        }
        if request.header_values("authorization").next().is_some() {
            return Err(MalformedError::MixedForms);
        }
        refuse_variants(&pairs)?;
        if query_part(&pairs, "X-Amz-Algorithm")? != ALGORITHM {
            return Err(MalformedError::UnknownAlgorithm);
        }
        let authorization = AuthorizationParts {
            credential: query_part(&pairs, "X-Amz-Credential")?,
            signed_headers: query_part(&pairs, "X-Amz-SignedHeaders")?,
            signature: query_part(&pairs, "X-Amz-Signature")?,
        };
        let date = query_part(&pairs, "X-Amz-Date")?;
        let form = Form::Query { expires_seconds: parse_expires(query_part(&pairs, "X-Amz-Expires")?)? };
        let session_token = query_part(&pairs, "X-Amz-Security-Token").ok().map(str::to_owned);
        Parts { date, session_token, form, authorization }.check(request).map(Some)
    }

    /// The access key whose secret is to be looked up.
    #[must_use]
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// The day, region and service signed for. Its date is that of [`Presented::signed_at`].
    #[must_use]
    pub fn scope(&self) -> &CredentialScope {
        &self.scope
    }

    /// The headers that the signature covers; `host` is among them.
    #[must_use]
    pub fn signed_headers(&self) -> &SignedHeaders {
        &self.signed_headers
    }

    /// When the client says it signed.
    #[must_use]
    pub fn signed_at(&self) -> Timestamp {
        self.signed_at
    }

    /// The session token that belongs to temporary credentials. Covered by the signature, yet to be compared with the
    /// credentials by the caller.
    #[must_use]
    pub fn session_token(&self) -> Option<&str> {
        self.session_token.as_deref()
    }

    /// Where the signature stands.
    #[must_use]
    pub fn form(&self) -> Form {
        self.form
    }
}

/// Signature and session token let others replay the request, so neither reaches a log.
impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented")
            .field("access_key_id", &self.access_key_id)
            .field("scope", &self.scope.to_string())
            .field("signed_headers", &self.signed_headers.joined())
            .field("signed_at", &self.signed_at)
            .field("has_session_token", &self.session_token.is_some())
            .field("form", &self.form)
            .finish_non_exhaustive()
    }
}

/// The texts of either form, before they are parsed by the rules that both share.
struct Parts<'a> {
    authorization: AuthorizationParts<'a>,
    date: &'a str,
    session_token: Option<String>,
    form: Form,
}

impl Parts<'_> {
    fn check(self, request: &Request<'_>) -> Result<Presented, MalformedError> {
        let (access_key_id, scope) = CredentialScope::parse_credential(self.authorization.credential)?;
        let signed_at = parse_timestamp(self.date)?;
        let day = format_date(signed_at);
        if scope.date() != day {
            return Err(MalformedError::ScopeDate { scope: scope.date().to_owned(), request: day });
        }
        let signed_headers = SignedHeaders::parse(self.authorization.signed_headers)?;
        signed_headers.check(request)?;
        let signature = parse_signature(self.authorization.signature)?;
        let Self { session_token, form, .. } = self;
        Ok(Presented { access_key_id, scope, signed_headers, signature, signed_at, session_token, form })
    }
}

/// The three parts of an `Authorization` header, in any order, each once.
struct AuthorizationParts<'a> {
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> AuthorizationParts<'a> {
    fn parse(authorization: &'a str) -> Result<Self, MalformedError> {
        let (algorithm, rest) = authorization.split_once(' ').ok_or(MalformedError::UnknownAlgorithm)?;
        if algorithm != ALGORITHM {
            return Err(MalformedError::UnknownAlgorithm);
        }
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for part in rest.split(',') {
            let (name, value) = part.trim_matches(' ').split_once('=').ok_or(MalformedError::UnknownPart)?;
            let place = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => return Err(MalformedError::UnknownPart),
            };
            if place.replace(value).is_some() {
                return Err(MalformedError::DuplicatePart(name.to_owned()));
            }
        }
        Ok(Self {
            credential: credential.ok_or(MalformedError::MissingPart("Credential"))?,
            signed_headers: signed_headers.ok_or(MalformedError::MissingPart("SignedHeaders"))?,
            signature: signature.ok_or(MalformedError::MissingPart("Signature"))?,
        })
    }
}

/// The one value of a header, as text; `None` if it is absent.
fn single_header<'a>(request: &Request<'a>, name: &'static str) -> Result<Option<&'a str>, MalformedError> {
    let mut values = request.header_values(name);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(MalformedError::DuplicateHeader(name));
    }
    let value = value.trim_ascii();
    if !value.iter().all(|byte| (b' '..=b'~').contains(byte)) {
        return Err(MalformedError::HeaderBytes(name));
    }
    std::str::from_utf8(value).map(Some).map_err(|_| MalformedError::HeaderBytes(name))
}

fn has_query_parts(pairs: &[(String, String)]) -> bool {
    pairs.iter().any(|(name, _)| QUERY_PARTS.iter().any(|part| name.eq_ignore_ascii_case(part)))
}

/// Refuses repeated parts and other spellings of them: whoever reads `x-amz-credential` first sees another key than
/// whoever reads `X-Amz-Credential` (CVE-2022-2385).
fn refuse_variants(pairs: &[(String, String)]) -> Result<(), MalformedError> {
    for part in QUERY_PARTS {
        let mut spellings = pairs.iter().map(|(name, _)| name).filter(|name| name.eq_ignore_ascii_case(part));
        let first = spellings.next();
        if spellings.next().is_some() {
            return Err(MalformedError::DuplicatePart(part.to_owned()));
        }
        if let Some(name) = first.filter(|name| *name != part) {
            return Err(MalformedError::MisspelledParameter(name.clone()));
        }
    }
    Ok(())
}

fn query_part<'a>(pairs: &'a [(String, String)], part: &'static str) -> Result<&'a str, MalformedError> {
    let found = pairs.iter().find(|(name, _)| name == part);
    found.map(|(_, value)| value.as_str()).ok_or(MalformedError::MissingPart(part))
}

/// Digits only: the number has one spelling, so no `060`, `+60` or `60.0`.
fn parse_expires(text: &str) -> Result<u32, MalformedError> {
    let seconds: u32 = text.parse().map_err(|_| MalformedError::Expires)?;
    if seconds > MAX_EXPIRES_SECONDS || seconds.to_string() != text {
        return Err(MalformedError::Expires);
    }
    Ok(seconds)
}

fn parse_signature(text: &str) -> Result<[u8; 32], MalformedError> {
    let mut signature = [0_u8; 32];
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) || hex::decode_to_slice(text, &mut signature).is_err() {
        return Err(MalformedError::Signature);
    }
    Ok(signature)
}

//! Taking a token apart, byte by byte.
//!
//! No URL library: those repair what they read (a missing path, a port, a tab, a full-width dot), and what was checked
//! is then not what was sent. Each rule is one that a forger or a lax parser has needed at some time; the vectors are in
//! `cases/token/`.

use std::ops::Deref;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorward_sigv4::{ALGORITHM, ByteSet, CredentialScope, Window, parse_timestamp};
use jiff::Timestamp;
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::{ACTION, MAX_LENGTH, PREFIX, SIGNED_HEADERS, Token, TokenError, VERSION};
use crate::hosts::{Endpoint, Scheme, StsHosts};

/// Reads a token and checks everything that can be checked without a secret.
///
/// # Errors
/// [`TokenError`]: the first fault found.
pub fn decode(token: &str, hosts: &StsHosts, now: Timestamp) -> Result<Token, TokenError> {
    if token.len() > MAX_LENGTH {
        return Err(TokenError::TooLong);
    }
    let encoded = token.strip_prefix(PREFIX).ok_or(TokenError::Prefix)?;
    // The engine refuses padding, line breaks and trailing bits, so that one URL has one spelling.
    let url = Zeroizing::new(URL_SAFE_NO_PAD.decode(encoded).map_err(|_| TokenError::Encoding)?);
    let url = std::str::from_utf8(&url).map_err(|_| TokenError::Url)?;
    let (endpoint, query) = split_url(url, hosts)?;
    let token = Parameters::parse(query)?.into_token(endpoint)?;
    check_age(token.signed_at, now)?;
    Ok(token)
}

/// Not older than 15 minutes, whatever `X-Amz-Expires` says, and not dated further ahead than clocks differ.
pub(super) fn check_age(signed_at: Timestamp, now: Timestamp) -> Result<(), TokenError> {
    if now.duration_since(signed_at) > Window::TOKEN.max_age {
        return Err(TokenError::TooOld);
    }
    if signed_at.duration_since(now) > Window::TOKEN.max_ahead {
        return Err(TokenError::InFuture);
    }
    Ok(())
}

/// The endpoint, which is on the list, and the raw query.
fn split_url<'a>(url: &'a str, hosts: &StsHosts) -> Result<(Endpoint, &'a str), TokenError> {
    // All of them, and not to the first: without a way out the compiler looks at many bytes at once.
    let is_plain = |byte: u8| byte.is_ascii_graphic() & (byte != b'\\');
    if !url.bytes().fold(true, |all, byte| all & is_plain(byte)) {
        return Err(TokenError::Url);
    }
    if url.contains('#') {
        return Err(TokenError::Fragment);
    }
    let (scheme, rest) = url.split_once("://").ok_or(TokenError::Scheme)?;
    let scheme = match scheme {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        _ => return Err(TokenError::Scheme),
    };
    let (place, query) = rest.split_once('?').ok_or(TokenError::Query)?;
    let (authority, path) = match place.find('/') {
        Some(at) => place.split_at(at),
        None => (place, ""),
    };
    let endpoint = hosts.find(scheme, authority, path).ok_or_else(|| match scheme {
        _ if !hosts.knows_host(authority) => TokenError::Host,
        Scheme::Http => TokenError::Scheme,
        Scheme::Https => TokenError::Path,
    })?;
    Ok((endpoint, query))
}

/// The nine parameters of a token, each at most once.
#[derive(Default)]
struct Parameters<'a> {
    action: Option<Value<'a>>,
    version: Option<Value<'a>>,
    algorithm: Option<Value<'a>>,
    credential: Option<Value<'a>>,
    date: Option<Value<'a>>,
    expires: Option<Value<'a>>,
    security_token: Option<Value<'a>>,
    signature: Option<Value<'a>>,
    signed_headers: Option<Value<'a>>,
}

/// A decoded value.
enum Value<'a> {
    /// As it stands in the URL, which is wiped as a whole.
    Bare(&'a str),
    /// Something in it was escaped.
    Decoded(Zeroizing<String>),
}

impl Deref for Value<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Bare(text) => text,
            Self::Decoded(text) => text,
        }
    }
}

impl<'a> Parameters<'a> {
    /// Names count as they stand, in their exact case and without escapes: STS itself is that strict, and a second
    /// spelling of a name is how tokens were forged (CVE-2022-2385).
    fn parse(query: &'a str) -> Result<Self, TokenError> {
        let mut parameters = Self::default();
        for pair in query.split('&') {
            let (name, raw) = pair.split_once('=').ok_or(TokenError::Query)?;
            let (name, place) = match name {
                "Action" => ("Action", &mut parameters.action),
                "Version" => ("Version", &mut parameters.version),
                "X-Amz-Algorithm" => ("X-Amz-Algorithm", &mut parameters.algorithm),
                "X-Amz-Credential" => ("X-Amz-Credential", &mut parameters.credential),
                "X-Amz-Date" => ("X-Amz-Date", &mut parameters.date),
                "X-Amz-Expires" => ("X-Amz-Expires", &mut parameters.expires),
                "X-Amz-Security-Token" => ("X-Amz-Security-Token", &mut parameters.security_token),
                "X-Amz-Signature" => ("X-Amz-Signature", &mut parameters.signature),
                "X-Amz-SignedHeaders" => ("X-Amz-SignedHeaders", &mut parameters.signed_headers),
                _ => return Err(TokenError::UnknownParameter),
            };
            if place.replace(decode_value(raw)?).is_some() {
                return Err(TokenError::DuplicateParameter(name));
            }
        }
        Ok(parameters)
    }

    fn into_token(self, endpoint: Endpoint) -> Result<Token, TokenError> {
        expect(self.action, "Action", ACTION)?;
        expect(self.version, "Version", VERSION)?;
        expect(self.algorithm, "X-Amz-Algorithm", ALGORITHM)?;
        let signed_headers = require(self.signed_headers, "X-Amz-SignedHeaders")?;
        if *signed_headers != *SIGNED_HEADERS {
            return Err(TokenError::SignedHeaders);
        }
        let expires_seconds = parse_expires(&require(self.expires, "X-Amz-Expires")?)?;
        let signed_at = parse_timestamp(&require(self.date, "X-Amz-Date")?).map_err(|_| TokenError::Date)?;
        let credential = require(self.credential, "X-Amz-Credential")?;
        let (access_key_id, scope) = parse_credential(&credential, signed_at, &endpoint)?;
        let signature = require(self.signature, "X-Amz-Signature")?;
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if signature.len() != 64 || !signature.bytes().all(is_digit) {
            return Err(TokenError::Value("X-Amz-Signature"));
        }
        if self.security_token.as_ref().is_some_and(|token| token.is_empty()) {
            return Err(TokenError::Value("X-Amz-Security-Token"));
        }
        Ok(Token {
            endpoint,
            access_key_id,
            scope,
            signed_at,
            expires_seconds,
            session_token: self.security_token.map(|token| SecretString::from(&*token)),
            signature: SecretString::from(&*signature),
        })
    }
}

fn require<'a>(value: Option<Value<'a>>, name: &'static str) -> Result<Value<'a>, TokenError> {
    value.ok_or(TokenError::MissingParameter(name))
}

fn expect(value: Option<Value<'_>>, name: &'static str, expected: &str) -> Result<(), TokenError> {
    if *require(value, name)? == *expected { Ok(()) } else { Err(TokenError::Value(name)) }
}

/// Visible ASCII after decoding. What is bare is copied in runs: a session token is hundreds of letters with a few
/// escapes between.
fn decode_value(raw: &str) -> Result<Value<'_>, TokenError> {
    let mut decoded = Zeroizing::new(String::new());
    let mut rest = raw;
    loop {
        let bare = rest.bytes().position(|byte| !BARE.contains(byte)).unwrap_or(rest.len());
        if bare == raw.len() {
            return Ok(Value::Bare(raw));
        }
        // At once all that can be needed, so that growing leaves no copies behind.
        let room = raw.len() - decoded.len();
        decoded.reserve_exact(room);
        let (run, after) = rest.split_at(bare);
        decoded.push_str(run);
        let Some(escape) = after.as_bytes().first_chunk::<3>() else {
            return if after.is_empty() { Ok(Value::Decoded(decoded)) } else { Err(TokenError::Query) };
        };
        let [b'%', high, low] = *escape else { return Err(TokenError::Query) };
        let (high, low) = (hex_digit(high).ok_or(TokenError::Query)?, hex_digit(low).ok_or(TokenError::Query)?);
        let byte = high * 16 + low;
        if !byte.is_ascii_graphic() {
            return Err(TokenError::Query);
        }
        decoded.push(char::from(byte));
        rest = after.get(3..).unwrap_or_default();
    }
}

/// The bytes that may stand for themselves, because they do so in every reading of a query: a bare `+` is a space to
/// some and a plus to others, a bare `;` was a separator once.
static BARE: ByteSet = ByteSet::alphanumeric_and(b"-._~/:=");

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Digits without a leading zero, 0 to 900: one spelling for one number.
fn parse_expires(text: &str) -> Result<u32, TokenError> {
    let seconds: u32 = text.parse().map_err(|_| TokenError::Expires)?;
    let is_accepted = seconds <= Window::TOKEN.max_expires_seconds && seconds.to_string() == text;
    if is_accepted { Ok(seconds) } else { Err(TokenError::Expires) }
}

/// `KEY/DATE/REGION/sts/aws4_request`.
fn parse_credential(
    credential: &str,
    signed_at: Timestamp,
    endpoint: &Endpoint,
) -> Result<(String, CredentialScope), TokenError> {
    let (access_key_id, scope_text) = credential.split_once('/').ok_or(TokenError::Scope)?;
    let is_key_id = |text: &str| {
        (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let region = scope_text.split('/').nth(1).ok_or(TokenError::Scope)?;
    let scope = CredentialScope::new(signed_at, region, "sts").map_err(|_| TokenError::Scope)?;
    // The scope that this date, region and service have is the only one: compared as text, nothing else can slip in.
    if !is_key_id(access_key_id) || !scope.is_text(scope_text) || !endpoint.accepts_region(region) {
        return Err(TokenError::Scope);
    }
    Ok((access_key_id.to_owned(), scope))
}

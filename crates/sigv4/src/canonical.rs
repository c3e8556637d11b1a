//! The canonical request: the one text that client and server hash.

use std::borrow::Cow;

use crate::query::{self, encode_into, is_unreserved};
use crate::{MalformedError, Request, SignedHeaders};

/// Which path a client put into its canonical request.
///
/// All SDKs percent-encode the path *as sent* once more (`%3A` becomes `%253A`), as AWS asks for every service but S3.
/// They differ before that: Go takes the path as it is, botocore and the Rust SDK first remove dot segments and empty
/// segments from the copy they sign, yet send the original. So a request for `/clusters//access-entries/x` from Python
/// is signed as `/clusters/access-entries/x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathForm {
    /// The raw path.
    AsSent,
    /// The raw path without `.`, `..` and empty segments, as botocore does it. A trailing `/` stays.
    Normalised,
}

impl PathForm {
    /// The forms that a verifier has to try for a path: one, or both where they differ.
    pub(crate) fn candidates(path: &str) -> &'static [Self] {
        if normalise(path) == path { &[Self::AsSent] } else { &[Self::AsSent, Self::Normalised] }
    }
}

/// Which `Host` a client put into its canonical request.
///
/// Clients leave the scheme's default port out of the host they sign, while some send it (measured with
/// `https://h:443/` and `http://h:80/`). The scheme is not part of a signed request, so both ports count as default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HostForm {
    /// The header as it arrived.
    AsSent,
    /// Without `:80` or `:443` at its end.
    WithoutDefaultPort,
}

impl HostForm {
    /// The forms that a verifier has to try for a request: one, or both where they differ.
    pub(crate) fn candidates(request: &Request<'_>) -> &'static [Self] {
        let has_default_port =
            request.header_values("host").any(|host| without_default_port(host.trim_ascii()) != host.trim_ascii());
        if has_default_port { &[Self::AsSent, Self::WithoutDefaultPort] } else { &[Self::AsSent] }
    }
}

/// The canonical request of one request under one list of signed headers.
#[derive(Debug, Clone)]
pub struct CanonicalRequest<'a> {
    request: &'a Request<'a>,
    signed_headers: &'a SignedHeaders,
    query: String,
}

impl<'a> CanonicalRequest<'a> {
    /// Prepares the canonical request. The query parameter `X-Amz-Signature` is left out, being the result.
    ///
    /// # Errors
    /// [`MalformedError::Query`] if the query cannot be decoded.
    pub fn new(request: &'a Request<'a>, signed_headers: &'a SignedHeaders) -> Result<Self, MalformedError> {
        let pairs = query::pairs(request.query)?;
        let signed = pairs.iter().filter(|(name, _)| name != "X-Amz-Signature");
        let query = query::canonical(signed.map(|(name, value)| (name.as_str(), value.as_str())));
        Ok(Self { request, signed_headers, query })
    }

    /// As [`CanonicalRequest::new`], for whoever has the canonical query already: names and values encoded as
    /// [`query::encode`] does it, sorted, without `X-Amz-Signature`. The query of `request` is not looked at.
    #[must_use]
    pub fn with_canonical_query(request: &'a Request<'a>, signed_headers: &'a SignedHeaders, query: String) -> Self {
        Self { request, signed_headers, query }
    }

    pub(crate) fn request(&self) -> &'a Request<'a> {
        self.request
    }

    /// The bytes that are hashed: method, path, query, headers, their names, and the hash of the body.
    #[must_use]
    pub fn bytes(&self, path: PathForm) -> Vec<u8> {
        self.bytes_with_host(path, HostForm::AsSent)
    }

    pub(crate) fn bytes_with_host(&self, path: PathForm, host: HostForm) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(512 + self.query.len());
        bytes.extend_from_slice(self.request.method.as_bytes());
        bytes.push(b'\n');
        bytes.extend_from_slice(canonical_path(self.request.path, path).as_bytes());
        bytes.push(b'\n');
        bytes.extend_from_slice(self.query.as_bytes());
        bytes.push(b'\n');
        for name in self.signed_headers.iter() {
            self.push_header(&mut bytes, name, host);
        }
        bytes.push(b'\n');
        bytes.extend_from_slice(self.signed_headers.joined().as_bytes());
        bytes.push(b'\n');
        bytes.extend_from_slice(self.request.body_sha256.to_hex().as_bytes());
        bytes
    }

    /// One line of a header: values of repeated headers are joined with a comma in order of arrival.
    fn push_header(&self, bytes: &mut Vec<u8>, name: &str, host: HostForm) {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(b':');
        for (position, value) in self.request.header_values(name).enumerate() {
            if position > 0 {
                bytes.push(b',');
            }
            if name == "host" && host == HostForm::WithoutDefaultPort {
                bytes.extend_from_slice(without_default_port(value.trim_ascii()));
            } else {
                push_collapsed(bytes, value);
            }
        }
        bytes.push(b'\n');
    }
}

/// Percent-encodes a path once more than it is, keeping the slashes.
fn canonical_path(path: &str, form: PathForm) -> String {
    let path = match form {
        PathForm::AsSent if path.is_empty() => Cow::Borrowed("/"),
        PathForm::AsSent => Cow::Borrowed(path),
        PathForm::Normalised => normalise(path),
    };
    let mut encoded = String::with_capacity(path.len());
    encode_into(&mut encoded, &path, |byte| is_unreserved(byte) || byte == b'/');
    encoded
}

/// Removes empty segments, `.` and `..`. A `..` at the root stays at the root. Escapes are not looked into: `%2e%2e` is
/// an ordinary segment, for the clients as for the router.
fn normalise(path: &str) -> Cow<'_, str> {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            other => kept.push(other),
        }
    }
    let mut normalised = String::with_capacity(path.len() + 1);
    for segment in &kept {
        normalised.push('/');
        normalised.push_str(segment);
    }
    if kept.is_empty() || path.ends_with('/') {
        normalised.push('/');
    }
    if normalised == path { Cow::Borrowed(path) } else { Cow::Owned(normalised) }
}

/// Appends a value without white space at its ends and with every run of white space inside as one space.
fn push_collapsed(bytes: &mut Vec<u8>, value: &[u8]) {
    let words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    for (position, word) in words.enumerate() {
        if position > 0 {
            bytes.push(b' ');
        }
        bytes.extend_from_slice(word);
    }
}

fn without_default_port(host: &[u8]) -> &[u8] {
    host.strip_suffix(b":443").or_else(|| host.strip_suffix(b":80")).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_encoded_once_more() {
        let path = "/clusters/demo/access-entries/arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fteam";
        let canonical = "/clusters/demo/access-entries/arn%253Aaws%253Aiam%253A%253A111122223333%253Arole%252Fteam";
        assert_eq!(canonical_path(path, PathForm::AsSent), canonical);
        assert_eq!(canonical_path("", PathForm::AsSent), "/");
    }

    /// Expected values: what botocore 1.43 signs for these paths.
    #[test]
    fn normalisation_is_that_of_botocore() {
        for (path, normalised) in [
            ("", "/"),
            ("/", "/"),
            ("//", "/"),
            ("/.", "/"),
            ("/..", "/"),
            ("/../a", "/a"),
            ("//a", "/a"),
            ("/a/b/..", "/a"),
            ("/a/b/../", "/a/"),
            ("/a/./b", "/a/b"),
            ("/a/b/.", "/a/b"),
            ("/a//b//", "/a/b/"),
            ("/a/..b/...", "/a/..b/..."),
            ("/a/%2e%2e/b", "/a/%2e%2e/b"),
            ("/clusters//access-entries/x", "/clusters/access-entries/x"),
            ("/clusters/demo/access-entries/", "/clusters/demo/access-entries/"),
        ] {
            assert_eq!(normalise(path), normalised, "{path}");
        }
    }

    #[test]
    fn only_a_default_port_is_optional() {
        assert_eq!(without_default_port(b"h:443"), b"h");
        assert_eq!(without_default_port(b"[::1]:80"), b"[::1]");
        assert_eq!(without_default_port(b"h:8443"), b"h:8443");
        assert_eq!(without_default_port(b"h:8080"), b"h:8080");
    }

    #[test]
    fn white_space_is_collapsed() {
        let mut bytes = Vec::new();
        push_collapsed(&mut bytes, b"  a \t b\r\n   c ");
        assert_eq!(bytes, b"a b c");
    }
}

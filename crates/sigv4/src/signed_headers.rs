//! The list of headers that a signature covers.

use crate::{MalformedError, Request};

/// Headers that, where present, must be signed and must not be repeated: each changes who is asking or what for.
///
/// AWS asks for every `x-amz-*` header. That cannot be demanded of real clients: the Rust SDK leaves
/// `amz-sdk-request` and `amz-sdk-invocation-id` unsigned, and proxies add `x-amzn-trace-id`.
const DECISIVE: [&str; 5] = ["host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token", "x-k8s-aws-id"];

/// A sorted list of distinct lower-case header names, among them `host`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHeaders(Vec<String>);

impl SignedHeaders {
    /// Reads `host;x-amz-date`.
    ///
    /// # Errors
    /// [`MalformedError::SignedHeaders`] unless names are lower case, sorted and distinct;
    /// [`MalformedError::UnsignedHeader`] if `host` is not among them.
    pub fn parse(list: &str) -> Result<Self, MalformedError> {
        let names: Vec<String> = list.split(';').map(str::to_owned).collect();
        let ascending = names.iter().zip(names.iter().skip(1)).all(|(name, next)| name < next);
        if !ascending || !names.iter().all(|name| is_lower_case_token(name)) {
            return Err(MalformedError::SignedHeaders);
        }
        Self::with_host(names)
    }

    /// The list that covers all given headers, in any letter case and order.
    ///
    /// # Errors
    /// [`MalformedError::SignedHeaders`] if one is not a header name, [`MalformedError::UnsignedHeader`] without `host`.
    pub fn covering<'a>(names: impl Iterator<Item = &'a str>) -> Result<Self, MalformedError> {
        let mut names: Vec<String> = names.map(str::to_ascii_lowercase).collect();
        names.sort();
        names.dedup();
        if !names.iter().all(|name| is_lower_case_token(name)) {
            return Err(MalformedError::SignedHeaders);
        }
        Self::with_host(names)
    }

    /// The names in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The list as it is signed: `host;x-amz-date`.
    #[must_use]
    pub fn joined(&self) -> String {
        self.0.join(";")
    }

    fn with_host(names: Vec<String>) -> Result<Self, MalformedError> {
        if names.iter().any(|name| name == "host") {
            Ok(Self(names))
        } else {
            Err(MalformedError::UnsignedHeader("host"))
        }
    }

    /// Checks that the request has every header of the list, and none of the decisive ones unsigned or twice.
    pub(crate) fn check(&self, request: &Request<'_>) -> Result<(), MalformedError> {
        for name in DECISIVE {
            let signed = self.0.iter().any(|signed| signed == name);
            match request.header_values(name).count() {
                0 => {}
                1 if signed => {}
                1 => return Err(MalformedError::UnsignedHeader(name)),
                _ => return Err(MalformedError::DuplicateHeader(name)),
            }
        }
        match self.0.iter().find(|name| request.header_values(name).next().is_none()) {
            Some(absent) => Err(MalformedError::AbsentHeader(absent.clone())),
            None => Ok(()),
        }
    }
}

/// A header name of RFC 9110 (section 5.6.2), in lower case.
fn is_lower_case_token(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_sorted_lower_case_and_distinct() {
        assert_eq!(SignedHeaders::parse("host;x-k8s-aws-id").unwrap().joined(), "host;x-k8s-aws-id");
        for list in
            ["", "host;", ";host", "host;host", "x-amz-date;host", "Host", "host; x-amz-date", "host,x-amz-date"]
        {
            assert_eq!(SignedHeaders::parse(list), Err(MalformedError::SignedHeaders), "{list}");
        }
    }

    #[test]
    fn a_list_has_host() {
        assert_eq!(SignedHeaders::parse("x-k8s-aws-id"), Err(MalformedError::UnsignedHeader("host")));
    }
}

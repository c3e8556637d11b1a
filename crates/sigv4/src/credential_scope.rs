//! The credential scope `yyyymmdd/region/service/aws4_request`: what a signing key is good for.

use std::fmt;

use jiff::Timestamp;

use crate::MalformedError;
use crate::timestamp::format_date;

const TERMINATOR: &str = "aws4_request";

/// Longest access key id AWS issues (IAM API, `AccessKeyId`: 16 to 128 word characters). Shorter ones are let through,
/// since local directories may be seeded with them.
const MAX_ACCESS_KEY_ID: usize = 128;

/// The day, region and service for which a signature is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialScope {
    date: String,
    region: String,
    service: String,
}

impl CredentialScope {
    /// The scope in which a request is signed at a given time.
    ///
    /// # Errors
    /// [`MalformedError::Credential`] if region or service has anything but lower-case letters, digits and `-`.
    pub fn new(at: Timestamp, region: &str, service: &str) -> Result<Self, MalformedError> {
        if !is_scope_word(region) || !is_scope_word(service) {
            return Err(MalformedError::Credential);
        }
        Ok(Self { date: format_date(at), region: region.to_owned(), service: service.to_owned() })
    }

    /// Splits `access-key-id/yyyymmdd/region/service/aws4_request` into the access key id and the scope.
    pub(crate) fn parse_credential(credential: &str) -> Result<(String, Self), MalformedError> {
        let mut parts = credential.split('/');
        let (Some(access_key_id), Some(date), Some(region), Some(service), Some(TERMINATOR), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(MalformedError::Credential);
        };
        let date_is_sound = date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit());
        if !is_access_key_id(access_key_id) || !date_is_sound || !is_scope_word(region) || !is_scope_word(service) {
            return Err(MalformedError::Credential);
        }
        let scope = Self { date: date.to_owned(), region: region.to_owned(), service: service.to_owned() };
        Ok((access_key_id.to_owned(), scope))
    }

    /// The day in UTC, `yyyymmdd`.
    #[must_use]
    pub fn date(&self) -> &str {
        &self.date
    }

    /// The region, e.g. `us-west-2`. The global endpoints of STS and IAM sign for `us-east-1`.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The signing name of the service: `eks`, `sts`, `iam`.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Appends the scope as it is signed, with `between` between its parts.
    pub fn push_to(&self, text: &mut String, between: &str) {
        for part in [&self.date, &self.region, &self.service] {
            text.push_str(part);
            text.push_str(between);
        }
        text.push_str(TERMINATOR);
    }

    /// Whether a text says just this.
    #[must_use]
    pub fn is_text(&self, text: &str) -> bool {
        let parts = [self.date.as_str(), &self.region, &self.service, TERMINATOR];
        text.split('/').eq(parts)
    }
}

impl fmt::Display for CredentialScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{TERMINATOR}", self.date, self.region, self.service)
    }
}

/// Whether this is what AWS calls an access key id: word characters only.
pub(crate) fn is_access_key_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_ACCESS_KEY_ID
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn is_scope_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_credential() {
        let (id, scope) =
            CredentialScope::parse_credential("AKIDEXAMPLE/20260101/us-gov-west-1/sts/aws4_request").unwrap();
        assert_eq!(id, "AKIDEXAMPLE");
        assert_eq!((scope.date(), scope.region(), scope.service()), ("20260101", "us-gov-west-1", "sts"));
        assert_eq!(scope.to_string(), "20260101/us-gov-west-1/sts/aws4_request");
        let mut signed = String::new();
        scope.push_to(&mut signed, "/");
        assert_eq!(signed, scope.to_string());
        assert!(scope.is_text(&signed));
        for other in
            ["", "20260101/us-gov-west-1/sts", &format!("{signed}/"), &format!("/{signed}"), "a/b/c/aws4_request"]
        {
            assert!(!scope.is_text(other), "{other}");
        }
    }

    #[test]
    fn refuses_a_credential_of_another_shape() {
        for credential in [
            "",
            "AKIDEXAMPLE",
            "/20260101/us-east-1/sts/aws4_request",
            "AKID/20260101/us-east-1/sts",
            "AKID/20260101/us-east-1/sts/aws5_request",
            "AKID/20260101/us-east-1/sts/aws4_request/",
            "AKID/EXTRA/20260101/us-east-1/sts/aws4_request",
            "AKID/2026011/us-east-1/sts/aws4_request",
            "AKID/2026010x/us-east-1/sts/aws4_request",
            "AKID/20260101//sts/aws4_request",
            "AKID/20260101/us-east-1//aws4_request",
            "AKID/20260101/US-EAST-1/sts/aws4_request",
            "AK ID/20260101/us-east-1/sts/aws4_request",
            "AKID\n/20260101/us-east-1/sts/aws4_request",
        ] {
            assert_eq!(CredentialScope::parse_credential(credential), Err(MalformedError::Credential), "{credential}");
        }
    }
}

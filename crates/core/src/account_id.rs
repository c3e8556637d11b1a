//! AWS account ids: exactly twelve decimal digits, leading zeros included.

use std::fmt;
use std::str::FromStr;

use crate::text_form::text_form;

/// An AWS account id. One that exists is twelve ASCII digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId([u8; 12]);

impl AccountId {
    /// The twelve digits.
    pub fn as_str(&self) -> &str {
        // Only ASCII digits are ever stored; the fallback cannot be reached and keeps this free of panics.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl AccountId {
    /// The account at a place of a text that was checked to have one there.
    pub(crate) fn at(text: &str, place: usize) -> Self {
        let digits = text.as_bytes().get(place..).and_then(|rest| rest.first_chunk());
        // What was checked is there; the fallback cannot be reached and keeps this free of panics.
        Self(digits.copied().unwrap_or([b'0'; 12]))
    }
}

impl FromStr for AccountId {
    type Err = AccountIdError;

    fn from_str(text: &str) -> Result<Self, AccountIdError> {
        let digits: [u8; 12] = text.as_bytes().try_into().map_err(|_| AccountIdError(text.to_owned()))?;
        if digits.iter().all(u8::is_ascii_digit) { Ok(Self(digits)) } else { Err(AccountIdError(text.to_owned())) }
    }
}

text_form!(AccountId);

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What stands where an account id should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an account id: expected exactly 12 digits, leading zeros included")]
pub struct AccountIdError(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_id_is_twelve_digits_and_keeps_its_zeros() {
        assert_eq!("012345670123".parse::<AccountId>().unwrap().as_str(), "012345670123");
        for bad in ["", "1234567890", "1234567890123", "12345678901x", "１２３４", "12345678901\n"] {
            assert!(bad.parse::<AccountId>().is_err(), "{bad}");
        }
    }
}

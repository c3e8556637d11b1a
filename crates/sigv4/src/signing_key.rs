//! Secrets, the key derived from them, and the signature itself.

use std::fmt;

use hmac::{Hmac, Mac};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::{ALGORITHM, CredentialScope, format_timestamp};

/// A secret access key. Wiped from memory when dropped, and never printed.
#[derive(Clone)]
pub struct SecretKey(Zeroizing<String>);

impl SecretKey {
    /// Takes the secret access key, e.g. the 40 characters that IAM issues.
    #[must_use]
    pub fn new(secret: String) -> Self {
        Self(Zeroizing::new(secret))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(hidden)")
    }
}

/// The key for one day, region and service. Worth keeping where many requests of one scope are verified.
#[derive(Clone)]
pub struct SigningKey(Zeroizing<[u8; 32]>);

impl SigningKey {
    /// Derives the key for a scope: four nested HMACs over date, region, service and `aws4_request`.
    #[must_use]
    pub fn derive(secret: &SecretKey, scope: &CredentialScope) -> Self {
        let mut seed = Zeroizing::new(Vec::with_capacity(4 + secret.0.len()));
        seed.extend_from_slice(b"AWS4");
        seed.extend_from_slice(secret.0.as_bytes());
        let mut key = Zeroizing::new(hmac_sha256(&seed, scope.date().as_bytes()));
        for part in [scope.region(), scope.service(), "aws4_request"] {
            key = Zeroizing::new(hmac_sha256(key.as_slice(), part.as_bytes()));
        }
        Self(key)
    }

    /// Signs a string to sign; 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn sign(&self, string_to_sign: &str) -> String {
        hex_digits(&hmac_sha256(self.0.as_slice(), string_to_sign.as_bytes()))
    }

    /// Whether a signature was made with this key. Takes the same time whichever byte differs.
    pub(crate) fn matches(&self, string_to_sign: &str, signature: &[u8; 32]) -> bool {
        hmac_sha256(self.0.as_slice(), string_to_sign.as_bytes()).ct_eq(signature).into()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(hidden)")
    }
}

/// The string to sign: algorithm, time, scope and the hash of the canonical request, one a line.
#[must_use]
pub fn string_to_sign(at: Timestamp, scope: &CredentialScope, canonical_request: &[u8]) -> String {
    let mut text = String::with_capacity(ROOM);
    text.push_str(ALGORITHM);
    text.push('\n');
    text.push_str(&format_timestamp(at));
    text.push('\n');
    scope.push_to(&mut text, "/");
    text.push('\n');
    text.push_str(&hex_digits(&Sha256::digest(canonical_request).into()));
    text
}

/// What no string to sign of a known region exceeds, in bytes.
const ROOM: usize = 192;

/// A hash in lower-case hexadecimal digits. All at once, since `hex::encode` pushes one after the other.
pub(crate) fn hex_digits(hash: &[u8; 32]) -> String {
    let mut digits = [0; 64];
    // Of twice the length, and digits.
    let _ = hex::encode_to_slice(hash, &mut digits);
    std::str::from_utf8(&digits).unwrap_or_default().to_owned()
}

/// HMAC-SHA256 (RFC 2104). The key is brought to the hash's block of 64 bytes here, as the RFC says (section 2), since
/// the constructor for a whole block cannot fail.
fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; 64];
    let hashed: [u8; 32];
    let key = if key.len() > block.len() {
        hashed = Sha256::digest(key).into();
        &hashed
    } else {
        key
    };
    block.iter_mut().zip(key).for_each(|(into, from)| *into = *from);
    let mac = Hmac::<Sha256>::new((&block).into()).chain_update(message);
    block.zeroize();
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test cases 2 (short key) and 6 (key longer than a block).
    #[test]
    fn hmac_is_the_one_of_the_rfc() {
        assert_eq!(
            hex::encode(hmac_sha256(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hex::encode(hmac_sha256(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn secrets_are_not_printed() {
        let secret = SecretKey::new("wJalrXUtnFEMI".to_owned());
        let scope = CredentialScope::new(Timestamp::UNIX_EPOCH, "us-east-1", "sts").unwrap();
        let printed = format!("{secret:?} {:?}", SigningKey::derive(&secret, &scope));
        assert_eq!(printed, "SecretKey(hidden) SigningKey(hidden)");
    }
}

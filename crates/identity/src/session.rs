//! Temporary credentials that the server does not have to remember.
//!
//! The session token *is* the record: what was granted, sealed with a key of the server's. Every replica that has the
//! key can open it, a restart forgets nothing, and a caller cannot read or change it. What the token cannot know is
//! asked of the directory each time it is opened: whether the role or user of that unique id still exists.
//!
//! Form: base64 (RFC 4648, section 4, padded) of a version byte, a 12-byte nonce, and AES-256-GCM over the claims with
//! the version as associated data. Nonces are random; one key is good for 2^32 tokens (NIST SP 800-38D, 8.3).

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use doorward_core::account_id::AccountId;
use doorward_core::principal::PrincipalId;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::random::{Random, RandomError, random_id};

/// No token that this module makes is longer, and a longer one is not even decoded. AWS's own have up to 4096.
pub const MAX_SESSION_TOKEN_LENGTH: usize = 1024;

const VERSION: u8 = 1;
const PURPOSE: &[u8] = b"doorward session token 1";

/// The server's key for session tokens: 32 random bytes, to be kept as carefully as any secret access key. With
/// another key, every temporary credential handed out before is void.
#[derive(Clone)]
pub struct SessionKey(Zeroizing<[u8; 32]>);

impl SessionKey {
    /// A key that was kept.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A new key.
    ///
    /// # Errors
    /// If there is no randomness.
    pub fn generate(random: &mut dyn Random) -> Result<Self, RandomError> {
        let mut bytes = Zeroizing::new([0; 32]);
        random.fill(bytes.as_mut_slice())?;
        Ok(Self(bytes))
    }

    /// The bytes, to keep them.
    pub fn expose_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn cipher(&self) -> Result<LessSafeKey, SessionError> {
        Ok(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, self.0.as_slice()).map_err(|_| SessionError::Invalid)?))
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(hidden)")
    }
}

/// For whom a session is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum SessionSubject {
    /// A session of a role, made by `AssumeRole`.
    Role {
        /// The role's unique id: a new role of the same name is another one.
        id: PrincipalId,
        /// The session's name.
        session_name: String,
    },
    /// A user's session, made by `GetSessionToken`.
    User {
        /// The user's unique id.
        id: PrincipalId,
    },
    /// The account's, made by `GetSessionToken`.
    Root {
        /// The account.
        account: AccountId,
    },
}

/// Temporary credentials, as they are handed out once.
#[derive(Clone)]
pub struct SessionCredentials {
    /// `ASIA…`.
    pub access_key_id: String,
    /// The secret that belongs to it.
    pub secret_access_key: SecretString,
    /// What has to be sent along with every request.
    pub session_token: SecretString,
    /// When they end; whole seconds.
    pub expiration: Timestamp,
}

impl fmt::Debug for SessionCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { access_key_id, expiration, .. } = self;
        f.debug_struct("SessionCredentials")
            .field("access_key_id", access_key_id)
            .field("expiration", expiration)
            .finish_non_exhaustive()
    }
}

/// An opened session token.
pub struct Session {
    /// For whom it is.
    pub subject: SessionSubject,
    /// The secret that signs with it.
    pub secret_access_key: SecretString,
    /// When it was made.
    pub issued: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

/// What is sealed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    key: String,
    secret: Zeroizing<String>,
    subject: SessionSubject,
    issued: i64,
    expires: i64,
}

/// Makes temporary credentials for `subject` that end `duration_seconds` from now.
///
/// # Errors
/// If there is no randomness, or the end cannot be expressed.
pub fn issue(
    key: &SessionKey,
    subject: SessionSubject,
    duration_seconds: u32,
    now: Timestamp,
    random: &mut dyn Random,
) -> Result<SessionCredentials, SessionError> {
    let expires = now.as_second().saturating_add(i64::from(duration_seconds));
    let expiration = Timestamp::from_second(expires).map_err(|_| SessionError::Invalid)?;
    let access_key_id = random_id("ASIA", 16, random)?;
    let secret_access_key = crate::directory::draw_secret(random)?;
    let secret = Zeroizing::new(secret_access_key.expose_secret().to_owned());
    let claims = Claims { key: access_key_id.clone(), secret, subject, issued: now.as_second(), expires };
    let session_token = SecretString::from(seal(key, &claims, random)?);
    Ok(SessionCredentials { access_key_id, secret_access_key, session_token, expiration })
}

/// Opens the token that came with `access_key_id`.
///
/// # Errors
/// [`SessionError::Invalid`] for a token that this key did not seal or that belongs to another access key;
/// [`SessionError::Expired`]. That the subject still exists is for the caller to check.
pub fn open(key: &SessionKey, access_key_id: &str, token: &str, now: Timestamp) -> Result<Session, SessionError> {
    let claims = unseal(key, token)?;
    if claims.key != access_key_id {
        return Err(SessionError::Invalid);
    }
    let (Ok(issued), Ok(expires)) = (Timestamp::from_second(claims.issued), Timestamp::from_second(claims.expires))
    else {
        return Err(SessionError::Invalid);
    };
    if now >= expires {
        return Err(SessionError::Expired { since: now.duration_since(expires) });
    }
    let secret_access_key = SecretString::from(claims.secret.as_str());
    Ok(Session { subject: claims.subject, secret_access_key, issued, expires })
}

fn seal(key: &SessionKey, claims: &Claims, random: &mut dyn Random) -> Result<String, SessionError> {
    let mut nonce = [0_u8; NONCE_LEN];
    random.fill(&mut nonce)?;
    // A vector that never grows leaves no copy of the secret behind; everything in it is ciphertext after the sealing.
    let mut sealed = Vec::with_capacity(MAX_SESSION_TOKEN_LENGTH);
    serde_json::to_writer(&mut sealed, claims).map_err(|_| SessionError::Invalid)?;
    let nonce_of_cipher = Nonce::assume_unique_for_key(nonce);
    key.cipher()?
        .seal_in_place_append_tag(nonce_of_cipher, Aad::from(PURPOSE), &mut sealed)
        .map_err(|_| SessionError::Invalid)?;
    let token = STANDARD.encode([&[VERSION], nonce.as_slice(), &sealed].concat());
    if token.len() > MAX_SESSION_TOKEN_LENGTH { Err(SessionError::Invalid) } else { Ok(token) }
}

fn unseal(key: &SessionKey, token: &str) -> Result<Claims, SessionError> {
    if token.len() > MAX_SESSION_TOKEN_LENGTH {
        return Err(SessionError::Invalid);
    }
    let mut bytes = Zeroizing::new(STANDARD.decode(token).map_err(|_| SessionError::Invalid)?);
    let (version, rest) = bytes.split_first_mut().ok_or(SessionError::Invalid)?;
    if *version != VERSION {
        return Err(SessionError::Invalid);
    }
    let (nonce, sealed) = rest.split_first_chunk_mut::<NONCE_LEN>().ok_or(SessionError::Invalid)?;
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let claims = key.cipher()?.open_in_place(nonce, Aad::from(PURPOSE), sealed).map_err(|_| SessionError::Invalid)?;
    serde_json::from_slice(claims).map_err(|_| SessionError::Invalid)
}

/// Why there is no session. The token is in none of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// Not sealed by this server, changed, or not for this access key.
    #[error("the session token is not one of this server's for this access key")]
    Invalid,
    /// It has ended.
    #[error("the session token expired {since:#} ago")]
    Expired {
        /// How long ago.
        since: SignedDuration,
    },
    /// No token could be made.
    #[error(transparent)]
    Random(#[from] RandomError),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::random::tests::counting;

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    fn key() -> SessionKey {
        SessionKey::from_bytes([7; 32])
    }

    fn subject() -> SessionSubject {
        SessionSubject::Role { id: PrincipalId("AROAX".to_owned()), session_name: "s".to_owned() }
    }

    #[test]
    fn a_session_opens_with_its_own_key_and_access_key_until_it_ends() {
        let made = issue(&key(), subject(), 900, now(), &mut counting()).unwrap();
        let open_at = |access_key: &str, key: &SessionKey, seconds: i64| {
            open(key, access_key, made.session_token.expose_secret(), now() + SignedDuration::from_secs(seconds))
        };
        let session = open_at(&made.access_key_id, &key(), 899).unwrap();
        assert_eq!(session.subject, subject());
        assert_eq!(session.secret_access_key.expose_secret(), made.secret_access_key.expose_secret());
        assert!(matches!(open_at(&made.access_key_id, &key(), 900), Err(SessionError::Expired { .. })));
        assert_eq!(open_at("ASIAOTHER", &key(), 0).err(), Some(SessionError::Invalid));
        assert_eq!(
            open_at(&made.access_key_id, &SessionKey::from_bytes([8; 32]), 0).err(),
            Some(SessionError::Invalid)
        );
        assert_eq!(made.access_key_id.len(), 20);
        assert!(made.access_key_id.starts_with("ASIA"));
    }

    #[test]
    fn the_longest_session_fits_its_documented_length() {
        let session_name = "s".repeat(64);
        let longest = SessionSubject::Role { id: PrincipalId("A".repeat(128)), session_name };
        let made = issue(&key(), longest, 43_200, now(), &mut counting()).unwrap();
        assert!(made.session_token.expose_secret().len() <= MAX_SESSION_TOKEN_LENGTH);
    }

    #[test]
    fn nothing_secret_is_printed_and_nothing_readable_is_in_the_token() {
        let made = issue(&key(), subject(), 900, now(), &mut counting()).unwrap();
        let printed = format!("{made:?} {:?}", key());
        assert!(!printed.contains(made.session_token.expose_secret()));
        assert!(!printed.contains(made.secret_access_key.expose_secret()));
        let bytes = STANDARD.decode(made.session_token.expose_secret()).unwrap();
        assert!(!bytes.windows(4).any(|window| window == b"AROA" || window == b"ASIA"));
    }

    proptest! {
        #[test]
        fn any_changed_token_is_refused(at in 0_usize..500, with in "[A-Za-z0-9+/=]") {
            let made = issue(&key(), subject(), 900, now(), &mut counting()).unwrap();
            let token = made.session_token.expose_secret();
            let at = at % token.len();
            let changed = format!("{}{with}{}", &token[..at], &token[at + 1..]);
            prop_assume!(changed != token);
            prop_assert!(open(&key(), &made.access_key_id, &changed, now()).is_err());
        }

        #[test]
        fn no_text_makes_opening_panic(token in ".{0,200}") {
            prop_assert!(open(&key(), "ASIA", &token, now()).is_err());
        }
    }
}

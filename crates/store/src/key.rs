//! Keys: paths of segments, compared byte by byte.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use thiserror::Error;

/// Longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 2048;

/// Why a text is not a key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// No segment, or one of them is empty.
    #[error("key `{0}` has an empty segment")]
    EmptySegment(String),
    /// Longer than [`MAX_KEY_BYTES`].
    #[error("key of {0} bytes is longer than {MAX_KEY_BYTES}")]
    TooLong(usize),
    /// A control character stands in the key.
    #[error("key {0:?} holds a control character")]
    ControlCharacter(String),
}

/// A key such as `clusters/demo/access-entries/arn:aws:iam::111122223333:role%2Fdev`: segments separated by `/`, none
/// empty, no control characters, at most [`MAX_KEY_BYTES`] bytes of UTF-8.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

impl Key {
    /// Takes a key as it is stored.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn new(text: &str) -> Result<Self, KeyError> {
        if text.len() > MAX_KEY_BYTES {
            return Err(KeyError::TooLong(text.len()));
        }
        if text.split('/').any(str::is_empty) {
            return Err(KeyError::EmptySegment(text.to_owned()));
        }
        if text.contains(char::is_control) {
            return Err(KeyError::ControlCharacter(text.to_owned()));
        }
        Ok(Self(text.into()))
    }

    /// Builds a key of segments that may hold any text, such as an ARN: `/`, `%` and control characters are
    /// percent-encoded, so that different segments always make different keys. [`Key::segments`] undoes it.
    ///
    /// # Errors
    /// [`KeyError`] if a segment is empty, or the whole is too long.
    pub fn of<S: AsRef<str>>(segments: impl IntoIterator<Item = S>) -> Result<Self, KeyError> {
        let mut text = String::new();
        for (position, segment) in segments.into_iter().enumerate() {
            if position > 0 {
                text.push('/');
            }
            escape_into(&mut text, segment.as_ref());
        }
        Self::new(&text)
    }

    /// The segments, without the escapes that [`Key::of`] made.
    pub fn segments(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.0.split('/').map(unescape)
    }

    /// Whether it is below `live`: such keys are announced and go away by themselves, no others do
    /// ([`crate::Store::announce`]).
    #[must_use]
    pub fn is_live(&self) -> bool {
        Prefix::live().contains(self)
    }

    /// The key as it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.0)
    }
}

/// All keys, or those below one key. Below `a/b` are `a/b/c` and `a/b/c/d`, neither `a/b` itself nor `a/bc`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(Arc<str>);

impl Prefix {
    /// Every key.
    #[must_use]
    pub fn all() -> Self {
        Self("".into())
    }

    /// The keys below one key.
    #[must_use]
    pub fn below(key: &Key) -> Self {
        Self(format!("{key}/").into())
    }

    /// The keys that were announced and are not over yet.
    #[must_use]
    pub fn live() -> Self {
        Self("live/".into())
    }

    /// Whether a key is one of them.
    #[must_use]
    pub fn contains(&self, key: &Key) -> bool {
        key.as_str().starts_with(&*self.0)
    }

    /// What every such key starts with: empty, or a key and a `/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first text behind all such keys in byte order; `None` if there is no bound.
    pub(crate) fn end(&self) -> Option<String> {
        // `0` is the character after `/`.
        self.0.strip_suffix('/').map(|key| format!("{key}0"))
    }
}

fn escape_into(text: &mut String, segment: &str) {
    for character in segment.chars() {
        if character == '/' || character == '%' || character.is_control() {
            let mut buffer = [0_u8; 4];
            for byte in character.encode_utf8(&mut buffer).bytes() {
                text.push_str(&format!("%{byte:02X}"));
            }
        } else {
            text.push(character);
        }
    }
}

fn unescape(segment: &str) -> Cow<'_, str> {
    if !segment.contains('%') {
        return Cow::Borrowed(segment);
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        match after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            // Not an escape of ours: the key was given as it is.
            None => {
                bytes.push(b'%');
                rest = after;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_no_empty_segment() {
        for text in ["", "/", "/a", "a/", "a//b"] {
            assert_eq!(Key::new(text), Err(KeyError::EmptySegment(text.to_owned())));
        }
        assert!(Key::of::<&str>([]).is_err());
        assert!(Key::of(["a", ""]).is_err());
    }

    #[test]
    fn a_key_has_at_most_2048_bytes_and_no_control_character() {
        assert!(Key::new(&"k".repeat(2048)).is_ok());
        assert_eq!(Key::new(&"k".repeat(2049)), Err(KeyError::TooLong(2049)));
        assert_eq!(Key::new("a\n"), Err(KeyError::ControlCharacter("a\n".to_owned())));
    }

    #[test]
    fn segments_may_hold_any_text() {
        let segments = ["clusters", "a%2Fb/c", "arn:aws:iam::1:role/ü\u{0}\u{85}", "%"];
        let key = Key::of(segments).unwrap();
        assert_eq!(key.as_str(), "clusters/a%252Fb%2Fc/arn:aws:iam::1:role%2Fü%00%C2%85/%25");
        assert_eq!(key.segments().collect::<Vec<_>>(), segments);
        assert_eq!(Key::new("50%/a%zz").unwrap().segments().collect::<Vec<_>>(), ["50%", "a%zz"]);
    }

    #[test]
    fn a_prefix_ends_at_a_segment() {
        let below = Prefix::below(&Key::new("a/b").unwrap());
        let keys = ["a", "a/b", "a/b/c", "a/b/c/d", "a/bc", "a/b0", "a/c"];
        let inside: Vec<&str> = keys.into_iter().filter(|key| below.contains(&Key::new(key).unwrap())).collect();
        assert_eq!(inside, ["a/b/c", "a/b/c/d"]);
        assert_eq!(below.end().unwrap(), "a/b0");
        assert!(keys.iter().all(|key| Prefix::all().contains(&Key::new(key).unwrap())));
    }
}

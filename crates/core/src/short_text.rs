//! Texts that are nearly always short, kept without an allocation of their own.
//!
//! A large cluster has a million access entries, each with a unique id of 21 characters and the name of a namespace or
//! two. What the allocator adds to each of these would be more than the texts themselves.

use std::fmt;

/// The longest text that is kept in place: as many bytes as leave the whole at the size of three pointers.
const IN_PLACE: usize = 22;

/// A text; up to 22 bytes of it need no allocation.
#[derive(Clone)]
pub(crate) struct ShortText(Repr);

#[derive(Clone)]
enum Repr {
    InPlace { length: u8, bytes: [u8; IN_PLACE] },
    Boxed(Box<str>),
}

impl ShortText {
    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        match &self.0 {
            // Only whole texts are ever stored; the fallback cannot be reached and keeps this free of panics.
            Repr::InPlace { .. } => std::str::from_utf8(self.as_bytes()).unwrap_or_default(),
            Repr::Boxed(text) => text,
        }
    }

    /// Its bytes, for whoever compares them and needs no text.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::InPlace { length, bytes } => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Repr::Boxed(text) => text.as_bytes(),
        }
    }
}

impl From<&str> for ShortText {
    fn from(text: &str) -> Self {
        let mut bytes = [0; IN_PLACE];
        Self(match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(place), Ok(length)) => {
                place.copy_from_slice(text.as_bytes());
                Repr::InPlace { length, bytes }
            }
            _ => Repr::Boxed(text.into()),
        })
    }
}

impl PartialEq for ShortText {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for ShortText {}

impl PartialOrd for ShortText {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ShortText {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl std::hash::Hash for ShortText {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for ShortText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_back_whatever_its_length_and_takes_three_pointers() {
        for length in [0, 1, 21, 22, 23, 24, 300] {
            let text = "é".repeat(length / 2) + &"x".repeat(length % 2);
            assert_eq!(ShortText::from(text.as_str()).as_str(), text);
        }
        assert_eq!(size_of::<Option<ShortText>>(), 3 * size_of::<usize>());
    }
}

//! Strict decoding and canonical encoding of query strings.
//!
//! A verifier must read a query in exactly one way, or a request could be signed under one reading and obeyed under
//! another. So there is no recovery here: a bad escape, a raw `;`, an empty pair, bytes that are not UTF-8 are errors.

use thiserror::Error;

use crate::ByteSet;

/// Why a query string cannot be decoded without guessing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum QueryError {
    /// A `%` is not followed by two hexadecimal digits.
    #[error("bad percent escape")]
    Escape,
    /// The decoded bytes are not UTF-8.
    #[error("not UTF-8")]
    Utf8,
    /// A byte that must be escaped in a query: a control character, space, `"`, `#`, `;`, `<` or `>`.
    #[error("byte {0:#04x} must be percent-encoded")]
    RawByte(u8),
    /// Nothing between two `&`, or a name that is empty.
    #[error("a parameter without a name")]
    NoName,
}

/// Decodes a raw query into names and values, in order of appearance. A `+` stands for a space, as in HTML forms and
/// in the parsers of the SDKs; clients send `%20` and `%2B`. A parameter without `=` has an empty value.
///
/// # Errors
/// See [`QueryError`].
pub fn pairs(raw: &str) -> Result<Vec<(String, String)>, QueryError> {
    if raw.is_empty() {
        return Ok(Vec::new());
    }
    raw.split('&').map(pair).collect()
}

fn pair(raw: &str) -> Result<(String, String), QueryError> {
    let (name, value) = raw.split_once('=').unwrap_or((raw, ""));
    if name.is_empty() {
        return Err(QueryError::NoName);
    }
    Ok((decode(name)?, decode(value)?))
}

/// Decodes one name or value.
///
/// # Errors
/// See [`QueryError`].
pub fn decode(raw: &str) -> Result<String, QueryError> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let high = bytes.next().and_then(hex_digit).ok_or(QueryError::Escape)?;
                let low = bytes.next().and_then(hex_digit).ok_or(QueryError::Escape)?;
                high * 16 + low
            }
            b'+' => b' ',
            0..=b' ' | 0x7f | b'"' | b'#' | b';' | b'<' | b'>' => return Err(QueryError::RawByte(byte)),
            other => other,
        });
    }
    String::from_utf8(decoded).map_err(|_| QueryError::Utf8)
}

/// Percent-encodes everything but the unreserved characters `A-Z a-z 0-9 - . _ ~`, with upper-case digits, as SigV4
/// wants names and values of the query.
#[must_use]
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    push_encoded(&mut encoded, text);
    encoded
}

/// As [`encode`], to the end of a text.
pub fn push_encoded(encoded: &mut String, text: &str) {
    encode_into(encoded, text, is_unreserved);
}

/// The canonical query: every name and value encoded, sorted by encoded name, then by encoded value.
pub(crate) fn canonical<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut encoded: Vec<(String, String)> = pairs.map(|(name, value)| (encode(name), encode(value))).collect();
    encoded.sort();
    let mut canonical = String::new();
    for (name, value) in &encoded {
        if !canonical.is_empty() {
            canonical.push('&');
        }
        canonical.push_str(name);
        canonical.push('=');
        canonical.push_str(value);
    }
    canonical
}

/// Appends `text`, percent-encoding the bytes that `keep` does not accept; it accepts ASCII alone. Bytes that are kept
/// are appended in runs: a session token is hundreds of them with a few escapes between.
pub(crate) fn encode_into(encoded: &mut String, text: &str, keep: impl Fn(u8) -> bool) {
    let mut rest = text.as_bytes();
    loop {
        let (run, after) = rest.split_at(rest.iter().position(|byte| !keep(*byte)).unwrap_or(rest.len()));
        // Only ASCII is kept.
        encoded.push_str(std::str::from_utf8(run).unwrap_or_default());
        let Some((byte, after)) = after.split_first() else { return };
        encoded.push('%');
        encoded.push(upper_hex(byte >> 4));
        encoded.push(upper_hex(byte & 0x0f));
        rest = after;
    }
}

/// The characters that RFC 3986 (section 2.3) never escapes.
pub(crate) fn is_unreserved(byte: u8) -> bool {
    // Looked up: each byte of each token is asked about.
    static UNRESERVED: ByteSet = ByteSet::alphanumeric_and(b"-._~");
    UNRESERVED.contains(byte)
}

fn upper_hex(nibble: u8) -> char {
    char::from_digit(u32::from(nibble), 16).unwrap_or('0').to_ascii_uppercase()
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_pairs_in_order() {
        let decoded = pairs("tagKeys=k&tagKeys=x%20y&a%2Bb=%e1%88%b4+&flag").unwrap();
        let expected = [("tagKeys", "k"), ("tagKeys", "x y"), ("a+b", "ሴ "), ("flag", "")];
        assert_eq!(decoded, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(pairs("").unwrap(), []);
        assert_eq!(pairs("a=b=c").unwrap(), [("a".to_owned(), "b=c".to_owned())]);
    }

    #[test]
    fn refuses_what_could_be_read_in_two_ways() {
        for (raw, error) in [
            ("a=%gh", QueryError::Escape),
            ("a=%2", QueryError::Escape),
            ("a=%", QueryError::Escape),
            ("a=%+1", QueryError::Escape),
            ("a=%FF", QueryError::Utf8),
            ("a=b;c=d", QueryError::RawByte(b';')),
            ("a=b c", QueryError::RawByte(b' ')),
            ("a=b\n", QueryError::RawByte(b'\n')),
            ("a=b#c", QueryError::RawByte(b'#')),
            ("=x", QueryError::NoName),
            ("a=b&", QueryError::NoName),
            ("&", QueryError::NoName),
        ] {
            assert_eq!(pairs(raw), Err(error), "{raw}");
        }
    }

    #[test]
    fn canonical_form_sorts_by_name_and_then_value() {
        let unsorted = [("b", "2"), ("a-", ""), ("a", "y"), ("a", "x/ y")];
        assert_eq!(canonical(unsorted.into_iter()), "a=x%2F%20y&a=y&a-=&b=2");
    }
}

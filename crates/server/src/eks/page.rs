//! Pages of lists: `maxResults` from 1 to 100, 100 where it is not given, and an opaque token for the next page.
//!
//! The token names the last item of the page before, so a page costs its own length, and items that come or go in
//! between neither repeat nor hide others. It is bound to the list and its filter.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::parameters::single;
use crate::api::ApiError;

const MAX: usize = 100;

/// Which page of which list.
pub(super) struct Page {
    /// How many items at most.
    max: usize,
    /// The last item of the page before.
    after: Option<String>,
    binding: [u8; 8],
}

impl Page {
    /// Reads `maxResults` and `nextToken`. `list` says which list, with every filter.
    ///
    /// # Errors
    /// `InvalidParameterException`.
    pub(super) fn parse(query: &[(String, String)], list: &str) -> Result<Self, ApiError> {
        let max = match single(query, "maxResults")? {
            None => MAX,
            Some(text) => text.parse().ok().filter(|max| (1..=MAX).contains(max)).ok_or_else(|| {
                ApiError::invalid_parameter("The parameter maxResults is invalid, it must be between 1 and 100")
            })?,
        };
        let binding = binding(list);
        let after = single(query, "nextToken")?
            .filter(|token| !token.is_empty())
            .map(|token| {
                decode(token, binding).ok_or_else(|| {
                    ApiError::invalid_parameter("The parameter nextToken is invalid, or belongs to another list")
                })
            })
            .transpose()?;
        Ok(Self { max, after, binding })
    }

    /// The last item of the page before: the list goes on with the first item greater than this.
    pub(super) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Takes one page of items that come in order, and the token if there are more.
    pub(super) fn take<T>(
        &self,
        items: impl Iterator<Item = T>,
        key: impl Fn(&T) -> String,
    ) -> (Vec<T>, Option<String>) {
        let mut items = items.peekable();
        let page: Vec<T> = items.by_ref().take(self.max).collect();
        let token = items.peek().and(page.last()).map(|last| {
            let mut bytes = self.binding.to_vec();
            bytes.extend_from_slice(key(last).as_bytes());
            URL_SAFE_NO_PAD.encode(bytes)
        });
        (page, token)
    }
}

fn binding(list: &str) -> [u8; 8] {
    let digest: [u8; 32] = Sha256::digest(list.as_bytes()).into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    [a, b, c, d, e, f, g, h]
}

fn decode(token: &str, binding: [u8; 8]) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let key = bytes.strip_prefix(&binding)?;
    String::from_utf8(key.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(max: Option<&str>, token: Option<&str>, list: &str) -> Result<Page, ApiError> {
        let given = [("maxResults", max), ("nextToken", token)];
        let query: Vec<_> =
            given.iter().filter_map(|(name, value)| value.map(|value| (name.to_string(), value.to_owned()))).collect();
        Page::parse(&query, list)
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_repetition() {
        let names = ["a", "b", "c", "d", "e"];
        let mut seen: Vec<&str> = Vec::new();
        let mut token = None;
        loop {
            let page = page(Some("2"), token.as_deref(), "l").unwrap();
            let rest = names.iter().filter(|name| page.after().is_none_or(|after| **name > after));
            let (items, next) = page.take(rest, |name| (**name).to_owned());
            seen.extend(items.into_iter().copied());
            token = next;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(seen, names);
    }

    #[test]
    fn a_token_of_another_list_or_of_nobody_is_refused() {
        let (_, token) = page(Some("1"), None, "one").unwrap().take(["a", "b"].iter(), |name| (**name).to_owned());
        assert!(page(None, token.as_deref(), "one").is_ok());
        assert!(page(None, token.as_deref(), "two").is_err());
        assert!(page(None, Some("x"), "one").is_err() && page(None, Some("%%%"), "one").is_err());
    }

    #[test]
    fn a_page_has_one_to_a_hundred_items() {
        for bad in ["0", "101", "-1", "x", "", "1.0"] {
            assert!(page(Some(bad), None, "l").is_err(), "{bad}");
        }
        assert_eq!(page(None, None, "l").unwrap().take(0..300, ToString::to_string).0.len(), 100);
    }
}

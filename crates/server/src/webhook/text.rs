//! Texts of a review as they stand in its body.

use std::borrow::Cow;
use std::ops::Deref;

use serde::Deserialize;

/// A text that is borrowed from the body, and copied only where it is written with escapes, as hardly any is: a review
/// has dozens of texts, and to copy each costs more than to read them all.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

//! Values: JSON with the version of its schema.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use thiserror::Error;

use crate::Revision;

/// Largest value, in bytes of JSON. etcd refuses requests of more than 1.5 MiB.
pub const MAX_DOCUMENT_BYTES: usize = 1024 * 1024;

/// Why a value cannot be stored, or read as what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DocumentError {
    /// Not JSON, or not of the type asked for.
    #[error("value cannot be read or written as JSON: {0}")]
    Json(String),
    /// More than [`MAX_DOCUMENT_BYTES`].
    #[error("value of {0} bytes is larger than {MAX_DOCUMENT_BYTES}")]
    TooLarge(usize),
}

/// A JSON value with the version of the schema it was written in, so that a later release can read what an earlier one
/// wrote. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    schema: u32,
    json: Arc<str>,
}

impl Document {
    /// Writes a value as JSON.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub fn encode<T: Serialize + ?Sized>(schema: u32, value: &T) -> Result<Self, DocumentError> {
        let json = serde_json::to_string(value).map_err(|error| DocumentError::Json(error.to_string()))?;
        Self::checked(schema, json)
    }

    /// Takes JSON text.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub fn from_json(schema: u32, json: &str) -> Result<Self, DocumentError> {
        serde_json::from_str::<IgnoredAny>(json).map_err(|error| DocumentError::Json(error.to_string()))?;
        Self::checked(schema, json.to_owned())
    }

    /// Reads the value. Look at [`Document::schema`] first.
    ///
    /// # Errors
    /// [`DocumentError::Json`].
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, DocumentError> {
        serde_json::from_str(&self.json).map_err(|error| DocumentError::Json(error.to_string()))
    }

    /// The version of the schema that the value was written in.
    #[must_use]
    pub fn schema(&self) -> u32 {
        self.schema
    }

    /// The JSON text.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }

    /// What a store gives back. It was checked on its way in.
    pub(crate) fn stored(schema: u32, json: &str) -> Self {
        Self { schema, json: json.into() }
    }

    fn checked(schema: u32, json: String) -> Result<Self, DocumentError> {
        if json.len() > MAX_DOCUMENT_BYTES {
            return Err(DocumentError::TooLarge(json.len()));
        }
        Ok(Self { schema, json: json.into() })
    }
}

/// Values may be secret keys, so a log shows their size only.
impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document(schema {}, {} bytes)", self.schema, self.json.len())
    }
}

/// A value with the revision of the transaction that wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// The value.
    pub document: Document,
    /// When it was written; to be given to [`crate::Expect::Revision`] by whoever changes it.
    pub revision: Revision,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_json() {
        let document = Document::encode(3, &[1, 2]).unwrap();
        assert_eq!((document.schema(), document.json()), (3, "[1,2]"));
        assert_eq!(document.decode::<Vec<u8>>().unwrap(), [1, 2]);
        assert!(document.decode::<String>().is_err());
        assert!(Document::from_json(1, "{").is_err());
        assert!(Document::from_json(1, "{} {}").is_err());
    }

    #[test]
    fn a_document_has_a_largest_size_and_does_not_print_itself() {
        let largest = "x".repeat(MAX_DOCUMENT_BYTES - 2);
        assert!(Document::encode(1, &largest).is_ok());
        let too_large = Document::encode(1, &format!("{largest}x"));
        assert_eq!(too_large, Err(DocumentError::TooLarge(MAX_DOCUMENT_BYTES + 1)));
        assert_eq!(format!("{:?}", Document::encode(1, "secret").unwrap()), "Document(schema 1, 8 bytes)");
    }
}

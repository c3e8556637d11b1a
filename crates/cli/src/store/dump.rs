//! All of a store as one JSON document: keys, values with the version of their schema, and a digest over them.
//!
//! Values keep their own text, so that what is imported is what was exported. What was announced is left out: it says who
//! was there.

use doorward_store::{Document, Item, Key, Prefix, Revision, Store};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::error::CliError;

/// The form of the document; a later release that changes it writes another.
const FORMAT: &str = "doorward.store/v1";

/// Everything that a store holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dump {
    /// When it was read; zero where it was not read from a store.
    revision: Revision,
    /// Sorted by key.
    entries: Vec<(Key, Document)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    revision: u64,
    digest: String,
    items: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    key: String,
    schema: u32,
    value: Box<RawValue>,
}

impl Dump {
    /// Reads a store.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) async fn of(store: &dyn Store) -> Result<Self, CliError> {
        let snapshot = store.list(&Prefix::all()).await?;
        let lasting = snapshot.items.into_iter().filter(|item| !item.key.is_live());
        let entries = lasting.map(|Item { key, value }| (key, value.document)).collect();
        Ok(Self { revision: snapshot.revision, entries })
    }

    /// Reads a document and checks its digest.
    ///
    /// # Errors
    /// If it is none, or not as it was written.
    pub(super) fn parse(text: &str) -> Result<Self, CliError> {
        let problem = |problem: String| CliError::Failed(format!("this is no export of a store: {problem}"));
        let file: File = serde_json::from_str(text).map_err(|error| problem(error.to_string()))?;
        if file.format != FORMAT {
            return Err(problem(format!("its format is `{}`, this release reads `{FORMAT}`", file.format)));
        }
        let mut entries = Vec::with_capacity(file.items.len());
        for Entry { key, schema, value } in file.items {
            let key = Key::new(&key).map_err(|error| problem(error.to_string()))?;
            let document =
                Document::from_json(schema, value.get()).map_err(|error| problem(format!("{key}: {error}")))?;
            entries.push((key, document));
        }
        entries.sort_by(|(left, _), (right, _)| left.cmp(right));
        if let Some([(key, _), _]) = entries.array_windows().find(|[(left, _), (right, _)]| left == right) {
            return Err(problem(format!("`{key}` is in it twice")));
        }
        if let Some((key, _)) = entries.iter().find(|(key, _)| key.is_live()) {
            return Err(problem(format!("`{key}` is no key that lasts")));
        }
        let dump = Self { revision: Revision(file.revision), entries };
        if dump.digest() != file.digest {
            return Err(CliError::Failed(format!(
                "the export was changed or is not whole: its digest is {}, it says {}",
                dump.digest(),
                file.digest
            )));
        }
        Ok(dump)
    }

    /// The document.
    ///
    /// # Errors
    /// None that could be met: all of it was JSON.
    pub(super) fn to_json(&self) -> Result<String, CliError> {
        let impossible = |error: serde_json::Error| CliError::Failed(error.to_string());
        let entry = |(key, document): &(Key, Document)| {
            let value = RawValue::from_string(document.json().trim().to_owned())?;
            Ok(Entry { key: key.to_string(), schema: document.schema(), value })
        };
        let items = self.entries.iter().map(entry).collect::<Result<_, _>>().map_err(impossible)?;
        let file = File { format: FORMAT.to_owned(), revision: self.revision.0, digest: self.digest(), items };
        serde_json::to_string_pretty(&file).map(|text| text + "\n").map_err(impossible)
    }

    /// SHA-256 over the keys, versions and values. Each is preceded by its length, so that different stores never make
    /// the same bytes; white space around a value does not count.
    pub(super) fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for (key, document) in &self.entries {
            for text in [key.as_str(), &document.schema().to_string(), document.json().trim()] {
                digest.update((text.len() as u64).to_be_bytes());
                digest.update(text);
            }
        }
        format!("sha256:{}", hex::encode(digest.finalize()))
    }

    /// What is in it, sorted by key.
    pub(super) fn entries(&self) -> &[(Key, Document)] {
        &self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dump() -> Dump {
        let entry = |key: &str, json: &str| (Key::new(key).unwrap(), Document::from_json(2, json).unwrap());
        Dump { revision: Revision(7), entries: vec![entry("a", "{\"z\":1.50,\"a\":[1,  2]}"), entry("b/c", "\"ü\"")] }
    }

    #[test]
    fn a_document_reads_as_what_was_written() {
        assert_eq!(Dump::parse(&dump().to_json().unwrap()).unwrap(), dump());
    }

    #[test]
    fn any_change_of_a_document_is_noticed() {
        let text = dump().to_json().unwrap();
        for (from, to) in [("1.50", "1.5"), ("\"b/c\"", "\"b/d\""), ("\"schema\": 2", "\"schema\": 3"), ("ü", "u")] {
            let changed = text.replace(from, to);
            assert_ne!(changed, text);
            assert!(Dump::parse(&changed).unwrap_err().to_string().contains("was changed or is not whole"), "{from}");
        }
        assert!(Dump::parse(&text.replace("b/c", "a")).unwrap_err().to_string().contains("`a` is in it twice"));
        assert!(Dump::parse(&text.replace("b/c", "live/c")).unwrap_err().to_string().contains("no key that lasts"));
        assert!(Dump::parse(&text.replace("v1", "v9")).unwrap_err().to_string().contains("its format is"));
        assert!(Dump::parse("{}").unwrap_err().to_string().contains("this is no export of a store"));
    }
}

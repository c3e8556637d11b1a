//! The keys of rows as they are written, with those that every reader ignores.

use super::Place;
use super::yaml::{self, Value};

/// The keys of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowKeys {
    /// The row's place in the section's list, from 0.
    pub index: usize,
    /// Its keys in order, and where they stand; none that a merge brings.
    pub keys: Vec<(String, Place)>,
}

/// The keys of every row of a section's text that is a mapping; nothing if the text cannot be read.
pub fn row_keys(text: &str) -> Vec<RowKeys> {
    let Ok(yaml::First { root, .. }) = yaml::parse_first(text) else { return Vec::new() };
    let Value::Sequence { items, .. } = root.value else { return Vec::new() };
    let keys = |value: Value| match value {
        Value::Mapping { pairs, .. } => pairs
            .into_iter()
            .filter(|(key, _)| !text.get(key.start..).is_some_and(|text| text.starts_with("<<")))
            .filter_map(|(key, _)| Some((key.text()?.to_owned(), key.place())))
            .collect(),
        _ => Vec::new(),
    };
    let of_row = |(index, node): (usize, yaml::Node)| {
        // What an alias brings is told where it stands.
        (!node.is_alias).then(|| RowKeys { index, keys: keys(node.value) })
    };
    items.into_iter().enumerate().filter_map(of_row).filter(|row| !row.keys.is_empty()).collect()
}

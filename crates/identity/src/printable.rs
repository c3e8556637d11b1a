//! What a stranger wrote, made fit for messages and logs.

/// At most 200 characters, with anything that could forge a line of a log made visible.
pub(crate) fn printable(text: &str) -> String {
    let shown: String = text.chars().take(200).flat_map(char::escape_debug).collect();
    if text.chars().nth(200).is_some() { format!("{shown}…") } else { shown }
}

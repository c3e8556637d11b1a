//! Unified diffs of what an edit changes.

use doorward_core::aws_auth::edit::Data;
use similar::TextDiff;

/// Of a file.
pub(super) fn of_file(name: &str, before: &str, after: &str) -> String {
    unified(name, before, after)
}

/// Of a ConfigMap's data: each key's text by itself.
pub(super) fn of_data(before: &Data, after: &Data) -> String {
    let text = |data: &Data, key: &str| data.get(key).cloned().unwrap_or_default();
    let mut keys: Vec<_> = before.keys().chain(after.keys()).collect();
    keys.sort();
    keys.dedup();
    keys.into_iter().map(|key| unified(&format!("aws-auth/{key}"), &text(before, key), &text(after, key))).collect()
}

fn unified(name: &str, before: &str, after: &str) -> String {
    if before == after {
        return String::new();
    }
    let (old, new) = (format!("a/{name}"), format!("b/{name}"));
    TextDiff::from_lines(before, after).unified_diff().context_radius(3).header(&old, &new).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_shown() {
        let data = |pairs: &[(&str, &str)]| -> Data {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let before = data(&[("mapRoles", "- a\n- b\n"), ("mapUsers", "[]\n")]);
        let after = data(&[("mapRoles", "- a\n"), ("mapUsers", "[]\n")]);
        let diff = of_data(&before, &after);
        assert_eq!(diff, "--- a/aws-auth/mapRoles\n+++ b/aws-auth/mapRoles\n@@ -1,2 +1 @@\n - a\n-- b\n");
        assert_eq!(of_data(&before, &before), "");
    }
}

//! What was probably meant by a key or a name that there is not.

/// How alike two texts must be for one to be taken for the other's misspelling.
const LIKENESS: f64 = 0.75;

/// The known text that is most like this one, if one is. Case and punctuation do not count: `dataDir`, `data_dir` and
/// `data-dir` are the same mistake.
pub fn nearest<'k>(text: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let text = plain(text);
    let likeness = known.into_iter().map(|known| (strsim::jaro_winkler(&text, &plain(known)), known));
    let (likeness, nearest) = likeness.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (likeness >= LIKENESS).then_some(nearest)
}

/// The end of an error about an unknown text: `did you mean …?`, or all there are.
pub fn hint(text: &str, known: &[&str]) -> String {
    match nearest(text, known.iter().copied()) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!("known are {}", known.iter().map(|known| format!("`{known}`")).collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelling_is_told_and_anything_else_lists_what_there_is() {
        let known = ["accessEntries", "awsAuth", "rbac"];
        assert_eq!(hint("access-entries", &known), "did you mean `accessEntries`?");
        assert_eq!(hint("aws_auht", &known), "did you mean `awsAuth`?");
        assert_eq!(hint("zzz", &known), "known are `accessEntries`, `awsAuth`, `rbac`");
        assert_eq!(nearest("x", []), None);
    }
}

//! What somebody probably meant who wrote a name that there is not.

/// How alike two names must be for one to be taken for the other's misspelling.
const LIKENESS: f64 = 0.75;

/// The known name that one is nearest to, if it is near to any.
pub(super) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    // `dataDir`, `data_dir` and `data-dir` differ in nothing that matters here.
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let likeness = |known: &str| strsim::jaro_winkler(&plain(name), &plain(known));
    let nearest = known.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    nearest.filter(|known| likeness(known) >= LIKENESS)
}

/// The same in words, or what there is to choose from.
pub(super) fn suggestion(name: &str, known: &[&str]) -> String {
    match nearest(name, known) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!("known are `{}`", known.join("`, `")),
    }
}

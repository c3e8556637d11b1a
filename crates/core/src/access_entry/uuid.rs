//! An entry's id as the sixteen bytes that it nearly always is.

/// The bytes of a UUID in its usual form: lower case, with hyphens. Nothing for any other text.
pub(super) fn from_text(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.split('-').collect();
    let bytes = u128::from_str_radix(&digits, 16).ok()?.to_be_bytes();
    (to_text(bytes) == text).then_some(bytes)
}

/// The usual form.
pub(super) fn to_text(bytes: [u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (at, digit) in format!("{:032x}", u128::from_be_bytes(bytes)).chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_usual_form_is_kept_as_bytes_so_that_every_text_comes_back_as_it_was() {
        let text = "0f8fad5b-d9cb-469f-a165-70867728950e";
        assert_eq!(from_text(text).map(to_text).as_deref(), Some(text));
        assert!(from_text("00000000-0000-0000-0000-000000000000").is_some());
        for other in [
            "",
            "uuid",
            &text.to_uppercase(),
            &text.replace('-', ""),
            &text[1..],
            "+f8fad5b-d9cb-469f-a165-70867728950e",
        ] {
            assert_eq!(from_text(other), None, "{other}");
        }
    }
}

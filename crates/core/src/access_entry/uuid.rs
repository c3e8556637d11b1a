//! An entry's id as the sixteen bytes that it nearly always is.

/// Where the hyphens stand.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// The bytes of a UUID in its usual form: lower case, with hyphens. Nothing for any other text.
pub(super) fn from_text(text: &str) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.as_bytes().try_into().ok()?;
    let mut value = 0_u128;
    for (at, byte) in text.iter().enumerate() {
        let digit = match byte {
            b'-' if HYPHENS.contains(&at) => continue,
            _ if HYPHENS.contains(&at) => return None,
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        value = value << 4 | u128::from(digit);
    }
    Some(value.to_be_bytes())
}

/// The usual form.
pub(super) fn to_text(bytes: [u8; 16]) -> String {
    let mut digits = bytes.into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let mut text = String::with_capacity(36);
    while text.len() < 36 {
        let is_hyphen = HYPHENS.contains(&text.len());
        let digit = if is_hyphen { None } else { digits.next().and_then(|digit| char::from_digit(digit.into(), 16)) };
        text.push(digit.unwrap_or('-'));
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

//! The basic ISO 8601 form `yyyymmddThhmmssZ` in which SigV4 writes time.

use jiff::{Timestamp, civil::DateTime, tz::Offset};

use crate::MalformedError;

/// Reads `yyyymmddThhmmssZ`: exactly 16 bytes, no fraction, no other zone, no leap second.
///
/// # Errors
/// [`MalformedError::Timestamp`] for everything else.
pub fn parse_timestamp(text: &str) -> Result<Timestamp, MalformedError> {
    let [y1, y2, y3, y4, m1, m2, d1, d2, b'T', h1, h2, n1, n2, s1, s2, b'Z'] = text.as_bytes() else {
        return Err(MalformedError::Timestamp);
    };
    let year = i16::from(two_digits(*y1, *y2)?) * 100 + i16::from(two_digits(*y3, *y4)?);
    let civil = DateTime::new(
        year,
        two_digits(*m1, *m2)?,
        two_digits(*d1, *d2)?,
        two_digits(*h1, *h2)?,
        two_digits(*n1, *n2)?,
        two_digits(*s1, *s2)?,
        0,
    );
    civil.and_then(|utc| Offset::UTC.to_timestamp(utc)).map_err(|_| MalformedError::Timestamp)
}

/// Writes `yyyymmddThhmmssZ` in UTC; fractions of a second are dropped.
#[must_use]
pub fn format_timestamp(at: Timestamp) -> String {
    let utc = Offset::UTC.to_datetime(at);
    let mut text = date(utc);
    text.push('T');
    [utc.hour(), utc.minute(), utc.second()].into_iter().for_each(|part| push_two_digits(&mut text, part.into()));
    text.push('Z');
    text
}

/// The day of a timestamp in UTC, `yyyymmdd`, as the credential scope has it.
pub(crate) fn format_date(at: Timestamp) -> String {
    date(Offset::UTC.to_datetime(at))
}

fn date(utc: DateTime) -> String {
    let mut text = String::with_capacity("yyyymmddThhmmssZ".len());
    let parts = [utc.year() / 100, utc.year() % 100, utc.month().into(), utc.day().into()];
    parts.into_iter().for_each(|part| push_two_digits(&mut text, part));
    text
}

/// Digit by digit, without `format!`: three dates are written each time a token is proved. Digits are dropped beyond two,
/// and signs: no year before Christ can be signed, and none after 9999 can be a timestamp.
fn push_two_digits(text: &mut String, number: i16) {
    let digit = |number: i16| char::from(b'0' + u8::try_from(number.unsigned_abs() % 10).unwrap_or_default());
    text.push(digit(number / 10));
    text.push(digit(number));
}

fn two_digits(tens: u8, ones: u8) -> Result<i8, MalformedError> {
    if !tens.is_ascii_digit() || !ones.is_ascii_digit() {
        return Err(MalformedError::Timestamp);
    }
    i8::try_from((tens - b'0') * 10 + (ones - b'0')).map_err(|_| MalformedError::Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let at = parse_timestamp("20260131T235959Z").unwrap();
        assert_eq!(at.to_string(), "2026-01-31T23:59:59Z");
        assert_eq!(format_timestamp(at), "20260131T235959Z");
        assert_eq!(format_date(at), "20260131");
        for at in ["0001-02-03T04:05:06Z", "9999-12-30T22:00:00Z", "1969-12-31T23:59:59.9Z"] {
            let at: Timestamp = at.parse().unwrap();
            let expected = at.strftime("%Y%m%dT%H%M%SZ").to_string();
            assert_eq!(format_timestamp(at), expected);
            assert_eq!(format_timestamp(parse_timestamp(&expected).unwrap()), expected);
        }
    }

    #[test]
    fn refuses_every_other_form() {
        for text in [
            "",
            "20260131T235959z",
            "20260131t235959Z",
            "20260131T235959.5Z",
            "2026-01-31T23:59:59Z",
            "20260131T235960Z",
            "20260131T240000Z",
            "20260230T000000Z",
            "20261301T000000Z",
            "+0260131T235959Z",
            "20260131T23595 Z",
            "20260131T235959Z ",
            "２０２６0131T2359Z",
        ] {
            assert_eq!(parse_timestamp(text), Err(MalformedError::Timestamp), "{text}");
        }
    }
}

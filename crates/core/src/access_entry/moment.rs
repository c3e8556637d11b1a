//! A time in eight bytes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Nanoseconds since 1970. The years 1678 to 2261 are kept exactly; no clock gives others, and they become the first or
/// the last of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "Timestamp", from = "Timestamp")]
pub struct Moment(i64);

impl From<Timestamp> for Moment {
    fn from(time: Timestamp) -> Self {
        let bounded = time.as_nanosecond().clamp(i64::MIN.into(), i64::MAX.into());
        Self(i64::try_from(bounded).unwrap_or_default())
    }
}

impl From<Moment> for Timestamp {
    fn from(moment: Moment) -> Self {
        // Every time of these years is one; the fallback cannot be reached.
        Self::from_nanosecond(moment.0.into()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_comes_back_to_the_nanosecond() {
        for text in ["1970-01-01T00:00:00Z", "2026-11-26T21:30:00.123456789Z", "1969-12-31T23:59:59.999999999Z"] {
            let time: Timestamp = text.parse().unwrap();
            assert_eq!(Timestamp::from(Moment::from(time)), time);
        }
        assert!(Timestamp::from(Moment::from(Timestamp::MAX)) > "2262-01-01T00:00:00Z".parse().unwrap());
    }
}

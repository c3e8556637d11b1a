//! Times and lists in words.

use jiff::{SignedDuration, Timestamp};

/// So long, in the largest unit of which there is one.
pub(super) fn long(duration: SignedDuration) -> String {
    let (seconds, unit) = match duration.as_secs().max(0) {
        seconds @ 0..120 => (seconds, "s"),
        seconds @ 120..7_200 => (seconds / 60, "min"),
        seconds @ 7_200..172_800 => (seconds / 3_600, "h"),
        seconds => (seconds / 86_400, "days"),
    };
    format!("{seconds} {unit}")
}

/// So long ago.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    format!("{} ago", long(now.duration_since(at)))
}

/// When something ends: a date, and how long that is from now.
pub(super) fn ends(at: Timestamp, now: Timestamp) -> String {
    if at <= now {
        format!("ended {} ({at:.0})", ago(at, now))
    } else {
        format!("ends in {} ({at:.0})", long(at.duration_since(now)))
    }
}

/// The first few of many names, and how many more there are.
pub(super) fn few<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 3;
    let mut names = names.into_iter();
    let shown: Vec<String> = names.by_ref().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match names.count() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_lists_are_told_in_words() {
        let now: Timestamp = "2026-01-10T00:00:00Z".parse().unwrap();
        let at = |hours: i64| now + SignedDuration::from_hours(hours);
        assert_eq!(ends(at(240), now), "ends in 10 days (2026-01-20T00:00:00Z)");
        assert_eq!(ends(at(-3), now), "ended 3 h ago (2026-01-09T21:00:00Z)");
        assert_eq!(long(SignedDuration::from_secs(-5)), "0 s");
        assert_eq!(few(["a", "b"]), "`a`, `b`");
        assert_eq!(few(["a", "b", "c", "d", "e"]), "`a`, `b`, `c` and 2 more");
    }
}

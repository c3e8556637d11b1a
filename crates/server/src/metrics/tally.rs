//! Counters by name that a decision of a webhook can afford: no lock, no allocation, no hash.
//!
//! Names are texts of the program, from closed lists such as the reasons of refusals, so there are few; a name's counter
//! is found by walking along those that came before it. What is counted most comes first of itself, since it was
//! counted first.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// More than any of the lists has. What does not fit is counted under [`OTHER`].
const NAMES: usize = 64;

/// The name of what does not fit.
const OTHER: &str = "other";

/// Counters by name.
pub(crate) struct Tally {
    label: &'static str,
    named: [Named; NAMES],
    others: AtomicU64,
}

#[derive(Default)]
struct Named {
    name: OnceLock<&'static str>,
    count: AtomicU64,
}

impl Tally {
    /// No counters yet; their name is the value of this label.
    pub(crate) fn new(label: &'static str) -> Self {
        Self { label, named: std::array::from_fn(|_| Named::default()), others: AtomicU64::new(0) }
    }

    /// Counts one.
    pub(crate) fn add(&self, name: &'static str) {
        let own = self.named.iter().find(|named| *named.name.get_or_init(|| name) == name);
        own.map_or(&self.others, |named| &named.count).fetch_add(1, Ordering::Relaxed);
    }

    /// Names and counts.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let named = self.named.iter().map_while(move |named| Some((*named.name.get()?, count(&named.count))));
        let others = count(&self.others);
        named.chain((others > 0).then_some((OTHER, others)))
    }
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.counts()).finish()
    }
}

impl EncodeMetric for Tally {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (name, count) in self.counts() {
            encoder.encode_family(&[(self.label, name)])?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_its_own_count_also_when_many_count_at_once() {
        let tally = Tally::new("outcome");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1_000).for_each(|_| ["granted", "too_old"].into_iter().for_each(|n| tally.add(n))));
            }
        });
        let mut counts: Vec<_> = tally.counts().collect();
        counts.sort_unstable();
        assert_eq!(counts, [("granted", 4_000), ("too_old", 4_000)]);
    }

    #[test]
    fn names_without_end_make_no_counters_without_end() {
        let tally = Tally::new("outcome");
        for number in 0..NAMES + 5 {
            tally.add(Box::leak(number.to_string().into_boxed_str()));
        }
        assert_eq!(tally.counts().count(), NAMES + 1);
        assert_eq!(tally.counts().last(), Some((OTHER, 5)));
    }
}

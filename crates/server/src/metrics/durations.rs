//! How long things take, as histograms that a decision of a webhook can afford: two atomic additions, no lock.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// Upper bounds in microseconds: a decision from what is known takes some tens of them, one that has to ask STS some
/// tens of thousands, and after three seconds kube-apiserver has given up.
const BOUNDS: [u64; 14] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 250_000, 1_000_000, 2_500_000, 5_000_000];

/// One histogram.
#[derive(Debug, Default)]
pub(crate) struct Durations {
    /// One more than there are bounds, for what takes longer than all of them.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

impl Durations {
    /// Takes note of one.
    pub(crate) fn add(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let at = BOUNDS.iter().position(|bound| micros <= *bound).unwrap_or(BOUNDS.len());
        self.buckets.get(at).into_iter().for_each(|bucket| {
            bucket.fetch_add(1, Ordering::Relaxed);
        });
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// Bounds in seconds and how many are at most that long and longer than the bound before.
    fn counts(&self) -> Vec<(f64, u64)> {
        let seconds = BOUNDS.iter().map(|bound| Duration::from_micros(*bound).as_secs_f64());
        let bounds = seconds.chain([f64::INFINITY]);
        bounds.zip(self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed))).collect()
    }
}

impl EncodeMetric for Durations {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let counts = self.counts();
        let count = counts.iter().map(|(_, count)| count).sum();
        let sum = Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)).as_secs_f64();
        encoder.encode_histogram::<NoLabelSet>(sum, count, &counts, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

/// Histograms of one family: one for each value of a label, all of them known beforehand.
#[derive(Debug)]
pub(crate) struct DurationsBy<const N: usize> {
    label: &'static str,
    rows: [(&'static str, Durations); N],
}

impl<const N: usize> DurationsBy<N> {
    /// Empty ones.
    pub(crate) fn new(label: &'static str, values: [&'static str; N]) -> Self {
        Self { label, rows: values.map(|value| (value, Durations::default())) }
    }

    /// Takes note of one. Other values than those it was made with are passed over.
    pub(crate) fn add(&self, value: &'static str, took: Duration) {
        self.rows.iter().filter(|(own, _)| *own == value).for_each(|(_, durations)| durations.add(took));
    }
}

impl<const N: usize> EncodeMetric for DurationsBy<N> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (value, durations) in &self.rows {
            durations.encode(encoder.encode_family(&[(self.label, *value)])?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_is_in_the_bucket_that_ends_at_or_above_it() {
        let durations = Durations::default();
        for micros in [0, 50, 51, 5_000_000, 5_000_001] {
            durations.add(Duration::from_micros(micros));
        }
        let filled: Vec<_> = durations.counts().into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(filled, [(0.000_05, 2), (0.000_1, 1), (5.0, 1), (f64::INFINITY, 1)]);
    }
}

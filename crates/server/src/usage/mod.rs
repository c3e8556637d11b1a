//! Usage evidence: how often each access entry and each row of aws-auth let somebody in, and when last.
//!
//! People remove what nobody uses, if somebody tells them. What is counted is a decision of the token webhook: a
//! kube-apiserver remembers a good token for some seconds and does not ask about it again, so that the number is a
//! lower bound, while "when last" is right to within those seconds.
//!
//! A login costs a look into a map that nobody writes to and two atomic additions: readers share no lock. There is one
//! counter for each entry and each row that exist, and no other; a row is known by its section and its ARN, whatever
//! its place, so that an edit of aws-auth above it changes nothing.

mod keep;
mod record;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use doorward_core::aws_auth::{AwsAuth, Section};
use doorward_core::resolve::Source;
use jiff::Timestamp;

pub(crate) use keep::Keeper;
pub use record::{Evidence, RowEvidence, UsageRecord};

/// The counters of one cluster.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// By the principal's ARN, as the entry spells it.
    entries: imbl::HashMap<Arc<str>, Arc<Counter>>,
    rows: Arc<Rows>,
    /// What the rows had counted before the server was started, until aws-auth is read for the first time.
    remembered: Arc<BTreeMap<RowKey, Evidence>>,
}

/// A row, by its section and its ARN (or account) in lower case, which is how it is compared.
type RowKey = (Section, String);

#[derive(Debug, Default)]
struct Rows {
    by_key: BTreeMap<RowKey, Arc<Counter>>,
    /// By section and place in the section's list: how a decision names a row.
    by_place: HashMap<(Section, usize), Arc<Counter>>,
}

/// What is known of one entry or row. Times are in seconds since 1970.
#[derive(Debug)]
struct Counter {
    since: i64,
    logins: AtomicU64,
    /// 0 as long as there was none.
    last: AtomicI64,
}

impl Counter {
    fn new(since: Timestamp) -> Arc<Self> {
        Arc::new(Self { since: since.as_second(), logins: AtomicU64::new(0), last: AtomicI64::new(0) })
    }

    fn of(evidence: &Evidence) -> Arc<Self> {
        let last = evidence.last_login_at.map_or(0, Timestamp::as_second);
        let (logins, last) = (AtomicU64::new(evidence.logins), AtomicI64::new(last));
        Arc::new(Self { since: evidence.counting_since.as_second(), logins, last })
    }

    /// Nothing is decided by these numbers, so their order does not matter.
    fn count(&self, at: Timestamp) {
        self.logins.fetch_add(1, Ordering::Relaxed);
        self.last.fetch_max(at.as_second(), Ordering::Relaxed);
    }

    fn evidence(&self) -> Evidence {
        let time = |second| Timestamp::from_second(second).unwrap_or_default();
        let last = self.last.load(Ordering::Relaxed);
        Evidence {
            counting_since: time(self.since),
            logins: self.logins.load(Ordering::Relaxed),
            last_login_at: (last != 0).then(|| time(last)),
        }
    }
}

impl Usage {
    /// Counts somebody who is let in.
    pub fn count(&self, source: &Source, at: Timestamp) {
        let counter = match source {
            Source::AccessEntry(principal) => self.entries.get(principal.as_str()),
            Source::IdentityMapping { section, index, .. } => self.rows.by_place.get(&(*section, *index)),
            Source::Creator => None,
        };
        if let Some(counter) = counter {
            counter.count(at);
        }
    }

    /// There is this entry. One that was there already goes on.
    pub(crate) fn put_entry(&mut self, principal: &str, at: Timestamp) {
        if !self.entries.contains_key(principal) {
            self.entries.insert(principal.into(), Counter::new(at));
        }
    }

    /// There is no such entry any more.
    pub(crate) fn delete_entry(&mut self, principal: &str) {
        self.entries.remove(principal);
    }

    /// These are the rows. Those that were there already go on.
    pub(crate) fn put_rows(&mut self, aws_auth: &AwsAuth, at: Timestamp) {
        let mut rows = Rows::default();
        let mappings = aws_auth.mappings().map(|row| (row.section, row.index, row.arn.to_ascii_lowercase()));
        let accounts = aws_auth.accounts.iter().map(|row| (Section::Accounts, row.index, row.account.to_string()));
        for (section, index, arn) in mappings.chain(accounts) {
            let key = (section, arn);
            let known = rows.by_key.get(&key).or_else(|| self.rows.by_key.get(&key)).cloned();
            let known = known.or_else(|| self.remembered.get(&key).map(Counter::of));
            let counter = known.unwrap_or_else(|| Counter::new(at));
            rows.by_place.insert((section, index), Arc::clone(&counter));
            rows.by_key.insert(key, counter);
        }
        self.rows = Arc::new(rows);
        self.remembered = Arc::default();
    }

    /// Goes on from what was kept. What was not kept begins now.
    pub(crate) fn restore(&mut self, kept: &UsageRecord, now: Timestamp) {
        let begin = |principal: &Arc<str>| match kept.entries.get(&**principal) {
            Some(evidence) => Counter::of(evidence),
            None => Counter::new(now),
        };
        self.entries = self.entries.keys().map(|principal| (Arc::clone(principal), begin(principal))).collect();
        let rows = kept.rows.iter().map(|row| ((row.section, row.arn.to_ascii_lowercase()), row.evidence.clone()));
        self.remembered = Arc::new(rows.collect());
    }

    /// Everything that is known.
    pub fn record(&self) -> UsageRecord {
        let entries = self.entries.iter().map(|(principal, counter)| (principal.to_string(), counter.evidence()));
        let row = |(section, arn): &RowKey, evidence| RowEvidence { section: *section, arn: arn.clone(), evidence };
        let counted = self.rows.by_key.iter().map(|(key, counter)| row(key, counter.evidence()));
        let remembered = self.remembered.iter().map(|(key, evidence)| row(key, evidence.clone()));
        UsageRecord { entries: entries.collect(), rows: counted.chain(remembered).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_core::aws_auth::parse;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn rows(names: &[&str]) -> AwsAuth {
        let row = |name: &&str| format!("- {{rolearn: 'arn:aws:iam::123456789012:role/{name}', username: u}}\n");
        let text = names.iter().map(row).collect();
        parse(&BTreeMap::from([("mapRoles".to_owned(), text)]))
    }

    fn row(index: usize) -> Source {
        Source::IdentityMapping { section: Section::Roles, index, line: index + 1 }
    }

    fn logins(usage: &Usage) -> Vec<(String, u64)> {
        let record = usage.record();
        let entries = record.entries.into_iter().map(|(arn, evidence)| (arn, evidence.logins));
        let rows = record.rows.into_iter().map(|row| (row.arn, row.evidence.logins));
        entries.chain(rows).map(|(arn, n)| (arn.rsplit('/').next().unwrap().to_owned(), n)).collect()
    }

    #[test]
    fn a_row_keeps_its_count_when_others_come_and_go_around_it_and_one_that_goes_takes_it_along() {
        let mut usage = Usage::default();
        usage.put_rows(&rows(&["a", "b"]), at(1));
        usage.count(&row(1), at(5));
        usage.count(&row(1), at(4));
        usage.put_rows(&rows(&["new", "a", "B"]), at(6));
        usage.count(&row(2), at(7));
        let evidence = usage.record().rows.into_iter().find(|row| row.arn.ends_with("/b")).unwrap().evidence;
        let expected = Evidence { counting_since: at(1), logins: 3, last_login_at: Some(at(7)) };
        assert_eq!(evidence, expected);
        usage.put_rows(&rows(&["a"]), at(8));
        usage.put_rows(&rows(&["a", "b"]), at(9));
        assert_eq!(logins(&usage), [("a".to_owned(), 0), ("b".to_owned(), 0)]);
    }

    #[test]
    fn what_does_not_exist_is_not_counted() {
        let mut usage = Usage::default();
        usage.put_entry("e", at(1));
        usage.delete_entry("e");
        for source in [row(0), Source::AccessEntry("e".to_owned()), Source::Creator] {
            usage.count(&source, at(2));
        }
        assert_eq!(logins(&usage), []);
    }

    #[test]
    fn after_a_restart_counting_goes_on_for_what_is_still_there() {
        let mut before = Usage::default();
        before.put_entry("kept", at(1));
        before.put_entry("deleted", at(1));
        before.put_rows(&rows(&["a", "b"]), at(1));
        before.count(&Source::AccessEntry("kept".to_owned()), at(2));
        before.count(&row(0), at(3));

        let mut after = Usage::default();
        after.put_entry("kept", at(1));
        after.put_entry("made meanwhile", at(9));
        after.restore(&before.record(), at(10));
        assert_eq!(after.record().rows.len(), 2, "what is not read yet is not forgotten");
        after.put_rows(&rows(&["a"]), at(11));
        after.count(&row(0), at(12));
        let expected = [("kept".to_owned(), 1), ("made meanwhile".to_owned(), 0), ("a".to_owned(), 2)];
        assert_eq!(logins(&after), expected);
        assert_eq!(after.record().entries["made meanwhile"].counting_since, at(10));
    }
}

//! Usage evidence: how often each access entry and each row of aws-auth let somebody in, and when last.
//!
//! People remove what nobody uses, if somebody tells them. What is counted is a decision of the token webhook: a
//! kube-apiserver remembers a good token for some seconds and does not ask about it again, so that the number is a
//! lower bound, while "when last" is right to within those seconds.
//!
//! A login costs a look into a map and two atomic additions: readers share no lock. There is one counter for each row
//! that exists, and one for each entry that exists and let somebody in; the others, of which there may be a million, cost
//! nothing. A row is known by its section and its ARN, whatever its place, so that an edit of aws-auth above it changes
//! nothing.

mod keep;
mod record;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use doorward_core::access_entry::AccessEntry;
use doorward_core::aws_auth::{AwsAuth, Section};
use doorward_core::principal::PrincipalArn;
use doorward_core::resolve::Source;
use doorward_core::world::World;
use jiff::Timestamp;

pub(crate) use keep::Keeper;
pub use record::{Evidence, RowEvidence, UsageRecord};

/// The counters of one cluster.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// Of the entries that let somebody in. Shared by all Views, because counting changes no View: the first login of an
    /// entry puts a map with one more counter in the place of the one before.
    entries: Arc<ArcSwap<Counters>>,
    /// Since when entries are counted that were there at that time, in seconds since 1970.
    since: i64,
    rows: Arc<Rows>,
    /// What the rows had counted before the server was started, until aws-auth is read for the first time.
    remembered: Arc<BTreeMap<RowKey, Evidence>>,
    /// What other servers of the same store counted.
    others: Arc<UsageRecord>,
}

type Counters = imbl::HashMap<PrincipalArn, Arc<Counter>>;

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
    fn new(since: i64) -> Arc<Self> {
        Arc::new(Self { since, logins: AtomicU64::new(0), last: AtomicI64::new(0) })
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
        match source {
            Source::AccessEntry(entry) => self.count_entry(entry, at),
            Source::IdentityMapping { section, index, .. } => {
                self.rows.by_place.get(&(*section, *index)).into_iter().for_each(|counter| counter.count(at));
            }
            Source::Creator => {}
        }
    }

    fn count_entry(&self, entry: &AccessEntry, at: Timestamp) {
        let arn = &entry.principal_arn;
        if let Some(counter) = self.entries.load().get(arn) {
            return counter.count(at);
        }
        let counter = Counter::new(self.since_of(entry));
        self.entries.rcu(|known| match known.get(arn) {
            Some(_) => Arc::clone(known),
            None => Arc::new(known.update(arn.clone(), Arc::clone(&counter))),
        });
        // Another login may have been the first.
        self.entries.load().get(arn).into_iter().for_each(|counter| counter.count(at));
    }

    /// Since when the logins of an entry are counted, in seconds since 1970.
    fn since_of(&self, entry: &AccessEntry) -> i64 {
        self.since.max(entry.created_at().as_second())
    }

    /// There is no such entry any more.
    pub(crate) fn delete_entry(&self, principal: &PrincipalArn) {
        self.forget(&[principal]);
    }

    /// Forgets what does not exist: a login that was decided before its entry was deleted may be counted after that.
    pub(crate) fn forget_deleted(&self, world: &World) {
        let known = self.entries.load();
        self.forget(&known.keys().filter(|arn| world.entry(arn).is_none()).collect::<Vec<_>>());
    }

    fn forget(&self, gone: &[&PrincipalArn]) {
        if gone.iter().any(|arn| self.entries.load().contains_key(*arn)) {
            self.entries.rcu(|known| gone.iter().fold(Counters::clone(known), |known, arn| known.without(*arn)));
        }
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
            let counter = known.unwrap_or_else(|| Counter::new(at.as_second()));
            rows.by_place.insert((section, index), Arc::clone(&counter));
            rows.by_key.insert(key, counter);
        }
        self.rows = Arc::new(rows);
        self.remembered = Arc::default();
    }

    /// Goes on from what was kept. What was not kept begins now.
    pub(crate) fn restore(&mut self, world: &World, kept: &UsageRecord, now: Timestamp) {
        let counters = kept.entries.iter().filter_map(|(principal, evidence)| {
            let principal = PrincipalArn::parse(principal).ok()?;
            world.entry(&principal)?;
            Some((principal, Counter::of(evidence)))
        });
        self.entries = Arc::new(ArcSwap::from_pointee(counters.collect()));
        self.since = kept.counting_since.unwrap_or(now).as_second();
        let rows = kept.rows.iter().map(|row| ((row.section, row.arn.to_ascii_lowercase()), row.evidence.clone()));
        self.remembered = Arc::new(rows.collect());
    }

    /// Everything that is known, of every entry and row that there is, by all servers of the store.
    pub fn record(&self, world: &World) -> UsageRecord {
        let known = self.entries.load();
        let evidence = |entry: &AccessEntry| {
            let mut evidence = match known.get(&entry.principal_arn) {
                Some(counter) => counter.evidence(),
                None => Counter::new(self.since_of(entry)).evidence(),
            };
            // What was counted before it was made is of an entry that it took the place of.
            let is_of_this = |other: &&Evidence| other.counting_since >= time(entry.created_at().as_second());
            let others = self.others.entries.get(entry.principal_arn.as_str()).filter(is_of_this);
            others.into_iter().for_each(|others| evidence.add(others));
            evidence
        };
        let entries = world.entries().map(|entry| (entry.principal_arn.to_string(), evidence(entry)));
        let mut rows = self.kept_rows();
        for row in &mut rows.rows {
            let of_same = |other: &&RowEvidence| other.section == row.section && other.arn == row.arn;
            self.others.rows.iter().filter(of_same).for_each(|other| row.evidence.add(&other.evidence));
        }
        UsageRecord { entries: entries.collect(), ..rows }
    }

    /// This is what other servers counted.
    pub(crate) fn put_others(&mut self, others: Arc<UsageRecord>) {
        self.others = others;
    }

    /// What other servers counted, as far as it is known.
    pub(crate) fn others(&self) -> &Arc<UsageRecord> {
        &self.others
    }

    /// What is worth keeping: of the entries those that let somebody in.
    pub(crate) fn kept(&self) -> UsageRecord {
        let known = self.entries.load();
        let entries = known.iter().map(|(principal, counter)| (principal.to_string(), counter.evidence()));
        UsageRecord { counting_since: Some(time(self.since)), entries: entries.collect(), ..self.kept_rows() }
    }

    fn kept_rows(&self) -> UsageRecord {
        let row = |(section, arn): &RowKey, evidence| RowEvidence { section: *section, arn: arn.clone(), evidence };
        let counted = self.rows.by_key.iter().map(|(key, counter)| row(key, counter.evidence()));
        let remembered = self.remembered.iter().map(|(key, evidence)| row(key, evidence.clone()));
        UsageRecord { rows: counted.chain(remembered).collect(), ..UsageRecord::default() }
    }
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_core::access_entry::{NewAccessEntry, Tags};
    use doorward_core::authentication_mode::AuthenticationMode;
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

    fn entry(name: &str, created: i64) -> AccessEntry {
        let arn = format!("arn:aws:iam::123456789012:role/{name}");
        let request = NewAccessEntry::parse(&arn, None, None, None, Tags::new()).unwrap();
        AccessEntry::new(request, None, name.to_owned(), at(created)).unwrap()
    }

    fn world(entries: &[AccessEntry]) -> World {
        entries.iter().fold(World::new(AuthenticationMode::Api), |world, entry| world.with_entry(entry.clone()))
    }

    fn by(entry: &AccessEntry) -> Source {
        Source::AccessEntry(Arc::new(entry.clone()))
    }

    fn logins(record: UsageRecord) -> Vec<(String, u64)> {
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
        let evidence = usage.kept().rows.into_iter().find(|row| row.arn.ends_with("/b")).unwrap().evidence;
        let expected = Evidence { counting_since: at(1), logins: 3, last_login_at: Some(at(7)) };
        assert_eq!(evidence, expected);
        usage.put_rows(&rows(&["a"]), at(8));
        usage.put_rows(&rows(&["a", "b"]), at(9));
        assert_eq!(logins(usage.kept()), [("a".to_owned(), 0), ("b".to_owned(), 0)]);
    }

    #[test]
    fn what_does_not_exist_is_not_counted() {
        let usage = Usage::default();
        for source in [row(0), Source::Creator] {
            usage.count(&source, at(2));
        }
        assert_eq!(logins(usage.kept()), []);
    }

    #[test]
    fn an_entry_that_nobody_used_is_counted_since_it_was_made_and_has_no_counter() {
        let (used, unused) = (entry("used", 1), entry("unused", 5));
        let usage = Usage::default();
        usage.count(&by(&used), at(7));
        usage.count(&by(&used), at(6));
        assert_eq!(logins(usage.kept()), [("used".to_owned(), 2)]);
        let record = usage.record(&world(&[used, unused]));
        let evidence: Vec<&Evidence> = record.entries.values().collect();
        assert_eq!(*evidence[0], Evidence { counting_since: at(5), logins: 0, last_login_at: None });
        assert_eq!(*evidence[1], Evidence { counting_since: at(1), logins: 2, last_login_at: Some(at(7)) });
    }

    #[test]
    fn an_entry_that_is_deleted_takes_its_count_along_even_if_it_is_counted_once_more() {
        let (kept, deleted) = (entry("kept", 1), entry("deleted", 1));
        let usage = Usage::default();
        for entry in [&kept, &deleted] {
            usage.count(&by(entry), at(2));
        }
        usage.delete_entry(&deleted.principal_arn);
        assert_eq!(logins(usage.kept()), [("kept".to_owned(), 1)]);
        usage.count(&by(&deleted), at(3));
        usage.forget_deleted(&world(std::slice::from_ref(&kept)));
        assert_eq!(logins(usage.kept()), [("kept".to_owned(), 1)]);
    }

    #[test]
    fn logins_from_many_threads_are_all_counted_the_first_ones_too() {
        let entries: Vec<AccessEntry> = (0..50).map(|n| entry(&format!("e{n:02}"), 1)).collect();
        let usage = Usage::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| entries.iter().for_each(|entry| usage.count(&by(entry), at(2))));
            }
        });
        assert!(usage.kept().entries.values().all(|evidence| evidence.logins == 4));
        assert_eq!(usage.kept().entries.len(), entries.len());
    }

    #[test]
    fn after_a_restart_counting_goes_on_for_what_is_still_there() {
        let (kept, deleted, unused) = (entry("kept", 1), entry("deleted", 1), entry("unused", 3));
        let mut before = Usage { since: 2, ..Usage::default() };
        before.put_rows(&rows(&["a", "b"]), at(1));
        for source in [by(&kept), by(&deleted), row(0)] {
            before.count(&source, at(3));
        }

        let mut after = Usage::default();
        let world = world(&[kept, unused, entry("made-meanwhile", 9), entry("old", 1)]);
        after.restore(&world, &before.kept(), at(10));
        assert_eq!(after.kept().rows.len(), 2, "what is not read yet is not forgotten");
        after.put_rows(&rows(&["a"]), at(11));
        after.count(&row(0), at(12));
        let expected = [("kept", 1), ("made-meanwhile", 0), ("old", 0), ("unused", 0), ("a", 2)];
        assert_eq!(logins(after.record(&world)), expected.map(|(name, logins)| (name.to_owned(), logins)));
        let since: Vec<i64> =
            after.record(&world).entries.values().map(|evidence| evidence.counting_since.as_second()).collect();
        assert_eq!(since, [2, 9, 2, 3]);
    }

    #[test]
    fn what_other_servers_counted_is_added_but_not_of_an_entry_that_was_made_again() {
        let (used, again) = (entry("used", 1), entry("again", 50));
        let mut usage = Usage::default();
        usage.put_rows(&rows(&["a"]), at(10));
        usage.count(&by(&used), at(20));
        usage.count(&row(0), at(20));
        let mut other = Usage::default();
        other.put_rows(&rows(&["a", "gone"]), at(5));
        for source in [by(&used), by(&entry("again", 2)), row(0), row(0), row(1)] {
            other.count(&source, at(30));
        }
        let mut others = other.kept();
        others.add(other.kept());
        usage.put_others(Arc::new(others));
        let record = usage.record(&world(&[used, again]));
        assert_eq!(logins(record.clone()), [("again", 0), ("used", 3), ("a", 5)].map(|(arn, n)| (arn.to_owned(), n)));
        let expected = Evidence { counting_since: at(5), logins: 5, last_login_at: Some(at(30)) };
        assert_eq!(record.rows[0].evidence, expected);
        assert_eq!(
            logins(usage.kept()),
            [("used", 1), ("a", 1)].map(|(arn, n)| (arn.to_owned(), n)),
            "it keeps its own"
        );
    }

    #[test]
    fn where_nothing_was_kept_counting_begins_now() {
        let world = world(&[entry("old", 1)]);
        let mut usage = Usage::default();
        usage.restore(&world, &UsageRecord::default(), at(10));
        let evidence = usage.record(&world).entries.into_values().next().unwrap();
        assert_eq!(evidence.counting_since, at(10));
    }
}

//! Steps about the server itself: its store, AWS, its certificates, and who does not get through TLS.

use jiff::{SignedDuration, Timestamp};

use super::Step;
use super::words::{ago, ends, long};
use crate::health::{Certificates, Signs};

/// The store is asked every second.
pub(crate) const STORE_IS_LATE: SignedDuration = SignedDuration::from_secs(10);
/// By then nobody can call it a hiccup.
const STORE_IS_AWAY: SignedDuration = SignedDuration::from_secs(60);
/// The webhooks' certificate is renewed by itself 30 days before its end, looked after twice a day.
pub(crate) const WEBHOOK_IS_LATE: SignedDuration = SignedDuration::from_hours(28 * 24);
/// To change the authority, every API server has to be given files and started again.
const AUTHORITY_IS_LATE: SignedDuration = SignedDuration::from_hours(180 * 24);
/// A refusal that is older was perhaps mended.
const RECENTLY: SignedDuration = SignedDuration::from_mins(10);

pub(super) fn steps(signs: &Signs, now: Timestamp) -> Vec<Step> {
    let certificates = signs.certificates.as_deref();
    let aws = (!signs.failing_endpoints.is_empty()).then(|| aws(&signs.failing_endpoints));
    [store(signs, now)]
        .into_iter()
        .chain(aws)
        .chain(certificates.map(|own| own_certificates(own, now)))
        .chain([tls(signs, now)])
        .collect()
}

fn store(signs: &Signs, now: Timestamp) -> Step {
    const NAME: &str = "store";
    const REMEDY: &str = "see the server's log, and whether the store (the disk, or etcd's majority) is there; decisions \
                          go on with what is known, writes are refused";
    let age = now.duration_since(signs.store.confirmed);
    let known = format!("what was stored {} ago is in force", long(age));
    if let Some(record) = &signs.store.unreadable {
        let remedy = "make this server like the one that wrote it, by its version (upgrade it) or its \
                      `--store-key-file`; until then it is not ready, and answers with what it knew before";
        return Step::fail(NAME, format!("{record}; {known}"), remedy);
    }
    match (&signs.store.failure, signs.store.revisions_behind) {
        (Some(failure), _) if age > STORE_IS_AWAY => {
            Step::fail(NAME, format!("the store does not answer: {failure}; {known}"), REMEDY)
        }
        (Some(failure), _) => Step::warn(NAME, format!("the store does not answer: {failure}; {known}"), REMEDY),
        (None, behind) if age > STORE_IS_LATE => {
            Step::fail(NAME, format!("this server is {behind} revisions behind the store; {known}"), REMEDY)
        }
        (None, _) => Step::ok(NAME, known),
    }
}

fn aws(hosts: &[String]) -> Step {
    Step::warn(
        "aws",
        format!("{} failed several times in a row and is left alone for a moment", hosts.join(", ")),
        "see whether this machine reaches it: tokens that were proved before go on, new ones are answered by 503",
    )
}

fn own_certificates(own: &Certificates, now: Timestamp) -> Step {
    const NAME: &str = "certificates";
    let left = |ends: Timestamp| ends.duration_since(now);
    let found = format!(
        "the authority {}, the webhooks' certificate {}",
        ends(own.authority_ends, now),
        ends(own.webhook_ends, now)
    );
    if left(own.authority_ends) < AUTHORITY_IS_LATE {
        let remedy = "the authority is not renewed by itself: remove `DATA/pki`, start the server again, run `doorward \
                      init` for every cluster, and start their kube-apiservers with the new files";
        let step = if left(own.authority_ends).is_negative() { Step::fail } else { Step::warn };
        return step(NAME, found, remedy.to_owned());
    }
    if left(own.webhook_ends) < WEBHOOK_IS_LATE {
        let remedy = "it is renewed by itself 30 days before its end, and was not: see whether `DATA/pki` can be written, \
                      and start the server again";
        let step = if left(own.webhook_ends).is_negative() { Step::fail } else { Step::warn };
        return step(NAME, found, remedy.to_owned());
    }
    Step::ok(NAME, found)
}

fn tls(signs: &Signs, now: Timestamp) -> Step {
    const NAME: &str = "tls";
    let Some(last) = signs.last_tls_refusal.filter(|last| now.duration_since(*last) < RECENTLY) else {
        return Step::ok(NAME, "nobody was refused by TLS of late");
    };
    let reasons: Vec<String> = signs.tls_refusals.iter().map(|(reason, count)| format!("{reason} ({count})")).collect();
    Step::warn(
        NAME,
        format!(
            "connections to the webhooks fail, the last one {}; since the start: {}",
            ago(last, now),
            reasons.join(", ")
        ),
        "if they come from a kube-apiserver (the log has their addresses), it has another authority's or an old \
         certificate: run `doorward init` for its cluster again and start it with the new files; `doorward doctor \
         --webhook-config FILE` tells what is wrong with a file",
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::Verdict;
    use super::*;
    use crate::engine::StoreSigns;

    fn now() -> Timestamp {
        "2026-01-10T00:00:00Z".parse().unwrap()
    }

    fn healthy() -> Signs {
        let days = |days: i64| now() + SignedDuration::from_hours(days * 24);
        Signs {
            store: StoreSigns { confirmed: now(), ..StoreSigns::default() },
            is_shared: false,
            certificates: Some(Arc::new(Certificates {
                authority_sha256: "00".repeat(32),
                authority_ends: days(3_000),
                webhook_ends: days(300),
            })),
            tls_refusals: Vec::new(),
            last_tls_refusal: None,
            failing_endpoints: Vec::new(),
            started_at: days(-1),
        }
    }

    fn told(signs: &Signs) -> Vec<(String, Verdict)> {
        let steps = steps(signs, now());
        assert!(steps.iter().all(|step| step.remedy.is_some() == (step.verdict != Verdict::Ok)), "{steps:?}");
        let found = steps.into_iter().filter(|step| step.verdict != Verdict::Ok);
        found.map(|step| (step.name.into_owned(), step.verdict)).collect()
    }

    #[test]
    fn of_a_healthy_server_all_is_well() {
        assert_eq!(told(&healthy()), []);
    }

    #[test]
    fn a_store_that_is_away_is_a_warning_first_and_a_failure_later() {
        let away = |seconds: i64| {
            let confirmed = now() - SignedDuration::from_secs(seconds);
            Signs {
                store: StoreSigns { confirmed, failure: Some("away".into()), ..StoreSigns::default() },
                ..healthy()
            }
        };
        assert_eq!(told(&away(5)), [("store".to_owned(), Verdict::Warn)]);
        assert_eq!(told(&away(90)), [("store".to_owned(), Verdict::Fail)]);
        let confirmed = now() - SignedDuration::from_secs(20);
        let behind =
            Signs { store: StoreSigns { confirmed, revisions_behind: 3, ..StoreSigns::default() }, ..healthy() };
        assert_eq!(told(&behind), [("store".to_owned(), Verdict::Fail)]);
    }

    #[test]
    fn a_certificate_is_a_warning_near_its_end_and_a_failure_after_it() {
        for (authority, webhook, expected) in [
            (100, 300, Some(Verdict::Warn)),
            (-1, 300, Some(Verdict::Fail)),
            (3_000, 29, None),
            (3_000, 27, Some(Verdict::Warn)),
            (3_000, -1, Some(Verdict::Fail)),
        ] {
            let days = |days: i64| now() + SignedDuration::from_hours(days * 24);
            let certificates = Certificates {
                authority_sha256: String::new(),
                authority_ends: days(authority),
                webhook_ends: days(webhook),
            };
            let signs = Signs { certificates: Some(Arc::new(certificates)), ..healthy() };
            let expected: Vec<_> = expected.into_iter().map(|verdict| ("certificates".to_owned(), verdict)).collect();
            assert_eq!(told(&signs), expected, "{authority} {webhook}");
        }
    }

    #[test]
    fn who_was_refused_by_tls_is_told_for_a_while() {
        let at = |minutes: i64| Signs {
            tls_refusals: vec![("certificate_expired", 2)],
            last_tls_refusal: Some(now() - SignedDuration::from_mins(minutes)),
            ..healthy()
        };
        assert_eq!(told(&at(1)), [("tls".to_owned(), Verdict::Warn)]);
        assert_eq!(told(&at(30)), []);
        let signs = Signs { failing_endpoints: vec!["sts.amazonaws.com".into()], ..healthy() };
        assert_eq!(told(&signs), [("aws".to_owned(), Verdict::Warn)]);
    }
}

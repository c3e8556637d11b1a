//! The webhooks beside nginx, and their latency while somebody writes.

use std::path::Path;
use std::sync::atomic::AtomicUsize;

use anyhow::{Context as _, ensure};
use serde_json::json;

use crate::http::{Connection, post_json};
use crate::load::{Load, Outcome};
use crate::nginx::Nginx;
use crate::place::{ACCOUNT, CLUSTER, Place};
use crate::process::Process;
use crate::report::{Report, Rounds, Target, short};
use crate::review::{self, Assumed};
use crate::settings::Settings;
use crate::write_rows::steady_writes;

/// One thing that is asked again and again.
struct Case<'a> {
    name: &'static str,
    place: Option<&'a Place>,
    requests: Vec<Vec<u8>>,
    body_length: usize,
    /// Whether a request may be asked twice.
    repeat: bool,
    /// Whether a hundred entries a second are created meanwhile.
    writes: bool,
    outcomes: Vec<Outcome>,
}

/// Measures.
pub(crate) async fn measure(
    settings: &Settings,
    folder: &Path,
    small: &Place,
    large: &Place,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut cases = vec![
        case("token, seen before", small, vec![token_review(&first(&small.tokens(1)?)?)]).await?,
        case("token, each new", small, new_tokens(small)?).await?.never_twice(),
        case("authorize, cluster scope", small, vec![access_review(small, "kube-system", "get")]).await?,
        case("authorize, namespace scope", small, vec![access_review(small, "carts", "create")]).await?,
        case("token, seen before, large", large, vec![token_review(&first(&large.tokens(1)?)?)]).await?,
        case("authorize, namespace scope, large", large, vec![access_review(large, "carts", "create")]).await?,
        case("token, while 100 writes a second", small, vec![token_review(&first(&small.tokens(1)?)?)])
            .await?
            .writing(),
    ];
    let length = |name: &str| cases.iter().find(|case| case.name == name).map_or(0, |case| case.body_length);
    let bodies = [("/token", length("token, seen before")), ("/authorize", length("authorize, namespace scope"))];
    let data = folder.with_file_name("small");
    let nginx = Nginx::start(settings, folder, &data, &bodies)?;
    // The same request bodies, so that both sides read as much as they write.
    for (name, of, path, body) in [
        (
            "nginx, for tokens",
            "token, seen before",
            "/token",
            first(&small.tokens(1)?).map(|token| review::token_review(&token))?,
        ),
        (
            "nginx, for authorize",
            "authorize, cluster scope",
            "/authorize",
            access_review_body(small, "carts", "create"),
        ),
    ] {
        let body_length = bodies.iter().find(|(served, _)| *served == path).map_or(0, |(_, length)| *length);
        let requests = vec![post_json(path, &body)];
        // Right after what is held against it: a machine may be faster now than in a minute.
        let beside = cases.iter().position(|case| case.name == of).map_or(cases.len(), |at| at + 1);
        let asked =
            Case { name, place: None, requests, body_length, repeat: true, writes: false, outcomes: Vec::new() };
        cases.insert(beside, asked);
    }
    cases.retain(|case| settings.wants(&format!("webhook/{}", case.name)));
    for round in 0..settings.rounds {
        for case in &mut cases {
            let outcome = case.round(settings, round, small, &nginx).await.with_context(|| case.name)?;
            let Outcome { per_second, p50_us, p99_us, cpu_us } = outcome;
            let values = json!({ "per_second": per_second, "p50_us": p50_us, "p99_us": p99_us, "cpu_us": cpu_us });
            report.raw(case.name, round, &values)?;
            case.outcomes.push(outcome);
        }
    }
    rows(&cases, report);
    nginx.process.stop()
}

impl Case<'_> {
    fn never_twice(self) -> Self {
        Self { repeat: false, ..self }
    }

    fn writing(self) -> Self {
        Self { writes: true, ..self }
    }

    async fn round(&self, settings: &Settings, round: usize, small: &Place, nginx: &Nginx) -> anyhow::Result<Outcome> {
        let (server, address): (&Process, _) =
            self.place.map_or((&nginx.process, nginx.address), |place| (&place.server, place.webhook));
        let share = (self.requests.len() / settings.rounds).max(1);
        let from = if self.repeat { 0 } else { share * round };
        let requests = if self.repeat { Some(self.requests.as_slice()) } else { self.requests.get(from..from + share) };
        let load = Load {
            address,
            tls: &self.place.unwrap_or(small).tls,
            connections: settings.connections,
            requests: requests.context("too few requests were prepared")?,
            body_length: self.body_length,
            server,
        };
        let next = AtomicUsize::new(0);
        if !self.writes {
            return load.run(settings.round, &next, self.repeat).await;
        }
        tokio::select! {
            outcome = load.run(settings.round, &next, self.repeat) => outcome,
            ended = steady_writes(small, 100) => { ended?; anyhow::bail!("the writes ended before the load") }
        }
    }
}

/// Asks once, to know the good answer.
async fn case<'a>(name: &'static str, place: &'a Place, requests: Vec<Vec<u8>>) -> anyhow::Result<Case<'a>> {
    let mut connection = Connection::tls(place.webhook, &place.tls).await?;
    let answer = connection.ask(requests.first().context("no requests")?).await?;
    let text = String::from_utf8_lossy(answer.body).into_owned();
    let is_good = text.contains("\"authenticated\":true") || text.contains("\"allowed\":true");
    ensure!(answer.status == 200 && is_good, "{name}: status {}: {text}", answer.status);
    let body_length = text.len();
    Ok(Case { name, place: Some(place), requests, body_length, repeat: true, writes: false, outcomes: Vec::new() })
}

fn new_tokens(place: &Place) -> anyhow::Result<Vec<Vec<u8>>> {
    Ok(place.tokens(120_000)?.iter().map(|token| token_review(token)).collect())
}

fn first(tokens: &[String]) -> anyhow::Result<String> {
    tokens.first().cloned().context("no tokens")
}

/// A TokenReview as kube-apiserver sends it.
pub(crate) fn token_review(token: &str) -> Vec<u8> {
    post_json(&format!("/clusters/{CLUSTER}/authenticate"), &review::token_review(token))
}

fn access_review(place: &Place, namespace: &str, verb: &str) -> Vec<u8> {
    post_json(&format!("/clusters/{CLUSTER}/authorize"), &access_review_body(place, namespace, verb))
}

/// Of the role that calls.
fn access_review_body(place: &Place, namespace: &str, verb: &str) -> String {
    let caller = Assumed {
        account: ACCOUNT,
        role: "caller",
        role_id: &place.role_id,
        session: "session-000",
        group: "developers",
    };
    review::access_review(caller, namespace, verb)
}

fn rows(cases: &[Case<'_>], report: &mut Report) {
    let of =
        |name: &str| cases.iter().find(|case| case.name == name).map(|case| case.outcomes.as_slice()).unwrap_or(&[]);
    // Round by round: what disturbed one side of a round most likely disturbed the other.
    let ratio = |one: &str, other: &str, of_what: fn(&Outcome) -> f64| {
        Rounds::of(of(one).iter().zip(of(other)).map(|(one, other)| of_what(one) / of_what(other)))
    };
    let median = |name: &str, of_what: fn(&Outcome) -> f64| short(Rounds::of(of(name).iter().map(of_what)).median());
    let per_second: fn(&Outcome) -> f64 = |outcome| outcome.per_second;
    let p99: fn(&Outcome) -> f64 = |outcome| outcome.p99_us;
    let cpu: fn(&Outcome) -> f64 = |outcome| outcome.cpu_us;
    for (name, nginx, least) in [
        ("token, seen before", "nginx, for tokens", 0.6),
        ("token, each new", "nginx, for tokens", 0.4),
        ("authorize, cluster scope", "nginx, for authorize", 0.6),
        ("authorize, namespace scope", "nginx, for authorize", 0.6),
    ] {
        let from = format!("{} a second against {}", median(name, per_second), median(nginx, per_second));
        let what = format!("{name}: throughput, of nginx's");
        report.row(&what, Target::AtLeast(least), &ratio(name, nginx, per_second), "×", from);
        // Says the same without the cost of whoever asks, and hardly minds what else the machine does.
        let from = format!("{} µs a request against {}", median(name, cpu), median(nginx, cpu));
        let what = format!("{name}: nginx's processor time, of ours");
        report.row(&what, Target::AtLeast(least), &ratio(nginx, name, cpu), "×", from);
    }
    let against = |one: &str, other: &str| format!("{} µs against {}", median(one, p99), median(other, p99));
    for (what, one, other, most, of_what) in [
        ("token, seen before: p99, of nginx's", "token, seen before", "nginx, for tokens", 2.0, p99),
        ("token: p99 while 100 writes a second", "token, while 100 writes a second", "token, seen before", 1.2, p99),
        ("token: processor time, large cluster", "token, seen before, large", "token, seen before", 1.3, cpu),
        (
            "authorize: processor time, large cluster",
            "authorize, namespace scope, large",
            "authorize, namespace scope",
            1.3,
            cpu,
        ),
    ] {
        let from = if most == 1.3 {
            format!("{} µs against {}", median(one, cpu), median(other, cpu))
        } else {
            against(one, other)
        };
        report.row(what, Target::AtMost(most), &ratio(one, other, of_what), "×", from);
    }
}

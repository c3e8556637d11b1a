//! CreateAccessEntry beside the machine's own fsync rate, and pages of ListAccessEntries.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures::future::try_join_all;
use serde_json::{Value, json};

use crate::http::Connection;
use crate::place::{CLUSTER, Place, USERS, user_arn};
use crate::report::{Report, Rounds, Target, short};
use crate::settings::Settings;

/// Clients that write at once.
const CLIENTS: usize = 32;
/// Users of the small server that the steady writes take; the other rows take those from here on.
const STEADY: usize = 10_000;
/// Pages that are read in one round.
const PAGES: usize = 20;

/// Measures.
pub(crate) async fn measure(
    settings: &Settings,
    folder: &Path,
    small: &Place,
    large: &Place,
    report: &mut Report,
) -> anyhow::Result<()> {
    let nexts = [AtomicUsize::new(STEADY), AtomicUsize::new(STEADY)];
    let (mut syncs, mut writes, mut pages) = (Vec::new(), [Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for round in 0..settings.rounds {
        let rate = fsync_rate(&folder.join("fsync"), settings.round)?;
        report.raw("fsync", round, &json!({ "per_second": rate }))?;
        syncs.push(rate);
        for ((place, next), (writes, pages)) in
            [small, large].into_iter().zip(&nexts).zip(writes.iter_mut().zip(pages.iter_mut()))
        {
            let rate = create(place, settings.round, next).await.context("CreateAccessEntry")?;
            let page = list(place).await.context("ListAccessEntries")?;
            let values = json!({ "entries": place.entries, "creates_per_second": rate, "page_us": page });
            report.raw("api", round, &values)?;
            writes.push(rate);
            pages.push(page);
        }
    }
    let ratio = |one: &[f64], other: &[f64]| Rounds::of(one.iter().zip(other).map(|(one, other)| one / other));
    let against = |one: &[f64], other: &[f64], unit: &str| {
        let median = |values: &[f64]| short(Rounds::of(values.iter().copied()).median());
        format!("{} {unit} against {}", median(one), median(other))
    };
    let [small_writes, large_writes] = &writes;
    let what = "CreateAccessEntry, 32 clients, of the fsync rate";
    let from = against(small_writes, &syncs, "a second");
    report.row(what, Target::AtLeast(4.0), &ratio(small_writes, &syncs), "×", from);
    let what = "CreateAccessEntry, large cluster: slower by";
    let from = against(large_writes, small_writes, "a second");
    report.row(what, Target::AtMost(1.3), &ratio(small_writes, large_writes), "×", from);
    let [small_pages, large_pages] = &pages;
    let what = "ListAccessEntries, a page, large cluster";
    report.row(
        what,
        Target::AtMost(1.3),
        &ratio(large_pages, small_pages),
        "×",
        against(large_pages, small_pages, "µs"),
    );
    Ok(())
}

/// Appends a page to a file and syncs it, again and again: how often a second.
fn fsync_rate(path: &Path, round: Duration) -> anyhow::Result<f64> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    let (started, mut count) = (Instant::now(), 0_u32);
    while started.elapsed() < round {
        file.write_all(&[0x5a; 4096])?;
        file.sync_data()?;
        count += 1;
    }
    Ok(f64::from(count) / started.elapsed().as_secs_f64())
}

fn creation(place: &Place, user: usize) -> anyhow::Result<Vec<u8>> {
    let body = json!({ "principalArn": user_arn(user), "kubernetesGroups": ["developers"] });
    place.api.request("eks", "POST", &format!("/clusters/{CLUSTER}/access-entries"), &body.to_string())
}

async fn ask(connection: &mut Connection, request: &[u8]) -> anyhow::Result<Value> {
    let answer = connection.ask(request).await?;
    ensure!(answer.status == 200, "status {}: {}", answer.status, String::from_utf8_lossy(answer.body));
    Ok(serde_json::from_slice(answer.body)?)
}

/// Acknowledged writes a second.
async fn create(place: &Place, round: Duration, next: &AtomicUsize) -> anyhow::Result<f64> {
    let mut connections = try_join_all((0..CLIENTS).map(|_| Connection::plain(place.api.address))).await?;
    let (started, done) = (Instant::now(), AtomicUsize::new(0));
    let clients = connections.iter_mut().map(async |connection| {
        while started.elapsed() < round {
            let user = next.fetch_add(1, Ordering::Relaxed);
            if user >= USERS {
                break;
            }
            ask(connection, &creation(place, user)?).await?;
            done.fetch_add(1, Ordering::Relaxed);
        }
        anyhow::Ok(())
    });
    try_join_all(clients).await?;
    let done = done.into_inner();
    ensure!(done > 0, "all users have entries; lower `BENCH_SECONDS` or `BENCH_ROUNDS`");
    Ok(done as f64 / started.elapsed().as_secs_f64())
}

/// Creates so many entries a second, for as long as it is waited for.
pub(crate) async fn steady_writes(place: &Place, per_second: u32) -> anyhow::Result<()> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let mut connection = Connection::plain(place.api.address).await?;
    let mut beat = tokio::time::interval(Duration::from_secs(1) / per_second);
    loop {
        beat.tick().await;
        let user = NEXT.fetch_add(1, Ordering::Relaxed);
        ensure!(user < STEADY, "all users have entries; lower `BENCH_SECONDS` or `BENCH_ROUNDS`");
        ask(&mut connection, &creation(place, user)?).await?;
    }
}

/// The median time of some pages, one after the other, in microseconds.
async fn list(place: &Place) -> anyhow::Result<f64> {
    let mut connection = Connection::plain(place.api.address).await?;
    let (mut token, mut times) = (None::<String>, Vec::new());
    for _ in 0..PAGES.min(place.entries / 100) {
        let after = token.as_deref().map(|token| format!("&nextToken={}", doorward_sigv4::query::encode(token)));
        let target = format!("/clusters/{CLUSTER}/access-entries?maxResults=100{}", after.unwrap_or_default());
        let request = place.api.request("eks", "GET", &target, "")?;
        let asked = Instant::now();
        let page = ask(&mut connection, &request).await?;
        times.push(asked.elapsed().as_secs_f64() * 1e6);
        let entries = page.get("accessEntries").and_then(Value::as_array).map(Vec::len);
        ensure!(entries == Some(100), "a page of {entries:?} entries");
        token = page.get("nextToken").and_then(Value::as_str).map(str::to_owned);
    }
    Ok(Rounds::of(times).median())
}

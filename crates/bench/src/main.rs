//! `make bench`: the table of what Doorward must reach, measured beside the machine's own limits.
//!
//! One run measures everything side by side: rounds are interleaved, so that whatever else the machine does falls on
//! all alike, and what counts are ratios. The program measured runs on one core, whoever asks it on another. Every
//! measurement of every round goes to a file; the table shows medians and the smallest and largest round. What was not
//! measured is said to be so, with the reason.

mod aws_rows;
mod core_rows;
mod load;
mod nginx;
mod place;
mod report;
mod revocation_rows;
mod server_rows;
mod settings;
mod token_rows;
mod webhook_rows;
mod write_rows;

use std::path::Path;

use anyhow::Context as _;
use doorward_bench::{api, http, process, review};

use crate::place::Place;
use crate::report::Report;
use crate::settings::Settings;

fn main() -> anyhow::Result<()> {
    let settings = Settings::of_environment()?;
    process::pin_to(settings.load_core)?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(&settings))
}

async fn run(settings: &Settings) -> anyhow::Result<()> {
    let mut report = Report::create(&settings.out, settings.loaded())?;
    let folder = tempfile::Builder::new().prefix("doorward-bench.").tempdir_in(&settings.scratch)?;
    // A part that fails costs its own rows and no others.
    if settings.wants("core") {
        say("core: resolve and authorize");
        let measured = core_rows::measure(settings, &mut report);
        report.keep("core", measured);
    }
    if settings.wants("server") {
        say("an empty server: start, memory");
        let measured = server_rows::empty(settings, &folder.path().join("empty"), &mut report).await;
        report.keep("an empty server", measured);
        say("servers with 1,000 clusters");
        let measured = server_rows::clusters(settings, &folder.path().join("clusters"), &mut report).await;
        report.keep("servers with clusters", measured);
    }
    if ["server", "webhook", "aws", "write", "cli"].iter().any(|part| settings.wants(part)) {
        let measured = with_servers(settings, folder.path(), &mut report).await;
        report.keep("servers with entries", measured);
    }
    if settings.wants("revocation") {
        say("what is taken away, on a kube-apiserver");
        let measured = revocation_rows::measure(settings, &mut report).await;
        report.keep("revocation", measured);
    }
    report.print()
}

/// What is measured of servers with entries.
async fn with_servers(settings: &Settings, folder: &Path, report: &mut Report) -> anyhow::Result<()> {
    say("a server with 1,000 entries");
    let small = Place::start(settings, &folder.join("small"), 1_000).await.context("the small server")?;
    say(&format!("a server with {} entries", settings.entries));
    let large = Place::start(settings, &folder.join("large"), settings.entries).await.context("the large server")?;
    if settings.wants("server") {
        let measured = server_rows::large(&small, &large, report);
        report.keep("start and memory of a large server", measured);
    }
    if settings.wants("webhook") {
        say("webhooks, beside nginx");
        let measured = webhook_rows::measure(settings, &folder.join("nginx"), &small, &large, report).await;
        report.keep("webhooks", measured);
    }
    if settings.wants("aws") {
        say("tokens that AWS proves");
        let measured = aws_rows::measure(settings, folder, &small, report).await;
        report.keep("tokens that AWS proves", measured);
    }
    if settings.wants("write") {
        say("writes and lists, beside fsync");
        let measured = write_rows::measure(settings, folder, &small, &large, report).await;
        report.keep("writes and lists", measured);
    }
    if settings.wants("cli") {
        say("doorward token, beside aws eks get-token");
        let measured = token_rows::measure(settings, &small, report);
        report.keep("doorward token", measured);
    }
    Ok(())
}

fn say(what: &str) {
    eprintln!("bench: {what} …");
}

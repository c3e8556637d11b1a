//! The token webhook where AWS proves tokens. AWS is another Doorward, whose STS verifies every signature, and which
//! counts its calls itself.

use std::path::Path;
use std::sync::atomic::AtomicUsize;

use anyhow::{Context as _, ensure};
use doorward_cluster::pki::Pki;
use futures::future::try_join_all;
use jiff::Timestamp;
use serde_json::json;

use crate::api::Api;
use crate::http::{Connection, client_config};
use crate::load::{Load, Outcome};
use crate::place::{CLUSTER, Place, Served, entry_of_caller, register, serve};
use crate::report::{Report, Rounds, Target, short};
use crate::settings::Settings;
use crate::webhook_rows::token_review;

/// Tokens that are shown for the first time, in all rounds together.
const NEW: usize = 24_000;
/// Copies of one token that come at once.
const COPIES: usize = 64;
/// Tokens that come in so many copies.
const COPIED: usize = 20;

/// Measures. `sts` stands for AWS.
pub(crate) async fn measure(
    settings: &Settings,
    folder: &Path,
    sts: &Place,
    report: &mut Report,
) -> anyhow::Result<()> {
    let data = folder.join("aws");
    let config = folder.join("aws.yaml");
    // A bench is nobody's AWS account: the budget of calls is not what is measured.
    std::fs::write(
        &config,
        format!(
            "identity:\n  provider: aws\n  sts-endpoints: ['http://{}']\n\
         \x20 sts: {{calls-per-second: 1000000, burst: 1000000}}\n",
            sts.api.address
        ),
    )?;
    let flags = [format!("--config={}", config.display())];
    let Served { process: server, api, webhook: address, .. } = serve(settings, &data, &flags)?;
    let api = Api::of_data_dir(api, &data)?;
    register(&api).await?;
    entry_of_caller(&api).await?;
    let tls = &client_config(&Pki::open(&data, Timestamp::now())?, &CLUSTER.parse()?)?;

    let tokens = sts.tokens(NEW + COPIED + 1)?;
    let requests: Vec<Vec<u8>> = tokens.iter().map(|token| token_review(token)).collect();
    let (copied, rest) = requests.split_at(COPIED);
    let (seen, new) = rest.split_at(1);
    let mut connections = try_join_all((0..COPIES).map(|_| Connection::tls(address, tls))).await?;
    let mut calls = Vec::new();
    for request in copied {
        let before = sts.calls()?;
        try_join_all(connections.iter_mut().map(async |connection| {
            let answer = connection.ask(request).await?;
            let text = String::from_utf8_lossy(answer.body);
            ensure!(answer.status == 200 && text.contains("\"authenticated\":true"), "{}: {text}", answer.status);
            Ok(())
        }))
        .await?;
        calls.push((sts.calls()? - before) as f64);
    }
    let what = format!("token, AWS provider: STS calls a token, {COPIES} copies at once");
    report.row(&what, Target::AtMost(1.0), &Rounds::of(calls), "", format!("{COPIED} tokens"));

    let body_length = {
        let connection = connections.first_mut().context("no connection")?;
        connection.ask(seen.first().context("no token")?).await?.body.len()
    };
    drop(connections);
    let share = new.len() / settings.rounds.max(1);
    let mut rounds: [Vec<f64>; 2] = Default::default();
    for (round, new) in new.chunks_exact(share).take(settings.rounds).enumerate() {
        let cases = [("seen before", seen, true), ("each new", new, false)];
        for ((name, requests, repeat), costs) in cases.into_iter().zip(&mut rounds) {
            let load = Load { address, tls, connections: settings.connections, requests, body_length, server: &server };
            let outcome = load.run(settings.round, &AtomicUsize::new(0), repeat).await.context(name)?;
            let Outcome { per_second, p50_us, p99_us, cpu_us } = outcome;
            let values = json!({ "per_second": per_second, "p50_us": p50_us, "p99_us": p99_us, "cpu_us": cpu_us });
            report.raw(&format!("token, AWS provider, {name}"), round, &values)?;
            costs.push(cpu_us);
        }
    }
    let [seen, new] = rounds;
    let ratios = Rounds::of(new.iter().zip(&seen).map(|(new, seen)| new / seen));
    let [seen, new] = [seen, new].map(|costs| short(Rounds::of(costs).median()));
    let from = format!("each new {new} µs, seen before {seen} µs");
    let what = "token, AWS provider, each new: processor time, of one seen before";
    report.row(what, Target::AtMost(3.0), &ratios, "×", from);
    server.stop()
}

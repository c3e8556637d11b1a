//! `doorward serve`: the server, from its configuration to its end.

mod config;
mod credentials;
mod file;
mod identity;
mod storage;
mod suggestion;
mod variables;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args as _;
use doorward_server::{Addresses, Config, Storage};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use config::Settings;
pub(crate) use config::{ConfigError, ServeArgs};

use crate::aws::Environment;
use crate::error::CliError;
use crate::logging::{self, Level, LogFormat};
use crate::talk::Talk;

/// Runs the server until it is told to stop.
///
/// # Errors
/// If the configuration makes no sense, or the server cannot start.
pub(crate) async fn run(args: ServeArgs, talk: Talk) -> Result<ExitCode, CliError> {
    let environment = Environment::of_process();
    let Settings { config, storage, log_format } = Settings::resolve(args, &environment)?;
    let log = Arc::new(logging::start_server(log_format, Level::of_server(talk)));
    for warning in variables::warnings(&environment, &own_variables()) {
        tracing::warn!("{warning}");
    }
    allow_open_files();
    let data_dir = std::path::absolute(&config.data_dir).unwrap_or_else(|_| config.data_dir.clone());
    let (stop, stopped) = watch::channel(false);
    // Before anything is started, so that no signal is lost.
    let (terminate, interrupt) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    let (mut terminate, mut interrupt) = (terminate.map_err(CliError::Runtime)?, interrupt.map_err(CliError::Runtime)?);
    let last_words = Arc::clone(&log);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping; a second signal ends it at once");
        // Nobody to tell: it has stopped already.
        let _ = stop.send(true);
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        last_words.close();
        std::process::exit(130);
    });
    let config = match storage.place {
        None => config,
        Some(place) => Config { storage: Storage::Given(place.open(false).await?), ..config },
    };
    let ended =
        doorward_server::run(config, stopped, |addresses| started(addresses, &data_dir, log_format, talk)).await;
    // Before the error, which is the last line.
    log.close();
    ended?;
    Ok(ExitCode::SUCCESS)
}

/// The variables of the flags of `serve`.
fn own_variables() -> Vec<String> {
    let command = ServeArgs::augment_args(clap::Command::new("serve"));
    command.get_arguments().filter_map(|arg| Some(arg.get_env()?.to_string_lossy().into_owned())).collect()
}

/// Asks for as many open files as the system lets it have: usually 1024 are given, fewer than the connections that one
/// address serves, and with none left nothing can be stored.
fn allow_open_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}

/// Says where it listens and how to use it.
fn started(addresses: Addresses, data_dir: &Path, log_format: LogFormat, talk: Talk) {
    let Addresses { api, webhook, ops } = addresses;
    tracing::info!(%api, %webhook, %ops, data_dir = %data_dir.display(), "listening");
    // Among JSON lines, others would be in the way.
    if log_format == LogFormat::Json {
        return;
    }
    let aws = data_dir.join("aws");
    let aws = aws.display();
    talk.note(format_args!(
        "serving the AWS APIs on http://{api}, webhooks on https://{webhook}, health on http://{ops}"
    ));
    talk.note(format_args!(
        "use it:  export AWS_CONFIG_FILE={aws}/config AWS_SHARED_CREDENTIALS_FILE={aws}/credentials AWS_PROFILE=doorward"
    ));
    talk.note(
        "add a cluster:  doorward init --cluster NAME --out DIR, then doorward cluster register NAME --kubeconfig FILE",
    );
}

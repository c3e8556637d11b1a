//! The `doorward` command.

mod aws;
mod cli;
mod cluster;
mod completion;
mod data_dir;
mod directory;
mod doctor;
mod doorward_api;
mod error;
mod init;
mod kubeconfig;
mod kubernetes;
mod lab;
mod log_line;
mod logging;
mod man;
mod mapping;
mod migrate;
mod output;
mod questions;
mod replicas;
mod serve;
mod status;
mod store;
mod table;
mod talk;
mod token;
mod world;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    cli::run(cli::Cli::parse())
}

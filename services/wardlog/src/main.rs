//! `wardlog`: every role of Wardlog, and the commands that look after it.

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use mimalloc::MiMalloc;
use wardlog::cli::{Cli, run};
use web::telemetry::{Options, Telemetry};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    start(cli).unwrap_or_else(|error| {
        eprintln!("wardlog: {error:#}");
        ExitCode::FAILURE
    })
}

fn start(cli: Cli) -> Result<ExitCode> {
    let mut options = Options::from_env("wardlog");
    if !cli.is_service() && std::env::var_os("WARDLOG_LOG").is_none() {
        // A person reads what a command prints; what its requests log would bury it.
        "warn".clone_into(&mut options.filter);
    }
    let telemetry = Telemetry::start(&options)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(run(cli));
    telemetry.shutdown();
    outcome
}

//! `make bench`: what each promise costs, beside the limit of what carries it, measured in the same run.

mod append;
mod authorise;
mod body;
mod clients;
mod command;
mod connection;
mod disclose;
mod door;
mod events_door;
mod load;
mod memory;
mod options;
mod process;
mod replay;
mod report;
mod schools;
mod seal;
mod serving;
mod sources;
mod sustained;
mod token_wait;
mod visible;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use mimalloc::MiMalloc;
use options::Options;
use report::Report;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// A benchmark measures and does not judge: it fails only where it could not measure.
fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(run(&options)));
    if let Err(error) = outcome {
        eprintln!("bench: {error:#}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

async fn run(options: &Options) -> Result<()> {
    let effort = options.effort();
    let mut report = Report::default();
    if options.wants("ingest_door") {
        report.add(events_door::measure(effort).await?);
    }
    if options.wants("ingest_sustained") {
        report.add(sustained::measure(effort).await?);
    }
    if options.wants("append") {
        append::measure(effort).await?.into_iter().for_each(|measured| report.add(measured));
    }
    if options.wants("command") {
        command::measure(effort).await?.into_iter().for_each(|measured| report.add(measured));
    }
    if options.wants("token_wait") {
        token_wait::measure(effort).await?.into_iter().for_each(|measured| report.add(measured));
    }
    if options.wants("replay") {
        replay::measure(effort).await?.into_iter().for_each(|measured| report.add(measured));
    }
    if options.wants("seal") || options.wants("open") {
        seal::measure(effort).await?.into_iter().for_each(|measured| report.add(measured));
    }
    if options.wants("disclose") {
        report.add(disclose::measure(effort).await?);
    }
    if options.wants("authorise") {
        authorise::decisions(effort)?.into_iter().for_each(|measured| report.add(measured));
    }
    if options.wants("point_read") {
        report.add(authorise::reads(effort).await?);
    }
    if options.wants("visible_latency") {
        report.add(visible::measure(effort).await?);
    }
    if options.wants("memory_idle") || options.wants("memory_full") {
        memory::measure(effort).await?.into_iter().for_each(|measured| report.add(measured));
    }
    println!("{}", report.table());
    println!("written to {}", report.write()?.display());
    Ok(())
}

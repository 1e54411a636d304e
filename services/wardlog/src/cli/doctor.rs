//! `wardlog doctor`: whether the logs and the views are what they promise to be.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use eventlog::doctor::{Finding, Verdict, examine};
use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection};
use web::clock;

use super::Place;
use crate::contexts;

/// `wardlog doctor`.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

impl Doctor {
    /// Fails if anything is wrong; a warning is not a failure.
    pub(super) async fn run(self, place: &Place) -> Result<ExitCode> {
        let database = place.database_as_it_is()?;
        // Reading the whole log takes its time, which need not be logged as slow.
        let mut connection = database.options.clone().disable_statement_logging().connect().await?;
        let pending = database::pending(&mut connection).await?;
        anyhow::ensure!(
            pending.is_empty(),
            "the database lacks the migrations {pending:?}: run `wardlog migrate`, and look again"
        );
        let views: Vec<_> = contexts::views().map(contexts::View::examined).collect();
        let findings = examine(&mut connection, &views, clock::now()).await?;
        connection.close().await?;
        database.close().await?;
        if self.json {
            println!("{:#}", findings.iter().map(to_json).collect::<Value>());
        } else {
            for Finding { check, verdict, detail } in &findings {
                println!("{verdict:<7}  {check}: {detail}");
            }
        }
        let healthy = findings.iter().all(|finding| finding.verdict < Verdict::Wrong);
        Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn to_json(finding: &Finding) -> Value {
    json!({ "check": finding.check, "verdict": finding.verdict.as_str(), "detail": finding.detail })
}

//! `wardlog doctor`: whether the logs and the views are what they promise to be.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use eventlog::doctor::{Finding, Verdict, examine};
use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection};
use vault::{Examined, Vault};
use web::clock;

use super::{Database, Place};
use crate::{
    contexts::{self, CONTEXTS},
    home,
};

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
        let mut findings = examine(&mut connection, &views, clock::now()).await?;
        findings.extend(keys(place, &database).await?);
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

/// Whether the key store and what wraps its keys are of one time: after either is restored they may not be.
async fn keys(place: &Place, database: &Database) -> Result<Vec<Finding>> {
    let check = "keys";
    let beside = database.server.is_some().then_some(database);
    let Some((key_store, server)) = place.key_store(beside).await? else {
        let detail = "not looked at: give VAULT_DATABASE_URL".to_owned();
        return Ok(vec![Finding { check, verdict: Verdict::Warning, detail }]);
    };
    let mut findings = Vec::new();
    for context in CONTEXTS {
        let name = context.name;
        let pool = key_store.pool(context).await?;
        let examined = Vault::examine(name, &pool, key_store.wrapping.clone()).await;
        pool.close().await;
        let (verdict, detail) = match examined {
            Ok(Examined { owners, outdated }) if outdated.is_empty() => {
                (Verdict::Ok, format!("{name}: those of {owners} schools and trusts"))
            }
            Ok(Examined { outdated, .. }) => {
                let each = outdated.iter().map(|(owner, error)| format!("{owner}: {error}"));
                (Verdict::Wrong, format!("{name}: {}", each.collect::<Vec<_>>().join("; ")))
            }
            Err(error) => (Verdict::Wrong, format!("{name}: {error}")),
        };
        findings.push(Finding { check, verdict, detail });
    }
    if let Some(server) = server {
        home::stop_if_unused(&server).await?;
    }
    Ok(findings)
}

fn to_json(finding: &Finding) -> Value {
    json!({ "check": finding.check, "verdict": finding.verdict.as_str(), "detail": finding.detail })
}

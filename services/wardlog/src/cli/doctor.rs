//! `wardlog doctor`: whether the logs and the views are what they promise to be.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use database::Logins;
use eventlog::doctor::{Finding, Verdict, examine};
use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection};

use vault::{Examined, TransitError, Vault, VaultError, Wrapping};
use web::clock;

use super::{Database, Place};
use crate::{
    contexts::{self, CONTEXTS, Context},
    home,
    serve::key_store_pool,
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
        let connection = database.options.clone().disable_statement_logging().connect().await;
        let mut connection =
            connection.context("cannot open the database: where there is none yet, `wardlog migrate` makes it")?;
        let pending = database::pending(&mut connection).await?;
        anyhow::ensure!(
            pending.is_empty(),
            "the database lacks the migrations {pending:?}: run `wardlog migrate`, and look again"
        );
        let views: Vec<_> = contexts::views().map(contexts::View::examined).collect();
        let mut findings = examine(&mut connection, &views, clock::now()).await?;
        // Whatever keeps the keys from being looked at, hides nothing else.
        let keys = keys(place, &database).await;
        findings.extend(keys.unwrap_or_else(|error| vec![of_keys(Verdict::Wrong, format!("{error:#}"))]));
        if self.json {
            println!("{:#}", findings.iter().map(to_json).collect::<Value>());
        } else {
            for Finding { check, verdict, detail } in &findings {
                println!("{verdict:<7}  {check}: {detail}");
            }
        }
        connection.close().await?;
        database.close().await?;
        let healthy = findings.iter().all(|finding| finding.verdict < Verdict::Wrong);
        Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Whether the records, the key store and what wraps its keys are of one time: after one of them is restored they may not be.
async fn keys(place: &Place, database: &Database) -> Result<Vec<Finding>> {
    let beside = database.server.is_some().then_some(database);
    let Some((logins, server)) = place.key_database(beside).await? else {
        return Ok(vec![of_keys(Verdict::Warning, "not looked at: give VAULT_DATABASE_URL".to_owned())]);
    };
    let found = of_contexts(place, (database, logins)).await;
    if let Some(server) = server {
        home::stop_if_unused(&server).await?;
    }
    found
}

async fn of_contexts(place: &Place, (database, key_store): (&Database, Logins)) -> Result<Vec<Finding>> {
    let wrapping = place.wrapping_as_it_is()?;
    let mut examined = Vec::new();
    for context in CONTEXTS {
        examined.push((context.name, of_context(context, database, &key_store, wrapping.clone()).await));
    }
    let are_of_some = examined.iter().any(|(_, found)| found.as_ref().is_ok_and(|found| found.owners > 0));
    let finding = |(name, found): (&str, Result<Examined>)| match found {
        Ok(Examined { owners, outdated }) if outdated.is_empty() => {
            of_keys(Verdict::Ok, format!("{name}: those of {owners} schools and trusts"))
        }
        Ok(Examined { outdated, .. }) => {
            let each = outdated.iter().map(|(owner, error)| format!("{owner}: {error}"));
            of_keys(Verdict::Wrong, format!("{name}: {}", each.collect::<Vec<_>>().join("; ")))
        }
        Err(error) => match error.downcast_ref() {
            Some(VaultError::OtherWrapping) if are_of_some => of_keys(
                Verdict::Warning,
                format!("{name}: not looked at, for other wrapping keys are: look where they are"),
            ),
            // Each service has a token of its own.
            Some(VaultError::Transit(TransitError::Forbidden { .. })) if are_of_some => of_keys(
                Verdict::Warning,
                format!("{name}: not looked at, for the engine's token is another service's: look with its own"),
            ),
            _ => of_keys(Verdict::Wrong, format!("{name}: {error:#}")),
        },
    };
    Ok(examined.into_iter().map(finding).collect())
}

async fn of_context(
    context: &Context,
    database: &Database,
    key_store: &Logins,
    wrapping: Wrapping,
) -> Result<Examined> {
    let named = database.keys_of(context).await?;
    let pool = key_store_pool(key_store, context).await?;
    let examined = Vault::examine(context.name, &pool, wrapping, named).await;
    pool.close().await;
    Ok(examined?)
}

fn of_keys(verdict: Verdict, detail: String) -> Finding {
    Finding { check: "keys", verdict, detail }
}

fn to_json(finding: &Finding) -> Value {
    json!({ "check": finding.check, "verdict": finding.verdict.as_str(), "detail": finding.detail })
}

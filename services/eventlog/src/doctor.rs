//! Whether the logs, and what is folded from them, are what they promise to be. It only looks.

mod leases;
mod log;
mod roles;
mod server;
mod views;

use std::fmt;

use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection, Postgres, Transaction};

use crate::{DomainLog, Log, Projection, telemetry::TelemetryLog};

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The check.
    pub check: &'static str,
    /// What it means.
    pub verdict: Verdict,
    /// What was found, where, and what to do next. Ids and numbers, never content.
    pub detail: String,
}

/// What a finding means; the worst is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It may pass by itself; look again.
    Warning,
    /// It will not pass by itself.
    Wrong,
}

impl Verdict {
    /// As it is printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Wrong => "WRONG",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Finding {
    fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok, detail: detail.into() }
    }

    fn warning(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Warning, detail: detail.into() }
    }

    fn wrong(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Wrong, detail: detail.into() }
    }
}

/// What a check found wrong, or that all is well.
fn or_ok(findings: Vec<Finding>, check: &'static str, well: impl Into<String>) -> Vec<Finding> {
    if findings.is_empty() { vec![Finding::ok(check, well)] } else { findings }
}

/// A view that is to be folding, and the log that it follows.
#[derive(Debug, Clone, Copy)]
pub struct View {
    name: &'static str,
    follows_telemetry: bool,
}

impl View {
    /// The view of a projection.
    pub const fn of<P: Projection<Log: Stored>>() -> Self {
        Self { name: P::NAME, follows_telemetry: <P::Log as Stored>::IS_TELEMETRY }
    }
}

/// A log whose tables the doctor knows.
pub trait Stored: Log {
    /// Whether it is the telemetry log, and not the domain log.
    const IS_TELEMETRY: bool;
}

impl Stored for DomainLog {
    const IS_TELEMETRY: bool = false;
}

impl Stored for TelemetryLog {
    const IS_TELEMETRY: bool = true;
}

/// Runs every check, as the login that migrates; `now` is the application's time at the call.
///
/// All but the last look at one moment of the database.
pub async fn examine(
    connection: &mut PgConnection,
    views: &[View],
    now: DateTime<Utc>,
) -> Result<Vec<Finding>, sqlx::Error> {
    let mut look = look(connection).await?;
    let mut findings = server::clock(&mut look, now).await?;
    findings.extend(server::days(&mut look).await?);
    findings.extend(roles::attributes(&mut look).await?);
    findings.extend(roles::reader(&mut look).await?);
    findings.extend(roles::writers(&mut look).await?);
    findings.extend(roles::triggers(&mut look).await?);
    findings.extend(roles::row_level_security(&mut look).await?);
    findings.extend(log::gaps(&mut look).await?);
    findings.extend(log::streams(&mut look).await?);
    findings.extend(log::chains(&mut look).await?);
    let standings = views::standings(&mut look, views).await?;
    findings.extend(views::ahead(&standings));
    findings.extend(views::lag(&standings, views));
    findings.extend(views::stops(&mut look).await?);
    findings.extend(views::skips(&mut look).await?);
    findings.extend(views::generations(&mut look, views).await?);
    findings.extend(leases::unheld(&standings));
    findings.extend(leases::followers(&mut look, &standings).await?);
    look.rollback().await?;
    findings.extend(leases::stuck(connection, views).await?);
    Ok(findings)
}

/// A look at one moment, as the tables' owner, whose rights the login need not inherit.
async fn look(connection: &mut PgConnection) -> Result<Transaction<'_, Postgres>, sqlx::Error> {
    let mut look = connection.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    sqlx::query!("SELECT set_config('role', 'wardlog_owner', true)").fetch_one(&mut *look).await?;
    Ok(look)
}

//! The people of the demo, each with a token of the development issuer.

use access::{Scope, Subject, dev_issuer::DevIssuer};
use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};

/// For how long a token is good.
pub const LIFETIME: TimeDelta = TimeDelta::hours(12);

/// A token for somebody with `scope`.
pub fn token(issuer: &DevIssuer, scope: Scope, now: DateTime<Utc>) -> Result<String> {
    let (name, id) = match scope {
        Scope::Trust(id) => ("mat-lead", id.to_string()),
        Scope::School(id) => ("dsl", id.to_string()),
        Scope::GovernedSchool(id) => ("governor", id.to_string()),
    };
    let subject: Subject = format!("demo-{name}-{id}").parse()?;
    Ok(issuer.mint(&subject, scope, now, LIFETIME))
}

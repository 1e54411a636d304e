//! The people of the demo, each with a token of the development issuer.

use access::{HeldRole, Subject, dev_issuer::DevIssuer};
use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};

/// For how long a token is good.
pub const LIFETIME: TimeDelta = TimeDelta::hours(12);

/// A token for somebody who holds `role`.
pub fn token(issuer: &DevIssuer, role: HeldRole, now: DateTime<Utc>) -> Result<String> {
    let subject: Subject = format!("demo-{}-{}", role.role, role.at.id()).parse()?;
    Ok(issuer.mint(&subject, role, now, LIFETIME))
}

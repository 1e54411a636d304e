//! Schools that are in the log already, always the same ones.

use access::{Caller, Scope};
use anyhow::Result;
use rand::RngExt;
use schema::SchoolId;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, postgres::PgConnectOptions};
use uuid::Uuid;

use crate::serving::ISSUER;

/// Writes events of so many schools, so many each, past `log.append`, which is not what is measured then.
pub async fn fill_the_log(database: &PgConnectOptions, schools: u32, each: u32) -> Result<()> {
    let mut owner = PgConnection::connect_with(database).await?;
    owner.execute(include_str!("../../../directory/tests/fill_the_log.sql")).await?;
    let fill = format!("SELECT pg_temp.fill_the_log({schools}, {each}); ANALYZE log.event");
    owner.execute(AssertSqlSafe(fill)).await?;
    owner.close().await?;
    Ok(())
}

/// One of so many, at random.
pub fn any_of(schools: u32) -> SchoolId {
    Uuid::from_u128(rand::rng().random_range(1..=schools).into()).into()
}

/// The school's own safeguarding lead, as the gateway knows one.
pub fn lead(school: SchoolId) -> Result<Caller> {
    let (subject, issuer) = ("lead".parse()?, ISSUER.parse()?);
    Ok(Caller { subject, issuer, scope: Scope::School(school) })
}

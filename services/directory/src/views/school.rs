//! `directory.school`, `school_urn` and `membership`: schools as they are, their URNs and trusts with their days.

use std::collections::HashMap;

use chrono::NaiveDate;
use eventlog::{At, ProjectionError};
use schema::{
    SchoolId, TrustId, Urn,
    directory::{JoinedTrust, LeftTrust, SchoolDetails, SchoolEvent, SchoolRegistered, UrnChanged},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::unreadable;

pub(super) async fn apply(
    connection: &mut PgConnection,
    at: At<'_>,
    event: SchoolEvent,
) -> Result<(), ProjectionError> {
    let school = at.record.school.ok_or_else(|| at.poison("expected a stream that a school owns"))?;
    match event {
        SchoolEvent::Registered(SchoolRegistered { urn, from, details, .. }) => {
            insert(connection, at, school, details).await?;
            begin_urn(connection, at, school, urn, from).await
        }
        SchoolEvent::Amended(amended) => amend(connection, at, school, amended.details).await,
        SchoolEvent::UrnChanged(UrnChanged { urn, from }) => {
            end_urn(connection, at, school, from).await?;
            begin_urn(connection, at, school, urn, from).await
        }
        SchoolEvent::JoinedTrust(joined) => join(connection, at, school, joined).await,
        SchoolEvent::LeftTrust(left) => leave(connection, at, school, left).await,
    }
}

async fn insert(
    c: &mut PgConnection,
    at: At<'_>,
    school: SchoolId,
    details: SchoolDetails,
) -> Result<(), ProjectionError> {
    let written = sqlx::query!(
        "INSERT INTO school (school_id, name, local_authority, phase, kind, status, pupils)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        Uuid::from(school),
        details.name,
        details.local_authority,
        details.phase,
        details.kind,
        details.status,
        pupils(at, details.pupils)?,
    );
    at.one_row(&written.execute(c).await?)
}

async fn amend(
    c: &mut PgConnection,
    at: At<'_>,
    school: SchoolId,
    details: SchoolDetails,
) -> Result<(), ProjectionError> {
    let written = sqlx::query!(
        "UPDATE school SET name = $2, local_authority = $3, phase = $4, kind = $5, status = $6, pupils = $7
         WHERE school_id = $1",
        Uuid::from(school),
        details.name,
        details.local_authority,
        details.phase,
        details.kind,
        details.status,
        pupils(at, details.pupils)?,
    );
    at.one_row(&written.execute(c).await?)
}

fn pupils(at: At<'_>, pupils: Option<u32>) -> Result<Option<i32>, ProjectionError> {
    pupils.map(|n| i32::try_from(n).map_err(|_| at.poison("expected fewer pupils"))).transpose()
}

async fn begin_urn(
    c: &mut PgConnection,
    at: At<'_>,
    school: SchoolId,
    urn: Urn,
    from: NaiveDate,
) -> Result<(), ProjectionError> {
    let written = sqlx::query!(
        "INSERT INTO school_urn (school_id, urn, from_day) VALUES ($1, $2, $3)",
        Uuid::from(school),
        column(urn).map_err(|_| at.poison("expected a URN of six digits"))?,
        from,
    );
    at.one_row(&written.execute(c).await?)
}

async fn end_urn(c: &mut PgConnection, at: At<'_>, school: SchoolId, to: NaiveDate) -> Result<(), ProjectionError> {
    let written = sqlx::query!(
        "UPDATE school_urn SET to_day = $2 WHERE school_id = $1 AND to_day IS NULL",
        Uuid::from(school),
        to,
    );
    at.one_row(&written.execute(c).await?)
}

/// A school that leaves a trust and joins it again on one day finds the row of its empty membership.
async fn join(c: &mut PgConnection, at: At<'_>, school: SchoolId, joined: JoinedTrust) -> Result<(), ProjectionError> {
    let written = sqlx::query!(
        "INSERT INTO membership (school_id, trust_id, from_day) VALUES ($1, $2, $3)
         ON CONFLICT (school_id, trust_id, from_day) DO UPDATE SET to_day = NULL",
        Uuid::from(school),
        Uuid::from(joined.trust),
        joined.from,
    );
    at.one_row(&written.execute(c).await?)
}

async fn leave(c: &mut PgConnection, at: At<'_>, school: SchoolId, left: LeftTrust) -> Result<(), ProjectionError> {
    let written = sqlx::query!(
        "UPDATE membership SET to_day = $3 WHERE school_id = $1 AND trust_id = $2 AND to_day IS NULL",
        Uuid::from(school),
        Uuid::from(left.trust),
        left.to,
    );
    at.one_row(&written.execute(c).await?)
}

/// Who goes, or went, by a URN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UrnHolder {
    /// The school.
    pub school: SchoolId,
    /// Whether it still goes by it.
    pub holds: bool,
}

/// Every URN that a school goes or went by.
pub async fn by_urn(connection: &mut PgConnection) -> Result<HashMap<Urn, UrnHolder>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT urn AS "urn!", school_id AS "school_id!", to_day IS NULL AS "holds!" FROM directory.school_urn"#
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let urn = u32::try_from(row.urn).map_err(unreadable)?;
            let holder = UrnHolder { school: row.school_id.into(), holds: row.holds };
            Ok((Urn::try_from(urn).map_err(unreadable)?, holder))
        })
        .collect()
}

/// The school that goes, or went, by `urn`.
pub async fn holder(connection: &mut PgConnection, urn: Urn) -> Result<Option<SchoolId>, sqlx::Error> {
    let school = sqlx::query_scalar!(
        r#"SELECT school_id AS "school_id!" FROM directory.school_urn WHERE urn = $1
           ORDER BY to_day IS NULL DESC, from_day DESC LIMIT 1"#,
        column(urn)?,
    );
    Ok(school.fetch_optional(connection).await?.map(SchoolId::from))
}

/// The trusts that a school belongs to on a day: one, or none.
pub async fn trusts_of(
    connection: &mut PgConnection,
    school: SchoolId,
    on: Option<NaiveDate>,
) -> Result<Vec<TrustId>, sqlx::Error> {
    let trusts = sqlx::query_scalar!(
        r#"SELECT DISTINCT trust_id AS "trust!" FROM directory.membership
           WHERE school_id = $1 AND ($2::date IS NULL OR from_day <= $2 AND (to_day IS NULL OR $2 < to_day))"#,
        Uuid::from(school),
        on,
    );
    Ok(trusts.fetch_all(connection).await?.into_iter().map(TrustId::from).collect())
}

/// Every school that belongs or belonged to a trust.
pub async fn schools_of(connection: &mut PgConnection, trust: TrustId) -> Result<Vec<SchoolId>, sqlx::Error> {
    let schools = sqlx::query_scalar!(
        r#"SELECT DISTINCT school_id AS "school!" FROM directory.membership WHERE trust_id = $1"#,
        Uuid::from(trust),
    );
    Ok(schools.fetch_all(connection).await?.into_iter().map(SchoolId::from).collect())
}

/// The schools that belong to a trust on a day.
pub async fn schools_on(
    connection: &mut PgConnection,
    trust: TrustId,
    on: NaiveDate,
) -> Result<Vec<SchoolId>, sqlx::Error> {
    let schools = sqlx::query_scalar!(
        r#"SELECT school_id AS "school!" FROM directory.membership
           WHERE trust_id = $1 AND from_day <= $2 AND (to_day IS NULL OR $2 < to_day)"#,
        Uuid::from(trust),
        on,
    );
    Ok(schools.fetch_all(connection).await?.into_iter().map(SchoolId::from).collect())
}

fn column(urn: Urn) -> Result<i32, sqlx::Error> {
    i32::try_from(u32::from(urn)).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}

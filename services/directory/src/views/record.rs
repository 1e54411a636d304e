//! A school's record: all that the directory knows of one school, now or as of an instant.

use std::{iter, sync::Arc};

use chrono::{DateTime, NaiveDate, Utc};
use eventlog::{AsOfError, Owner, Stream, StreamError};
use schema::{
    KeyId, SchoolId, TrustId, Urn,
    directory::{SchoolDetails, SchoolEvent},
};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{DirectoryView, unreadable};
use crate::commands::school_stream;

/// What is known of a school. Days are London days; a period holds up to, and not including, its last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What the register says of it.
    pub details: SchoolDetails,
    /// Every URN that it goes or went by, the oldest first.
    pub urns: Vec<Period<Urn>>,
    /// Every trust that it belongs or belonged to, the oldest first.
    pub memberships: Vec<Period<Trust>>,
    /// Its filters by name, and how each one's category labels are read.
    pub sources: Vec<(String, String)>,
    /// Every key of its filters, the oldest first.
    pub keys: Vec<Key>,
}

/// A fact with its days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period<T> {
    /// What holds.
    pub of: T,
    /// From this day on.
    pub from: NaiveDate,
    /// Up to, and not including, this day; none while it holds.
    pub to: Option<NaiveDate>,
}

/// A trust that a school belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// The trust.
    pub trust: TrustId,
    /// Its name, if it was registered.
    pub name: Option<String>,
}

/// An ingest key, which itself is known to nobody here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its public id.
    pub key: KeyId,
    /// The filter that it was issued to.
    pub source: String,
    /// Since when it is accepted.
    pub issued_at: DateTime<Utc>,
    /// Since when it is refused.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// A school's record; none if it is not registered.
pub async fn of(connection: &mut PgConnection, school: SchoolId) -> Result<Option<Record>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT name AS "name!", local_authority AS "local_authority!", phase AS "phase!", kind AS "kind!",
                  status AS "status!", pupils FROM school WHERE school_id = $1"#,
        Uuid::from(school),
    );
    let Some(row) = row.fetch_optional(&mut *connection).await? else { return Ok(None) };
    let details = SchoolDetails {
        name: row.name,
        local_authority: row.local_authority,
        phase: row.phase,
        kind: row.kind,
        status: row.status,
        pupils: row.pupils.map(u32::try_from).transpose().map_err(unreadable)?,
    };
    Ok(Some(Record {
        details,
        urns: urns(connection, school).await?,
        memberships: memberships(connection, school).await?,
        sources: sources(connection, school).await?,
        keys: keys(connection, school).await?,
    }))
}

/// The same as it was known at an instant: by what had been recorded by then, whenever it happened.
pub async fn as_of(pool: &PgPool, school: SchoolId, at: DateTime<Utc>) -> Result<Option<Record>, AsOfError> {
    // A membership is never forgotten, so the trusts of any earlier instant are among those of now.
    let trusts = sqlx::query_scalar!(
        r#"SELECT DISTINCT trust_id AS "trust!" FROM membership WHERE school_id = $1"#,
        Uuid::from(school),
    );
    let trusts = trusts.fetch_all(pool).await?.into_iter().map(|trust| Owner::Trust(trust.into()));
    let owners: Vec<Owner> = iter::once(Owner::School(school)).chain(trusts).collect();
    eventlog::as_of(pool, Arc::new(DirectoryView), &owners, at, move |view| Box::pin(of(view, school))).await
}

/// Since when anything is known of a school.
pub async fn known_since(
    connection: &mut PgConnection,
    school: SchoolId,
) -> Result<Option<DateTime<Utc>>, StreamError> {
    let Stream { owner, name } = school_stream(school);
    let events = eventlog::load::<SchoolEvent>(connection, owner, &name).await?;
    Ok(events.first().map(|stored| stored.recorded_at))
}

async fn urns(c: &mut PgConnection, school: SchoolId) -> Result<Vec<Period<Urn>>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT urn AS "urn!", from_day AS "from_day!", to_day FROM school_urn WHERE school_id = $1
           ORDER BY from_day, to_day, urn"#,
        Uuid::from(school),
    );
    let rows = rows.fetch_all(c).await?.into_iter();
    rows.map(|row| {
        let urn = u32::try_from(row.urn).map_err(unreadable)?;
        Ok(Period { of: Urn::try_from(urn).map_err(unreadable)?, from: row.from_day, to: row.to_day })
    })
    .collect()
}

async fn memberships(c: &mut PgConnection, school: SchoolId) -> Result<Vec<Period<Trust>>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT m.trust_id AS "trust_id!", t.name AS "name?", m.from_day AS "from_day!", m.to_day
           FROM membership m LEFT JOIN trust t ON t.trust_id = m.trust_id WHERE m.school_id = $1
           ORDER BY m.from_day, m.to_day, m.trust_id"#,
        Uuid::from(school),
    );
    let rows = rows.fetch_all(c).await?.into_iter().map(|row| Period {
        of: Trust { trust: row.trust_id.into(), name: row.name },
        from: row.from_day,
        to: row.to_day,
    });
    Ok(rows.collect())
}

async fn sources(c: &mut PgConnection, school: SchoolId) -> Result<Vec<(String, String)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT name AS "name!", vocabulary AS "vocabulary!" FROM source WHERE school_id = $1
           ORDER BY name, source_id"#,
        Uuid::from(school),
    );
    Ok(rows.fetch_all(c).await?.into_iter().map(|row| (row.name, row.vocabulary)).collect())
}

async fn keys(c: &mut PgConnection, school: SchoolId) -> Result<Vec<Key>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT k.key_id AS "key_id!", s.name AS "source!", k.issued_at AS "issued_at!", k.revoked_at
           FROM ingest_key k JOIN source s ON s.source_id = k.source_id WHERE k.school_id = $1
           ORDER BY k.issued_at, k.key_id"#,
        Uuid::from(school),
    );
    let rows = rows.fetch_all(c).await?.into_iter().map(|row| Key {
        key: row.key_id.into(),
        source: row.source,
        issued_at: row.issued_at,
        revoked_at: row.revoked_at,
    });
    Ok(rows.collect())
}

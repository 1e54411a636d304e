//! `filtering.forgetting`: the names that are to be forgotten, must not be (R276), or are.

use std::collections::BTreeMap;

use eventlog::{At, ProjectionError};
use schema::{
    PseudonymId, SchoolId,
    filtering::PseudonymEvent,
    people::{ForgettingGround, HoldReason},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{school, word};

/// A name of which something is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgetting {
    /// The name's pseudonym.
    pub pseudonym: PseudonymId,
    /// Why it is proposed to forget it, or was.
    pub ground: Option<ForgettingGround>,
    /// Who proposed it, as the log knows them.
    pub proposer: Option<String>,
    /// Why it must not be forgotten.
    pub hold: Option<HoldReason>,
    /// Whether it is forgotten.
    pub forgotten: bool,
}

pub(super) async fn apply(c: &mut PgConnection, at: At<'_>, event: PseudonymEvent) -> Result<(), ProjectionError> {
    let name = at.record.stream.strip_prefix("pseudonym-").and_then(|name| name.parse::<PseudonymId>().ok());
    let name = i64::from(name.ok_or_else(|| at.poison("expected a stream pseudonym-<16 hex digits>"))?);
    let school = school(at)?;
    let written = match event {
        PseudonymEvent::ForgettingProposed(proposed) => {
            sqlx::query!(
                "INSERT INTO forgetting (school_id, pseudonym, ground, proposer) VALUES ($1, $2, $3, $4)",
                school,
                name,
                proposed.ground.as_str(),
                proposed.by,
            )
            .execute(c)
            .await?
        }
        PseudonymEvent::HoldPlaced(placed) => {
            sqlx::query!(
                "INSERT INTO forgetting (school_id, pseudonym, hold) VALUES ($1, $2, $3)
                 ON CONFLICT (school_id, pseudonym) DO UPDATE SET hold = excluded.hold, ground = NULL, proposer = NULL",
                school,
                name,
                placed.reason.as_str(),
            )
            .execute(c)
            .await?
        }
        PseudonymEvent::ForgettingWithdrawn(_) | PseudonymEvent::HoldLifted(_) => {
            sqlx::query!("DELETE FROM forgetting WHERE school_id = $1 AND pseudonym = $2", school, name)
                .execute(c)
                .await?
        }
        PseudonymEvent::Forgotten(_) => {
            sqlx::query!("UPDATE forgetting SET forgotten = true WHERE school_id = $1 AND pseudonym = $2", school, name)
                .execute(c)
                .await?
        }
    };
    at.one_row(&written)
}

/// The names of a school that are to be forgotten, that must not be, and those that are. Row-level security cuts them to the
/// reader's school.
pub async fn forgettings(connection: &mut PgConnection, school: SchoolId) -> Result<Vec<Forgetting>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT pseudonym AS "pseudonym!", ground, proposer, hold, forgotten AS "forgotten!"
           FROM filtering.forgetting WHERE school_id = $1 ORDER BY forgotten, pseudonym"#,
        Uuid::from(school),
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Forgetting {
                pseudonym: row.pseudonym.into(),
                ground: row.ground.as_deref().map(word).transpose()?,
                proposer: row.proposer,
                hold: row.hold.as_deref().map(word).transpose()?,
                forgotten: row.forgotten,
            })
        })
        .collect()
}

/// All that are forgotten, by school.
pub(crate) async fn forgotten(
    connection: &mut PgConnection,
) -> Result<BTreeMap<SchoolId, Vec<PseudonymId>>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT school_id AS "school_id!", pseudonym AS "pseudonym!" FROM filtering.forgetting WHERE forgotten"#
    );
    let mut forgotten: BTreeMap<SchoolId, Vec<PseudonymId>> = BTreeMap::new();
    for row in rows.fetch_all(connection).await? {
        forgotten.entry(row.school_id.into()).or_default().push(row.pseudonym.into());
    }
    Ok(forgotten)
}

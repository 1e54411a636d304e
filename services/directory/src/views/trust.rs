//! `directory.trust`: every trust under its present name.

use std::collections::HashMap;

use eventlog::{At, ProjectionError};
use schema::{
    TrustId, TrustUid,
    directory::{TrustEvent, TrustRegistered, TrustRenamed},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::unreadable;

pub(super) async fn apply(connection: &mut PgConnection, at: At<'_>, event: TrustEvent) -> Result<(), ProjectionError> {
    let written = match event {
        TrustEvent::Registered(TrustRegistered { trust, uid, name }) => {
            sqlx::query!(
                "INSERT INTO trust (trust_id, uid, name) VALUES ($1, $2, $3)",
                Uuid::from(trust),
                String::from(uid),
                name,
            )
            .execute(connection)
            .await?
        }
        TrustEvent::Renamed(TrustRenamed { name }) => {
            let trust = at.record.trust.ok_or_else(|| at.poison("expected a stream that a trust owns"))?;
            sqlx::query!("UPDATE trust SET name = $2 WHERE trust_id = $1", Uuid::from(trust), name)
                .execute(connection)
                .await?
        }
    };
    at.one_row(&written)
}

/// Every trust by its uid in the register.
pub async fn by_uid(connection: &mut PgConnection) -> Result<HashMap<TrustUid, TrustId>, sqlx::Error> {
    let rows = sqlx::query!(r#"SELECT uid AS "uid!", trust_id AS "trust_id!" FROM directory.trust"#)
        .fetch_all(connection)
        .await?;
    rows.into_iter().map(|row| Ok((TrustUid::try_from(row.uid).map_err(unreadable)?, row.trust_id.into()))).collect()
}

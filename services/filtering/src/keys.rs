//! The keys that filtering's records name: of each name that is sealed, and of each filter that sent something of nobody's.

use std::collections::BTreeMap;

use schema::{DataKeyId, PseudonymId};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;
use web::left_over::Named;

/// See [`Named`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct OfNames;

impl Named for OfNames {
    async fn of(&self, pool: &PgPool, school: Uuid) -> Result<Vec<DataKeyId>, sqlx::Error> {
        let named = of_names(&mut *pool.acquire().await?, Some(school)).await?;
        Ok(named.into_values().flatten().collect())
    }
}

/// Those of all schools.
pub async fn named(connection: &mut PgConnection) -> Result<BTreeMap<Uuid, Vec<DataKeyId>>, sqlx::Error> {
    of_names(connection, None).await
}

async fn of_names(
    connection: &mut PgConnection,
    school: Option<Uuid>,
) -> Result<BTreeMap<Uuid, Vec<DataKeyId>>, sqlx::Error> {
    let sealed = sqlx::query!(
        "SELECT school_id, pseudonym FROM filtering.pseudonym
         WHERE sealed IS NOT NULL AND ($1::uuid IS NULL OR school_id = $1)",
        school,
    );
    let sealed = sealed.fetch_all(&mut *connection).await?.into_iter();
    let sealed = sealed.map(|row| (row.school_id, PseudonymId::from(row.pseudonym).into()));
    let sources = sqlx::query!(
        r#"SELECT DISTINCT school_id AS "school_id!", source_id AS "source_id!" FROM filtering.flagged_event
           WHERE is_sealed AND num_nonnulls(user_is, device_is, address_is) = 0 AND ($1::uuid IS NULL OR school_id = $1)"#,
        school,
    );
    let sources = sources.fetch_all(connection).await?.into_iter();
    let mut named: BTreeMap<Uuid, Vec<DataKeyId>> = BTreeMap::new();
    for (school, key) in sealed.chain(sources.map(|row| (row.school_id, DataKeyId::from(row.source_id)))) {
        named.entry(school).or_default().push(key);
    }
    Ok(named)
}

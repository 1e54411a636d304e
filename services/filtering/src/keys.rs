//! The keys that filtering's records name: of each name that is sealed or of which something is, and of each filter that sent
//! something of nobody's.

use std::collections::{BTreeMap, BTreeSet};

use schema::{DataKeyId, PseudonymId, SchoolId};
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

/// Whether the records name any of these keys of a school: of a name that is sealed, or else of something that was asked for.
pub(crate) async fn names_any(
    pool: &PgPool,
    school: SchoolId,
    keys: &BTreeSet<DataKeyId>,
) -> Result<bool, sqlx::Error> {
    let pseudonyms: Vec<i64> = keys.iter().filter_map(|key| key.pseudonym()).map(i64::from).collect();
    let ids: Vec<Uuid> = keys.iter().copied().map(Uuid::from).collect();
    let mut connection = pool.acquire().await?;
    let of_names = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM filtering.pseudonym
                          WHERE school_id = $1 AND pseudonym = ANY ($2) AND sealed IS NOT NULL) AS "named!""#,
        Uuid::from(school),
        &pseudonyms,
    );
    if of_names.fetch_one(&mut *connection).await? {
        return Ok(true);
    }
    let of_events = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM filtering.flagged_event
                          WHERE school_id = $1 AND is_sealed
                            AND (coalesce(user_is, device_is, address_is) = ANY ($2)
                                 OR num_nonnulls(user_is, device_is, address_is) = 0 AND source_id = ANY ($3))) AS "named!""#,
        Uuid::from(school),
        &pseudonyms,
        &ids,
    );
    of_events.fetch_one(&mut *connection).await
}

/// Those of all schools.
pub async fn named(connection: &mut PgConnection) -> Result<BTreeMap<Uuid, Vec<DataKeyId>>, sqlx::Error> {
    of_names(connection, None).await
}

async fn of_names(
    connection: &mut PgConnection,
    school: Option<Uuid>,
) -> Result<BTreeMap<Uuid, Vec<DataKeyId>>, sqlx::Error> {
    let pseudonyms = sqlx::query!(
        r#"SELECT school_id AS "school_id!", pseudonym AS "pseudonym!" FROM filtering.pseudonym
           WHERE sealed IS NOT NULL AND ($1::uuid IS NULL OR school_id = $1)
           UNION
           SELECT e.school_id, p.pseudonym
           FROM (SELECT DISTINCT school_id, coalesce(user_is, device_is, address_is) AS whose FROM filtering.flagged_event
                 WHERE is_sealed AND ($1::uuid IS NULL OR school_id = $1)) e
           -- Of whoever is forgotten there is no row.
           JOIN filtering.pseudonym p ON p.school_id = e.school_id AND p.pseudonym = e.whose"#,
        school,
    );
    let pseudonyms = pseudonyms.fetch_all(&mut *connection).await?.into_iter();
    let pseudonyms = pseudonyms.map(|row| (row.school_id, PseudonymId::from(row.pseudonym).into()));
    let sources = sqlx::query!(
        r#"SELECT DISTINCT school_id AS "school_id!", source_id AS "source_id!" FROM filtering.flagged_event
           WHERE is_sealed AND num_nonnulls(user_is, device_is, address_is) = 0 AND ($1::uuid IS NULL OR school_id = $1)"#,
        school,
    );
    let sources = sources.fetch_all(connection).await?.into_iter();
    let mut named: BTreeMap<Uuid, Vec<DataKeyId>> = BTreeMap::new();
    for (school, key) in pseudonyms.chain(sources.map(|row| (row.school_id, DataKeyId::from(row.source_id)))) {
        named.entry(school).or_default().push(key);
    }
    Ok(named)
}

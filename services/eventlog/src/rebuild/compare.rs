//! Whether two generations of a view hold the same rows.

use std::{collections::BTreeMap, time::Duration};

use sqlx::{AssertSqlSafe, PgConnection, Row};
use tokio::time::Instant;

use super::{Rebuild, RebuildError, checkpoints, fold_up_to, pairs, schema_of};
use crate::{Behind, Partition, Projection};

/// How long the shown view may take to come as far as the rebuilt one.
const CATCHES_UP: Duration = Duration::from_secs(10);

/// A table whose rows differ between what is shown and what was rebuilt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The table.
    pub table: String,
    /// Its rows as shown; none if the table is not there.
    pub shown: Option<i64>,
    /// Its rows as rebuilt.
    pub rebuilt: Option<i64>,
}

impl<P: Projection> Rebuild<'_, P> {
    /// Compares it with what is shown, both at the same offsets; which tables differ. Neither is held up.
    pub async fn compare(&self) -> Result<Vec<Difference>, RebuildError> {
        let began = Instant::now();
        loop {
            let mut shown = self.shown.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
            no_timeouts(&mut shown).await?;
            let at = checkpoints(&mut shown, P::NAME).await?;
            if let Some(partition) = self.reach(&at).await? {
                // It is ahead of what is shown, which catches up in a moment.
                shown.rollback().await?;
                if began.elapsed() > CATCHES_UP {
                    return Err(RebuildError::ShownIsBehind { view: P::NAME, partition });
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
            let of_shown = sqlx::query_scalar!(
                r#"SELECT generation FROM log.generation WHERE view = $1 AND state = 'shown'"#,
                P::NAME
            );
            let of_shown = of_shown.fetch_one(&mut *shown).await?;
            let was = schema_of(&mut shown, P::NAME, of_shown).await?;
            let mut filled = self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
            no_timeouts(&mut filled).await?;
            let is = schema_of(&mut filled, P::NAME, self.generation).await?;
            let before = fingerprint(&mut shown, &was).await?;
            return Ok(differences(&before, &fingerprint(&mut filled, &is).await?));
        }
    }

    /// Folds up to exactly `at`, unless some partition is beyond it already: that one.
    async fn reach(&self, at: &[Behind]) -> Result<Option<Partition>, RebuildError> {
        let reached = checkpoints(&mut *self.pool.acquire().await?, &self.name).await?;
        if let Some((beyond, _)) = pairs(&reached, at).find(|(from, to)| from.offset > *to) {
            return Ok(Some(beyond.partition));
        }
        fold_up_to(&self.pool, self.projection, &self.name, &reached, at).await?;
        Ok(None)
    }
}

/// A comparison reads whole tables, one generation's while the other's transaction waits.
async fn no_timeouts(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "SELECT set_config('idle_in_transaction_session_timeout', '0', true) AS idle,
                set_config('statement_timeout', '0', true) AS statement"
    )
    .fetch_one(connection)
    .await
    .map(|_| ())
}

/// What a table holds: how many rows, and the sum of their 64-bit hashes, the same for the same rows in any order.
#[derive(Debug, PartialEq, Eq)]
struct Content {
    rows: i64,
    hashes: String,
    /// A partition: a view's memory of a time, which one generation may have dropped by now.
    is_partition: bool,
}

type Fingerprint = BTreeMap<String, Content>;

async fn fingerprint(connection: &mut PgConnection, schema: &str) -> Result<Fingerprint, sqlx::Error> {
    let tables = sqlx::query!(
        r#"SELECT c.relname::text AS "name!", format('%I', c.relname) AS "quoted!", c.relispartition AS is_partition,
                  c.relkind = 'r' AS "has_rows!"
           FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname = $1 AND c.relkind IN ('r', 'p')"#,
        schema,
    )
    .fetch_all(&mut *connection)
    .await?;
    let empty = |is_partition| Content { rows: 0, hashes: "0".to_owned(), is_partition };
    let with_rows = tables.iter().filter(|table| table.has_rows);
    let mut fingerprint: Fingerprint = with_rows.map(|table| (table.name.clone(), empty(table.is_partition))).collect();
    for table in tables.iter().filter(|table| !table.is_partition) {
        // A partition is read through its table, to which the grants are. Both names are the catalogue's own.
        let sql = format!(
            "SELECT (SELECT c.relname::text FROM pg_class c WHERE c.oid = t.tableoid), count(*),
                    sum(hashtextextended(t::text, 0)::numeric)::text
             FROM {schema}.{} t GROUP BY t.tableoid",
            table.quoted
        );
        for row in sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *connection).await? {
            if let Some(content) = fingerprint.get_mut(&row.try_get::<String, _>(0)?) {
                (content.rows, content.hashes) = (row.try_get(1)?, row.try_get(2)?);
            }
        }
    }
    Ok(fingerprint)
}

/// The tables that differ; a partition that only one has is none.
fn differences(shown: &Fingerprint, rebuilt: &Fingerprint) -> Vec<Difference> {
    let added = rebuilt.keys().filter(|table| !shown.contains_key(*table));
    let differing = shown.keys().chain(added).filter(|table| match (shown.get(*table), rebuilt.get(*table)) {
        (Some(shown), Some(rebuilt)) => shown != rebuilt,
        (Some(only), None) | (None, Some(only)) => !only.is_partition,
        (None, None) => false,
    });
    let rows = |fingerprint: &Fingerprint, table| fingerprint.get(table).map(|content| content.rows);
    differing
        .map(|table| Difference { table: table.clone(), shown: rows(shown, table), rebuilt: rows(rebuilt, table) })
        .collect()
}

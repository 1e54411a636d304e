//! Whether two generations of a view hold the same rows.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, PgConnection, Row};

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

/// Tables partitioned by day are a view's memory and not compared: how far back one reaches depends on when it was made.
/// Per table, how many rows it has and the sum of their 64-bit hashes: the same for the same rows in any order.
pub(super) type Fingerprint = BTreeMap<String, (i64, String)>;

pub(super) async fn of(connection: &mut PgConnection, schema: &str) -> Result<Fingerprint, sqlx::Error> {
    let tables = sqlx::query_scalar!(
        r#"SELECT format('%I', c.relname) AS "table!" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname = $1 AND c.relkind = 'r' AND NOT c.relispartition"#,
        schema,
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut fingerprint = Fingerprint::new();
    for table in tables {
        // Both names are the catalogue's own.
        let sql = format!(
            "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text FROM {schema}.{table} t"
        );
        let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(&mut *connection).await?;
        fingerprint.insert(table, (row.try_get(0)?, row.try_get(1)?));
    }
    Ok(fingerprint)
}

pub(super) fn differences(shown: &Fingerprint, rebuilt: &Fingerprint) -> Vec<Difference> {
    let added = rebuilt.keys().filter(|table| !shown.contains_key(*table)).cloned().collect::<Vec<_>>();
    let tables = shown.keys().cloned().chain(added);
    let differing = tables.filter(|table| shown.get(table) != rebuilt.get(table));
    let rows = |fingerprint: &Fingerprint, table: &String| fingerprint.get(table).map(|(rows, _)| *rows);
    differing.map(|table| Difference { shown: rows(shown, &table), rebuilt: rows(rebuilt, &table), table }).collect()
}

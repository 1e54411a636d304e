//! Months of filtering, as published: exact for a school's own staff, rounded for everyone above and beside it.

use std::collections::BTreeMap;

use schema::{Month, SchoolId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::figures::{Cell, Precision};

/// The cells of `schools` in `month`, by school; a school of which nothing was counted is absent.
pub async fn of(
    connection: &mut PgConnection,
    schools: &[Uuid],
    month: Month,
    precision: Precision,
) -> Result<BTreeMap<SchoolId, Vec<Cell>>, sqlx::Error> {
    let rows = match precision {
        Precision::Exact => exact(connection, schools, month).await?,
        Precision::RoundedTo5 => rounded(connection, schools, month).await?,
    };
    let mut by_school: BTreeMap<SchoolId, Vec<Cell>> = BTreeMap::new();
    for Row { school_id, category, requests, blocks } in rows {
        // The tables hold canonical words only; one of a later version would be no figure of this one.
        if let Ok(category) = category.parse() {
            by_school.entry(school_id.into()).or_default().push(Cell { category, requests, blocks });
        }
    }
    Ok(by_school)
}

struct Row {
    school_id: Uuid,
    category: String,
    requests: i64,
    blocks: i64,
}

async fn exact(connection: &mut PgConnection, schools: &[Uuid], month: Month) -> Result<Vec<Row>, sqlx::Error> {
    sqlx::query_as!(
        Row,
        r#"SELECT school_id AS "school_id!", category AS "category!", sum(events)::bigint AS "requests!",
                  coalesce(sum(events) FILTER (WHERE action = 'blocked'), 0)::bigint AS "blocks!"
           FROM published.filter_month_v1 WHERE school_id = ANY($1) AND month = $2 GROUP BY school_id, category"#,
        schools,
        month.first_day(),
    )
    .fetch_all(connection)
    .await
}

async fn rounded(connection: &mut PgConnection, schools: &[Uuid], month: Month) -> Result<Vec<Row>, sqlx::Error> {
    sqlx::query_as!(
        Row,
        r#"SELECT school_id AS "school_id!", category AS "category!", requests AS "requests!", blocks AS "blocks!"
           FROM published.filter_month_rounded_v1 WHERE school_id = ANY($1) AND month = $2"#,
        schools,
        month.first_day(),
    )
    .fetch_all(connection)
    .await
}

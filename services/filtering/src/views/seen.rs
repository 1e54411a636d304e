//! The ids of events already counted: 64-bit keyed hashes, by the day on which they arrived.

use std::collections::HashSet;

use chrono::{Days, NaiveDate};
use schema::SourceId;
use sqlx::PgConnection;
use uuid::Uuid;

/// For how many days an id is remembered (design: an id seen again within 8 days changes no count).
const REMEMBERED: Days = Days::new(8);

/// Remembers `ids`, which `source` sent on `day`, and returns those that it had not sent in the 8 days before.
pub(super) async fn remember(
    connection: &mut PgConnection,
    source: SourceId,
    day: NaiveDate,
    ids: &[i64],
) -> Result<HashSet<i64>, sqlx::Error> {
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let source = Uuid::from(source);
    let mut unseen: HashSet<i64> = ids.iter().copied().collect();
    // Days are made 14 ahead: without an upper bound every one of them would be asked too. The day after is asked for a
    // clock that was set back across midnight.
    let known = sqlx::query_scalar!(
        r#"SELECT event_hash AS "event_hash!" FROM seen
           WHERE source_id = $1 AND event_hash = ANY($2) AND day BETWEEN $3 AND $4"#,
        source,
        ids,
        day - REMEMBERED,
        day + Days::new(1),
    )
    .fetch_all(&mut *connection)
    .await?;
    for id in known {
        unseen.remove(&id);
    }
    let mut sorted: Vec<i64> = unseen.iter().copied().collect();
    sorted.sort_unstable();
    sqlx::query!(
        "INSERT INTO seen (source_id, event_hash, day) SELECT $1, unnest($2::bigint[]), $3",
        source,
        &sorted,
        day
    )
    .execute(connection)
    .await?;
    Ok(unseen)
}

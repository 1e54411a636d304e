//! What the log stands on: the server's clock, and the days that are ready to be written to.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;

use super::{Finding, or_ok};

const CLOCK: &str = "clock";
const DAYS: &str = "days";

/// How far the two clocks may be apart: without a word, and at all.
const SKEW: (TimeDelta, TimeDelta) = (TimeDelta::seconds(1), TimeDelta::seconds(30));

pub(super) async fn clock(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<Vec<Finding>, sqlx::Error> {
    let theirs = sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "theirs!""#).fetch_one(connection).await?.to_utc();
    let (apart, way) = if theirs > now { (theirs - now, "ahead of") } else { (now - theirs, "behind") };
    let found = format!("PostgreSQL is {} ms {way} this process", apart.num_milliseconds());
    Ok(vec![if apart <= SKEW.0 {
        Finding::ok(CLOCK, found)
    } else if apart <= SKEW.1 {
        Finding::warning(CLOCK, format!("{found}: see that both machines follow a time server"))
    } else {
        Finding::wrong(CLOCK, format!("{found}: set the clocks right before anything more is recorded"))
    }])
}

/// The day partitions of payloads, and of what the counts keep by the day in every generation, today and for a week.
pub(super) async fn days(connection: &mut PgConnection) -> Result<Vec<Finding>, sqlx::Error> {
    let tables = sqlx::query!(
        r#"SELECT parent::regclass::text AS "table!", count(*) FILTER (WHERE child IS NULL) AS "missing!",
                  min(day) FILTER (WHERE child IS NULL) AS first, bool_or(child IS NULL AND n = 0) AS "today!"
           FROM (SELECT 'telemetry.payload'::regclass UNION ALL SELECT telemetry.tables_by_day('seen')
                 UNION ALL SELECT telemetry.tables_by_day('flagged_event')) AS t (parent)
           CROSS JOIN generate_series(0, 7) AS n
           CROSS JOIN LATERAL (SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date + n) AS d (day)
           LEFT JOIN LATERAL (SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                              WHERE i.inhparent = parent AND right(c.relname, 8) = to_char(day, 'YYYYMMDD')) AS p (child)
               ON true
           GROUP BY parent ORDER BY 1"#
    );
    let missing = tables.fetch_all(connection).await?.into_iter().filter_map(|row| {
        let first = row.first?;
        let found =
            format!("{} has no place for {} of the 8 days from today, the first {first}", row.table, row.missing);
        Some(if row.today {
            Finding::wrong(DAYS, format!("{found}, which is today: start any `wardlog serve`, which makes the days"))
        } else {
            Finding::warning(DAYS, format!("{found}: see why no `wardlog serve` has made them (it tries every hour)"))
        })
    });
    Ok(or_ok(missing.collect(), DAYS, "payloads and ids seen have a place for today and the next 7 days"))
}

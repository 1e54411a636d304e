//! Whether the logs keep their promises: dense offsets, dense versions, time that never runs back, unbroken chains.

use sqlx::PgConnection;

use super::{Finding, or_ok};

const GAPS: &str = "gaps";
const STREAMS: &str = "streams";
const CHAINS: &str = "hash chains";

/// What to do about a log that is not as it was written: nothing here can mend it.
const RESTORE: &str = "keep this database as evidence, find out who wrote to it, and restore the log from a backup";

/// Where a partition's first record is not 1, or one does not follow the one before it.
pub(super) async fn gaps(connection: &mut PgConnection) -> Result<Vec<Finding>, sqlx::Error> {
    // An array of numbers sorts as its numbers do: the least is the first place. The same in the queries below.
    let logs = sqlx::query!(
        r#"SELECT log AS "log!", count(*) AS "records!", count(*) FILTER (WHERE found <> expected) AS "gaps!",
                  min(ARRAY[partition, expected, found]) FILTER (WHERE found <> expected) AS first
           FROM (SELECT 'log.event' AS log, partition::bigint, "offset" AS found,
                        coalesce(lag("offset") OVER (PARTITION BY partition ORDER BY "offset"), 0) + 1 AS expected
                 FROM log.event
                 UNION ALL
                 SELECT 'telemetry.batch', partition, "offset",
                        coalesce(lag("offset") OVER (PARTITION BY partition ORDER BY "offset"), 0) + 1
                 FROM telemetry.batch) AS record
           GROUP BY log ORDER BY log"#
    );
    let logs = logs.fetch_all(connection).await?;
    let checked: i64 = logs.iter().map(|log| log.records).sum();
    let gaps = logs.into_iter().filter_map(|log| {
        let [partition, expected, found] = log.first?.try_into().ok()?;
        Some(Finding::wrong(
            GAPS,
            format!(
                "{} has {} gaps, the first in partition {partition}: expected offset {expected}, found {found}: {RESTORE}",
                log.log, log.gaps
            ),
        ))
    });
    Ok(or_ok(gaps.collect(), GAPS, format!("{checked} records of both logs, each after the one before it")))
}

/// Where a stream's version does not follow the one before it, or an event was recorded before its predecessor.
pub(super) async fn streams(connection: &mut PgConnection) -> Result<Vec<Finding>, sqlx::Error> {
    let log = sqlx::query!(
        r#"SELECT count(*) AS "events!", count(*) FILTER (WHERE version = 1) AS "streams!",
                  min(ARRAY[partition, "offset", expected, version]) FILTER (WHERE version <> expected) AS missing,
                  min(ARRAY[partition, "offset"]) FILTER (WHERE recorded_at < before) AS back
           FROM (SELECT partition::bigint, "offset", version, recorded_at,
                        coalesce(lag(version) OVER (PARTITION BY partition, stream ORDER BY "offset"), 0) + 1 AS expected,
                        lag(recorded_at) OVER (PARTITION BY partition ORDER BY "offset") AS before
                 FROM log.event) AS event"#
    );
    let log = log.fetch_one(connection).await?;
    let missing = log.missing.and_then(|at| {
        let [partition, offset, expected, version] = at.try_into().ok()?;
        Some(format!(
            "the stream of offset {offset} of partition {partition} goes on with version {version}, not {expected}"
        ))
    });
    let back = log.back.and_then(|at| {
        let [partition, offset] = at.try_into().ok()?;
        Some(format!("offset {offset} of partition {partition} was recorded before the event that it follows"))
    });
    let broken =
        [missing, back].into_iter().flatten().map(|found| Finding::wrong(STREAMS, format!("{found}: {RESTORE}")));
    let well = format!("{} streams of {} events, their versions and times in order", log.streams, log.events);
    Ok(or_ok(broken.collect(), STREAMS, well))
}

/// Where an event does not continue the hash before it in its stream, or is not what its own hash says.
pub(super) async fn chains(connection: &mut PgConnection) -> Result<Vec<Finding>, sqlx::Error> {
    let log = sqlx::query!(
        r#"SELECT count(*) AS "events!", count(*) FILTER (WHERE torn) AS "torn!", count(*) FILTER (WHERE altered) AS "altered!",
                  min(place) FILTER (WHERE torn) AS first_torn, min(place) FILTER (WHERE altered) AS first_altered
           FROM (SELECT ARRAY[e.partition, e."offset"] AS place,
                        e.previous_hash <> coalesce(lag(e.hash) OVER (PARTITION BY e.partition, e.stream ORDER BY e.version),
                                                    decode(repeat('00', 32), 'hex')) AS torn,
                        e.hash <> log.event_hash(e.previous_hash, e.owner_id, e.stream, e.version, e.type, e.type_version,
                                                 e.actor, e.occurred_at, e.recorded_at, e.command_id, e.payload) AS altered
                 FROM log.event e) AS event"#
    );
    let log = log.fetch_one(connection).await?;
    let kinds = [
        (log.torn, log.first_torn, "do not continue their stream's chain"),
        (log.altered, log.first_altered, "are not what their hash says"),
    ];
    let broken = kinds.into_iter().filter_map(|(count, first, what)| {
        let [partition, offset] = first?.try_into().ok()?;
        let found =
            format!("{count} of {} events {what}, the first at offset {offset} of partition {partition}", log.events);
        Some(Finding::wrong(CHAINS, format!("{found}: {RESTORE}")))
    });
    Ok(or_ok(broken.collect(), CHAINS, format!("{} events, every hash computed again", log.events)))
}

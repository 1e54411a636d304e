//! How far the views have come: beyond the log, behind it, or stopped; and which of their generations is shown.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use uuid::Uuid;

use crate::rebuild::REBUILDING;

use super::{Finding, View, or_ok};
use crate::{PARTITIONS, stop};

const AHEAD: &str = "checkpoints";
const LAG: &str = "lag";
const STOPS: &str = "stops";
const SKIPS: &str = "skips";
const GENERATIONS: &str = "generations";

/// How many records a view may have yet to fold.
const MOST_BEHIND: i64 = 10_000;

/// How long a partition may wait to be folded, in seconds.
const LONGEST_WAIT: i64 = 60;

/// How far a view, shown or hidden (`view@generation`), has folded a partition of its log.
pub(super) struct Standing {
    pub(super) view: String,
    pub(super) is_shown: bool,
    pub(super) partition: i16,
    pub(super) follower: Option<Uuid>,
    offset: i64,
    end: i64,
    /// For how many seconds there has been something to fold and nothing was folded.
    waited: Option<i64>,
}

impl Standing {
    pub(super) const fn behind(&self) -> i64 {
        if self.end > self.offset { self.end - self.offset } else { 0 }
    }
}

pub(super) async fn standings(connection: &mut PgConnection, views: &[View]) -> Result<Vec<Standing>, sqlx::Error> {
    let names: Vec<String> = views.iter().map(|view| view.name.to_owned()).collect();
    let telemetry: Vec<bool> = views.iter().map(|view| view.follows_telemetry).collect();
    // A partition waits since its next record came, or since it was last folded if that was later.
    sqlx::query_as!(
        Standing,
        r#"WITH shown AS (SELECT s.view, s.telemetry FROM unnest($1::text[], $2::boolean[]) AS s (view, telemetry)),
                every AS (SELECT view, telemetry, true AS is_shown FROM shown
                          UNION
                          SELECT c.view, s.telemetry, false
                          FROM shown s JOIN log.checkpoint c ON c.view <> s.view AND split_part(c.view, '@', 1) = s.view)
           SELECT v.view AS "view!", v.is_shown AS "is_shown!", p::smallint AS "partition!", c.follower,
                  coalesce(c."offset", 0) AS "offset!", coalesce(domain."end", telemetry."end", 0) AS "end!",
                  extract(epoch FROM least(clock_timestamp() - c.moved_at, clock_timestamp() - domain.since,
                                           clock_timestamp() - telemetry.since))::bigint AS waited
           FROM every v
           CROSS JOIN generate_series(0, $3) AS p
           LEFT JOIN log.checkpoint c ON c.view = v.view AND c.partition = p
           LEFT JOIN LATERAL (SELECT max(e."offset") AS "end",
                                     (SELECT n.recorded_at FROM log.event n
                                      WHERE n.partition = p AND n."offset" = coalesce(c."offset", 0) + 1) AS since
                              FROM log.event e WHERE e.partition = p) AS domain ON NOT v.telemetry
           LEFT JOIN LATERAL (SELECT max(b."offset") AS "end",
                                     (SELECT n.received_at FROM telemetry.batch n
                                      WHERE n.partition = p AND n."offset" = coalesce(c."offset", 0) + 1) AS since
                              FROM telemetry.batch b WHERE b.partition = p) AS telemetry ON v.telemetry
           ORDER BY 1, 3"#,
        &names,
        &telemetry,
        i32::from(PARTITIONS) - 1,
    )
    .fetch_all(connection)
    .await
}

/// Views that have folded what their log does not have.
pub(super) fn ahead(standings: &[Standing]) -> Vec<Finding> {
    let mut by_view = BTreeMap::<&str, Vec<&Standing>>::new();
    for standing in standings.iter().filter(|standing| standing.offset > standing.end) {
        by_view.entry(&standing.view).or_default().push(standing);
    }
    let ahead = by_view.into_iter().filter_map(|(view, beyond)| {
        let first = beyond.first()?;
        let found = format!(
            "{view} has folded {} partitions beyond their log's end, the first {}: up to {}, the log ends at {}",
            beyond.len(),
            first.partition,
            first.offset,
            first.end
        );
        let next =
            if first.is_shown { format!("then `wardlog replay {view}`") } else { "a replay drops this one".to_owned() };
        Some(Finding::wrong(
            AHEAD,
            format!("{found}: the log has lost records: restore it from a backup that has them; {next}"),
        ))
    });
    or_ok(ahead.collect(), AHEAD, format!("{} checkpoints, none beyond its log's end", standings.len()))
}

/// What each shown view has yet to fold.
pub(super) fn lag(standings: &[Standing], views: &[View]) -> Vec<Finding> {
    let one = |view: &View| {
        let of_view = || standings.iter().filter(|standing| standing.is_shown && standing.view == view.name);
        let behind: i64 = of_view().map(Standing::behind).sum();
        let waiting = of_view()
            .filter(|standing| standing.behind() > 0)
            .filter_map(|standing| Some((standing.waited?, standing.partition)))
            .max()
            .filter(|(waited, _)| *waited > LONGEST_WAIT);
        let found = format!("{} has {behind} records yet to fold", view.name);
        match waiting {
            Some((waited, partition)) => Finding::warning(
                LAG,
                format!(
                    "{found}, and partition {partition} has waited for {waited} s: see that a process with the role \
                         projections runs, and what it logs"
                ),
            ),
            None if behind > MOST_BEHIND => {
                Finding::warning(LAG, format!("{found}: look again; if they grow, start another process that projects"))
            }
            None => Finding::ok(LAG, found),
        }
    };
    views.iter().map(one).collect()
}

/// Events that a view waits before.
pub(super) async fn stops(connection: &mut PgConnection) -> Result<Vec<Finding>, sqlx::Error> {
    let stops = stop::stops(connection).await?.into_iter().map(|stop| {
        let (view, partition, offset) = (stop.view, stop.partition, stop.offset);
        let since = stop.since.format("%FT%TZ");
        Finding::wrong(
            STOPS,
            format!(
                "{view} waits before offset {offset} of partition {partition} since {since} ({}; tried {} times): mend the \
                 view, or decide with `wardlog skip {view} {partition} {offset} --reason WHY --by WHO`",
                stop.reason, stop.tries
            ),
        )
    });
    Ok(or_ok(stops.collect(), STOPS, "no view waits before an event"))
}

/// Decisions to pass an event over: for the record.
pub(super) async fn skips(connection: &mut PgConnection) -> Result<Vec<Finding>, sqlx::Error> {
    let skips = sqlx::query_scalar!(r#"SELECT count(*) AS "skips!" FROM log.skip"#).fetch_one(connection).await?;
    Ok(vec![Finding::ok(SKIPS, format!("{skips} events are passed over by decision (log.skip says why)"))])
}

/// Which generation of each view is shown, and what a rebuild that died has left behind.
pub(super) async fn generations(connection: &mut PgConnection, views: &[View]) -> Result<Vec<Finding>, sqlx::Error> {
    let names: Vec<String> = views.iter().map(|view| view.name.to_owned()).collect();
    let rows = sqlx::query!(
        r#"SELECT v.view AS "view!", count(*) FILTER (WHERE g.state = 'shown') AS "shown!",
                  max(g.generation) FILTER (WHERE g.state = 'building') AS building,
                  log.is_held($2, v.view) AS "underway!"
           FROM unnest($1::text[]) AS v (view) LEFT JOIN log.generation g ON g.view = v.view
           GROUP BY v.view ORDER BY v.view"#,
        &names,
        REBUILDING,
    );
    let mut findings = Vec::new();
    for row in rows.fetch_all(connection).await? {
        let view = row.view;
        if row.shown != 1 {
            findings.push(Finding::wrong(
                GENERATIONS,
                format!(
                    "{view} shows {} generations, expected one: `wardlog replay {view}` makes one and shows it",
                    row.shown
                ),
            ));
        }
        if let (Some(generation), false) = (row.building, row.underway) {
            findings.push(Finding::warning(
                GENERATIONS,
                format!(
                    "generation {generation} of {view} was left half filled: the next `wardlog replay {view}` drops it"
                ),
            ));
        }
    }
    Ok(or_ok(findings, GENERATIONS, format!("{} views, each shows one generation", names.len())))
}

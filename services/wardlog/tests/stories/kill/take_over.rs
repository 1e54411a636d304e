//! Two processes that fold, one of them killed or stopped every few seconds under load: the other takes over.

use std::time::{Duration, Instant};

use eventlog::{Projection, Rebuild};
use filtering::views::Counts;
use sqlx::PgPool;

use super::{counts, load::Load, stored_batches, victims::Victims, wait_until_folded};
use crate::town::Records;

/// How many take-overs; `WARDLOG_TAKE_OVERS` asks for more (`make prove`). Every third is of a process that only sleeps.
const TAKE_OVERS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_one_takes_over_within_fifteen_seconds_when_the_other_is_killed_or_falls_asleep() {
    let asked = std::env::var("WARDLOG_TAKE_OVERS").ok().and_then(|asked| asked.parse().ok());
    let take_overs = asked.unwrap_or(TAKE_OVERS);
    let mut victims = Victims::start();
    let records = Records::import(victims.database().await, "2026-09-01").await;
    let mut keys = Vec::new();
    for urn in [100_001, 100_002, 100_004] {
        keys.push((records.school(urn).await, records.filter(urn).await));
    }
    victims.start_apart(2).await;
    let pool = records.projections.clone();
    shared_by(&pool, 2, Duration::from_mins(1)).await;
    let load = Load::start(victims.address(), keys, Duration::from_millis(100));
    let mut longest = Duration::ZERO;
    for n in 1..=take_overs {
        let began = Instant::now();
        if n % 3 == 0 {
            victims.stun_folder();
        } else {
            victims.kill_folder();
        }
        shared_by(&pool, 1, Duration::from_secs(15)).await;
        longest = longest.max(began.elapsed());
        lag_under(&pool, Duration::from_secs(2)).await;
        if n % 3 == 0 {
            // It wakes with leases that it has lost, and with a transaction that PostgreSQL has ended.
            victims.wake_folder();
        } else {
            victims.start_folder();
        }
        shared_by(&pool, 2, Duration::from_mins(1)).await;
    }
    let sent = load.finish().await;
    assert!(sent.acknowledged_batches > take_overs, "the load went on: {} batches", sent.acknowledged_batches);
    wait_until_folded(&pool).await;
    assert_eq!(counts(&pool).await, sent.expected(&stored_batches(&pool).await), "counted, and what was stored");
    let replay = Rebuild::begin(&victims.options(), &Counts).await.unwrap();
    replay.fill(|_| {}).await.unwrap();
    assert_eq!(replay.compare().await.unwrap(), [], "the views and a replay");
    println!("{take_overs} take-overs, the longest after {:.1} s", longest.as_secs_f64());
    victims.stop_process();
    victims.end();
}

/// Waits until exactly `followers` live and hold every partition between them.
async fn shared_by(pool: &PgPool, followers: i64, limit: Duration) {
    let shared = async {
        loop {
            let held = sqlx::query!(
                r#"SELECT (SELECT count(*) FROM log.follower f WHERE f.view = $1) AS "followers!",
                          count(DISTINCT c.follower) AS "holders!", count(*) FILTER (WHERE f.follower IS NULL) AS "free!"
                   FROM log.checkpoint c LEFT JOIN log.follower f ON f.view = c.view AND f.follower = c.follower
                   WHERE c.view = $1"#,
                Counts::NAME
            );
            let held = held.fetch_one(pool).await.unwrap();
            if held.followers == followers && held.holders == followers && held.free == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let outcome = tokio::time::timeout(limit, shared).await;
    assert!(outcome.is_ok(), "expected {followers} to hold all partitions within {limit:?}");
}

/// Waits until the oldest batch that is not counted is younger than `limit`, at most that long.
async fn lag_under(pool: &PgPool, limit: Duration) {
    let caught_up = async {
        loop {
            let lag = sqlx::query_scalar!(
                r#"SELECT coalesce(max(extract(epoch FROM clock_timestamp() - next.received_at)), 0)::float8 AS "seconds!"
                   FROM log.checkpoint c CROSS JOIN LATERAL
                       (SELECT b.received_at FROM telemetry.batch b WHERE b.partition = c.partition AND b."offset" > c."offset"
                        ORDER BY b."offset" LIMIT 1) next
                   WHERE c.view = $1"#,
                Counts::NAME
            );
            if lag.fetch_one(pool).await.unwrap() < limit.as_secs_f64() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(limit, caught_up).await.is_ok(), "expected a lag under {limit:?} within as much");
}

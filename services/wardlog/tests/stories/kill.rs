//! `kill -9` of the process and of PostgreSQL, in turn, under load: every acknowledged event is counted exactly once.

mod load;
mod take_over;
mod victims;

use std::{collections::BTreeMap, time::Duration};

use eventlog::{Projection, Rebuild};
use filtering::views::Counts;
use rand::RngExt;
use sqlx::PgPool;

use crate::town::Records;
use load::Load;
use victims::Victims;

/// How many kills; `WARDLOG_KILLS` asks for more (`make prove`).
const KILLS: usize = 30;

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_event_is_counted_exactly_once_however_often_something_is_killed() {
    let kills = std::env::var("WARDLOG_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);
    let mut victims = Victims::start();
    let records = Records::import(victims.database().await, "2026-09-01").await;
    let mut keys = Vec::new();
    for urn in [100_001, 100_002, 100_004] {
        keys.push((records.school(urn).await, records.filter(urn).await));
    }
    victims.start_process().await;
    let load = Load::start(victims.address(), keys, Duration::ZERO);
    for n in 0..kills {
        // When the blow falls is what is random here; nothing is waited for.
        let moment = rand::rng().random_range(50..400);
        tokio::time::sleep(Duration::from_millis(moment)).await;
        if n.is_multiple_of(2) {
            victims.kill_process().await;
        } else {
            victims.kill_postgres().await;
        }
    }
    let sent = load.finish().await;
    assert!(sent.acknowledged_batches > kills, "the load went on: {} batches", sent.acknowledged_batches);

    let pool = records.projections.clone();
    wait_until_folded(&pool).await;
    let counted = counts(&pool).await;
    let stored = sent.expected(&stored_batches(&pool).await);
    assert_eq!(counted, stored, "counted, and what was acknowledged or found stored");

    let replay = Rebuild::begin(&victims.options(), &Counts).await.unwrap();
    replay.fill(|_| {}).await.unwrap();
    assert_eq!(replay.compare().await.unwrap(), [], "the views and a replay");
    victims.stop_process();
    println!(
        "{kills} kills, {} batches acknowledged, {} events counted",
        sent.acknowledged_batches,
        counted.values().sum::<i64>()
    );
    victims.end();
}

async fn wait_until_folded(pool: &PgPool) {
    let folded = async {
        loop {
            let behind = sqlx::query_scalar!(
                r#"SELECT count(*) AS "n!" FROM log.checkpoint c WHERE c.view = $1
                   AND EXISTS (SELECT FROM telemetry.batch b WHERE b.partition = c.partition AND b."offset" > c."offset")"#,
                Counts::NAME
            );
            if behind.fetch_one(pool).await.is_ok_and(|behind| behind == 0) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(2), folded).await.expect("the views catch up within 2 minutes");
}

type ByCategory = BTreeMap<(String, String), i64>;

async fn counts(pool: &PgPool) -> ByCategory {
    sqlx::query!(
        r#"SELECT school_id::text AS "school!", category AS "category!", sum(events)::bigint AS "events!" FROM filtering.count_hourly GROUP BY 1, 2"#
    )
    .fetch_all(pool)
    .await
    .unwrap()
    .into_iter()
    .map(|row| ((row.school, row.category), row.events))
    .collect()
}

async fn stored_batches(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar!("SELECT batch_id FROM telemetry.batch").fetch_all(pool).await.unwrap()
}

//! What must be done every day, asked every hour: day partitions ahead, and old days dropped. And what services see to beside
//! their commands.

use std::time::Duration;

use eventlog::telemetry::{drop_days, make_days};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use web::command::Means;

use crate::contexts::Chore;

/// How often it is asked.
const EVERY: Duration = Duration::from_hours(1);

/// How often a service sees to its chore.
const CHORE: Duration = Duration::from_mins(1);

/// For how many days the payloads of batches are kept.
const PAYLOADS: i32 = 90;

/// For how many days ids are remembered: 8 whole ones, and the one that is running.
const SEEN: i32 = 9;

/// Keeps house until `stop`.
pub async fn run(pool: PgPool, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let today = web::clock::now().date_naive();
        if let Err(error) = make_days(&pool, today).await {
            tracing::error!(%error, "cannot make the telemetry log's days ahead");
        }
        match drop_days(&pool, PAYLOADS, SEEN).await {
            Ok(dropped) if dropped.is_empty() => {}
            Ok(dropped) => tracing::info!(tables = dropped.len(), "dropped old days"),
            Err(error) => tracing::error!(%error, "cannot drop old days"),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Sees to a service's chore until `stop`.
pub async fn chore(service: &'static str, chore: Chore, means: Means, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let once = async {
            if let Err(error) = chore(means.clone()).await {
                tracing::error!(service, error = %format!("{error:#}"), "a chore was not done; it is tried again in a minute");
            }
            tokio::time::sleep(CHORE).await;
        };
        // What is begun is done on tasks of its own, or not at all.
        tokio::select! {
            () = stop.cancelled() => {}
            () = once => {}
        }
    }
}

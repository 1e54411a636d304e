//! What must be done every day, asked every hour: day partitions ahead, and old days dropped.

use std::time::Duration;

use eventlog::telemetry::{drop_days, make_days};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

/// How often it is asked.
const EVERY: Duration = Duration::from_hours(1);

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

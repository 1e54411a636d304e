//! Waiting until the views show what the caller's own command did.

use std::time::Duration;

use ::web::graphql::{internal, stale};
use eventlog::{Position, has_reached};
use sqlx::PgPool;
use tokio::time::{Instant, sleep};

/// How long a request waits in all.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// How long it waits before it asks again: at first, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(50));

/// What the answer must show.
#[derive(Debug, Clone, Copy)]
pub struct After {
    position: Position,
    until: Instant,
}

impl After {
    /// The event at `position`; from now on the request's patience runs.
    pub fn new(position: Position) -> Self {
        Self { position, until: Instant::now() + PATIENCE }
    }
}

/// Returns once all of `views` have folded the event, or says that they have not.
pub(crate) async fn wait(pool: &PgPool, after: After, views: &[&str]) -> async_graphql::Result<()> {
    let mut pause = PAUSE.0;
    for view in views {
        while !reached(pool, view, after.position).await? {
            if Instant::now() >= after.until {
                return Err(stale());
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE.1);
        }
    }
    Ok(())
}

/// Holds a connection for the question alone: whoever waits must not keep others from reading.
async fn reached(pool: &PgPool, view: &str, position: Position) -> async_graphql::Result<bool> {
    let asked = async { has_reached(&mut *pool.acquire().await?, view, position).await };
    asked.await.map_err(|error| internal(&error))
}

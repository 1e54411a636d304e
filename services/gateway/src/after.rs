//! Waiting until the views show what the caller's own command did.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use ::web::graphql::{internal, stale};
use eventlog::{Position, has_reached};
use sqlx::PgPool;
use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};

/// How long a request waits in all.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// How long it waits before it asks again: at first, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(50));

/// What the answer to a request must show.
#[derive(Debug, Clone)]
pub struct After {
    position: Position,
    until: Instant,
    /// The views that are known to show it. Whoever asks holds the lock: a request asks once for all of its fields.
    reached: Arc<Mutex<BTreeSet<&'static str>>>,
}

impl After {
    /// The event at `position`; from now on the request's patience runs.
    pub fn new(position: Position) -> Self {
        Self { position, until: Instant::now() + PATIENCE, reached: Arc::default() }
    }

    /// Returns once all of `views` have folded the event, or says that they have not.
    pub(crate) async fn wait(&self, pool: &PgPool, views: &[&'static str]) -> async_graphql::Result<()> {
        let mut reached = self.reached.lock().await;
        let mut pause = PAUSE.0;
        for &view in views {
            while !reached.contains(view) {
                if has_reached_now(pool, view, self.position).await? {
                    reached.insert(view);
                } else if Instant::now() >= self.until {
                    return Err(stale());
                } else {
                    sleep(pause).await;
                    pause = (pause * 2).min(PAUSE.1);
                }
            }
        }
        Ok(())
    }
}

/// Holds a connection for the question alone: whoever waits must not keep others from reading.
async fn has_reached_now(pool: &PgPool, view: &str, position: Position) -> async_graphql::Result<bool> {
    let asked = async { has_reached(&mut *pool.acquire().await?, view, position).await };
    asked.await.map_err(|error| internal(&error))
}

//! Waiting until the views show what the caller's own command did.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use ::web::graphql::{internal, stale};
use eventlog::{Position, has_reached};
use sqlx::PgPool;
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout_at},
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
    /// What is known of the views. Whoever asks holds the lock: a request asks once for all of its fields.
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    reached: BTreeSet<&'static str>,
    stale: bool,
}

impl After {
    /// The event at `position`; from now on the request's patience runs.
    pub fn new(position: Position) -> Self {
        Self { position, until: Instant::now() + PATIENCE, known: Arc::default() }
    }

    /// Returns once all of `views` have folded the event, or says that they have not.
    pub(crate) async fn wait(&self, pool: &PgPool, views: &[&'static str]) -> async_graphql::Result<()> {
        let mut known = self.known.lock().await;
        for &view in views {
            if known.stale {
                return Err(stale());
            }
            if known.reached.contains(view) {
                continue;
            }
            match timeout_at(self.until, reached(pool, view, self.position)).await {
                Ok(outcome) => drop((outcome?, known.reached.insert(view))),
                Err(_) => known.stale = true,
            }
        }
        if known.stale { Err(stale()) } else { Ok(()) }
    }
}

/// Returns once the view has folded the event. A connection is held for the question alone: whoever waits must not keep
/// others from reading.
async fn reached(pool: &PgPool, view: &str, position: Position) -> async_graphql::Result<()> {
    let mut pause = PAUSE.0;
    loop {
        let asked = async { has_reached(&mut *pool.acquire().await?, view, position).await };
        if asked.await.map_err(|error| internal(&error))? {
            return Ok(());
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE.1);
    }
}

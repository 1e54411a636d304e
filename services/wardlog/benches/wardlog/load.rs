//! Senders in this process, each with a connection of its own, that send batch after batch.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Result;
use tokio::task::JoinSet;

use crate::{body::Body, connection::Connection, options::Effort, sources::Source};

/// How many connections send at once.
const CONNECTIONS: usize = 64;

/// What all senders share.
pub struct Load {
    address: SocketAddr,
    sources: Vec<Source>,
    bodies: Arc<Vec<Body>>,
    /// The number of the next batch; never used twice on one database.
    next: AtomicU64,
    /// The number of the first batch that is not to be sent.
    end: AtomicU64,
    accepted: AtomicU64,
}

impl Load {
    /// Nothing is sent yet.
    pub fn new(address: SocketAddr, sources: Vec<Source>, bodies: Arc<Vec<Body>>) -> Arc<Self> {
        let zero = || AtomicU64::new(0);
        Arc::new(Self { address, sources, bodies, next: zero(), end: zero(), accepted: zero() })
    }

    /// Events that the door has taken.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Sends `batches`, and returns when all have been taken.
    pub async fn send(self: &Arc<Self>, batches: u64) -> Result<()> {
        self.end.store(self.next.load(Ordering::Relaxed) + batches, Ordering::Relaxed);
        finish(self.start().await?).await
    }

    /// Sends for as long as `effort` says; events taken per second of the window.
    pub async fn rate(self: &Arc<Self>, effort: Effort) -> Result<f64> {
        self.end.store(u64::MAX, Ordering::Relaxed);
        let senders = self.start().await?;
        tokio::time::sleep(effort.warm_up).await;
        let (began, before) = (Instant::now(), self.accepted());
        tokio::time::sleep(effort.window).await;
        let (took, after) = (began.elapsed(), self.accepted());
        self.end.store(0, Ordering::Relaxed);
        finish(senders).await?;
        Ok(per_second(after - before, took))
    }

    async fn start(self: &Arc<Self>) -> Result<JoinSet<Result<()>>> {
        let mut senders = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let connection = Connection::open(self.address).await?;
            senders.spawn(Arc::clone(self).send_until_end(connection));
        }
        Ok(senders)
    }

    async fn send_until_end(self: Arc<Self>, mut connection: Connection) -> Result<()> {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.end.load(Ordering::Relaxed) {
                return Ok(());
            }
            let (source, body) = (of(&self.sources, number), of(&self.bodies, number));
            let accepted = connection.post(source, number, body).await?;
            self.accepted.fetch_add(accepted, Ordering::Relaxed);
        }
    }
}

async fn finish(mut senders: JoinSet<Result<()>>) -> Result<()> {
    while let Some(sender) = senders.join_next().await {
        sender??;
    }
    Ok(())
}

/// The one of `all` whose turn it is.
pub fn of<T>(all: &[T], number: u64) -> &T {
    &all[usize::try_from(number % all.len() as u64).unwrap_or_default()]
}

/// A rate.
#[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^52")]
pub fn per_second(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

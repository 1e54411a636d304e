//! One process's part in folding a view: it shows that it lives, watches the others, and takes or gives partitions.

use std::{collections::BTreeSet, marker::PhantomData};

use sqlx::{Connection, PgConnection, PgPool};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    Partition, Projection,
    lease::{Lease, Move, Pulse, TEND, Watch, moves},
    project::start,
};

/// The class of the advisory locks by which followers show that they are connected (`pg_locks`).
pub(crate) const CONNECTED: i32 = 1_465_009_995;

/// The SQLSTATE of a lock that was not given within `lock_timeout`.
pub(crate) const LOCK_NOT_AVAILABLE: &str = "55P03";

/// A process that folds a view.
pub(crate) struct Follower<P> {
    id: Uuid,
    watch: Watch,
    looked: Instant,
    of: PhantomData<P>,
}

impl<P: Projection> Follower<P> {
    pub(crate) fn new(id: Uuid) -> Self {
        Self { id, of: PhantomData, watch: Watch::default(), looked: Instant::now() }
    }

    /// Looks after the leases until `done`, then hands over what it holds. Errors are logged and tried again.
    ///
    /// Its connection is its own: no busy pool can hold up the heartbeat, and when the process dies PostgreSQL lets go
    /// of the connection's lock, which tells the others at once.
    pub(crate) async fn tend(mut self, pool: &PgPool, done: CancellationToken) {
        while !done.is_cancelled() {
            if let Err(error) = self.tend_connected(pool, &done).await {
                tracing::warn!(view = P::NAME, %error, "cannot look after the view's leases; tried again in a second");
                wait(&done).await;
            }
        }
    }

    async fn tend_connected(&mut self, pool: &PgPool, done: &CancellationToken) -> Result<(), sqlx::Error> {
        let mut connection = PgConnection::connect_with(&pool.connect_options()).await?;
        self.enter(&mut connection).await?;
        while !done.is_cancelled() {
            self.beat(&mut connection).await?;
            let living = self.look(&mut connection).await?;
            self.carry_out(&mut connection, &living).await?;
            wait(done).await;
        }
        // First out of the others' sight: they would even out what it hands over, and give it back.
        self.forget(&mut connection, &[self.id]).await?;
        let others = self.look(&mut connection).await?;
        self.carry_out(&mut connection, &others).await?;
        connection.close().await
    }

    async fn enter(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        // A lease that somebody folds under is locked while they do; better to come back than to miss a heartbeat.
        sqlx::query!("SELECT set_config('lock_timeout', '2s', false)").fetch_one(&mut *connection).await?;
        let entered = sqlx::query_scalar!(
            r#"SELECT pg_try_advisory_lock($1, hashtext($2::uuid::text)) AS "entered!""#,
            CONNECTED,
            self.id
        );
        if !entered.fetch_one(&mut *connection).await? {
            return Err(sqlx::Error::Protocol("expected the follower's former connection to be gone".to_owned()));
        }
        start::<P>(connection).await
    }

    /// Shows that it lives.
    async fn beat(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query!(
            "INSERT INTO log.follower AS f (view, follower, beats) VALUES ($1, $2, 1)
             ON CONFLICT (view, follower) DO UPDATE SET beats = f.beats + 1",
            P::NAME,
            self.id,
        )
        .execute(connection)
        .await
        .map(|_| ())
    }

    /// Sees who lives.
    async fn look(&mut self, connection: &mut PgConnection) -> Result<BTreeSet<Uuid>, sqlx::Error> {
        let pulses = sqlx::query_as!(
            Pulse,
            r#"SELECT f.follower, f.beats, log.is_held($2, f.follower::text) AS "connected!"
               FROM log.follower f WHERE f.view = $1"#,
            P::NAME,
            CONNECTED,
        )
        .fetch_all(&mut *connection)
        .await?;
        let now = Instant::now();
        let living = self.watch.alive(now - self.looked, &pulses);
        self.looked = now;
        let dead: Vec<Uuid> = pulses.iter().map(|pulse| pulse.follower).filter(|id| !living.contains(id)).collect();
        if !dead.is_empty() {
            tracing::warn!(
                view = P::NAME,
                followers = dead.len(),
                "followers have died; their partitions are taken over"
            );
            self.forget(connection, &dead).await?;
        }
        Ok(living)
    }

    async fn carry_out(&self, connection: &mut PgConnection, living: &BTreeSet<Uuid>) -> Result<(), sqlx::Error> {
        let leases = sqlx::query!(
            "SELECT c.partition, c.epoch, c.follower FROM log.checkpoint c WHERE c.view = $1 ORDER BY c.partition",
            P::NAME,
        )
        .fetch_all(&mut *connection)
        .await?;
        let leases: Vec<Lease> = leases
            .into_iter()
            .map(|row| Lease { partition: Partition(row.partition), epoch: row.epoch, follower: row.follower })
            .collect();
        for Move { lease, to } in moves(self.id, living, &leases) {
            let moved = sqlx::query!(
                "UPDATE log.checkpoint SET epoch = epoch + 1, follower = $4
                 WHERE view = $1 AND partition = $2 AND epoch = $3
                   -- Nothing is given to one that has left since.
                   AND ($4::uuid IS NULL OR EXISTS (SELECT FROM log.follower f WHERE f.view = $1 AND f.follower = $4))",
                P::NAME,
                lease.partition.0,
                lease.epoch,
                to,
            )
            .execute(&mut *connection)
            .await;
            match moved {
                Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(LOCK_NOT_AVAILABLE) => break,
                moved => moved?,
            };
        }
        Ok(())
    }

    async fn forget(&self, connection: &mut PgConnection, followers: &[Uuid]) -> Result<(), sqlx::Error> {
        sqlx::query!("DELETE FROM log.follower WHERE view = $1 AND follower = ANY($2)", P::NAME, followers)
            .execute(connection)
            .await
            .map(|_| ())
    }
}

async fn wait(done: &CancellationToken) {
    tokio::select! {
        () = done.cancelled() => {}
        () = tokio::time::sleep(TEND) => {}
    }
}

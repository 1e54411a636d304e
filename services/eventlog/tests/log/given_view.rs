//! A view of the tests: it counts events into a table of its own, and can be told what to do wrong.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use database::Role;
use eventlog::{Behind, DomainLog, EventRecord, Log, Offset, Partition, Projection, ProjectionError};
use sqlx::{Connection, PgConnection, PgPool, postgres::PgConnectOptions};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::given::{a_log, append_one, owners_of_one_partition, within};

/// Counts events by partition.
#[derive(Default)]
pub struct Counter {
    /// It fails after it has written.
    pub fails: AtomicBool,
    /// It cannot fold the event at this offset; 0: it can fold all.
    pub poison: AtomicI64,
    /// It panics there rather than fail.
    pub panics: AtomicBool,
}

impl Projection for Counter {
    type Log = DomainLog;
    const NAME: &'static str = "test.counter";
    const TAKES: i64 = 5;

    async fn apply(
        &self,
        connection: &mut PgConnection,
        records: Vec<(Offset, EventRecord)>,
    ) -> Result<(), ProjectionError> {
        // The table is the test's own, so the compiler cannot know it.
        sqlx::query(sqlx::AssertSqlSafe("UPDATE public.test_counter SET events = events + $1"))
            .bind(i64::try_from(records.len()).unwrap())
            .execute(connection)
            .await?;
        let poison = self.poison.load(Ordering::SeqCst);
        if records.iter().any(|(offset, _)| offset.number() == poison) {
            assert!(!self.panics.load(Ordering::SeqCst), "told to panic");
            return Err(ProjectionError::Poison { offset: poison, reason: "told to fail".to_owned() });
        }
        if self.fails.load(Ordering::SeqCst) {
            return Err(ProjectionError::Poison { offset: 0, reason: "told to fail".to_owned() });
        }
        Ok(())
    }
}

/// The same view, as a process folds it that falls asleep between reading its lease and folding under it.
#[derive(Default)]
pub struct Sleepy(pub Counter);

/// Lets a sleeper read its next records; it has one look for free.
pub static AWAKE: Semaphore = Semaphore::const_new(0);
/// Told whenever a sleeper has its lease and falls asleep.
pub static ASLEEP: Semaphore = Semaphore::const_new(0);

/// The domain log as the sleeper reads it.
pub struct SleepyLog;

impl Log for SleepyLog {
    type Record = EventRecord;

    async fn read(
        connection: &mut PgConnection,
        partition: Partition,
        after: Offset,
        limit: i64,
    ) -> Result<Vec<(Offset, EventRecord)>, sqlx::Error> {
        ASLEEP.add_permits(1);
        AWAKE.acquire().await.unwrap().forget();
        DomainLog::read(connection, partition, after, limit).await
    }

    async fn heads(connection: &mut PgConnection) -> Result<Vec<(Partition, Offset)>, sqlx::Error> {
        DomainLog::heads(connection).await
    }

    async fn behind(c: &mut PgConnection, view: &str, follower: Option<Uuid>) -> Result<Vec<Behind>, sqlx::Error> {
        DomainLog::behind(c, view, follower).await
    }
}

impl Projection for Sleepy {
    type Log = SleepyLog;
    const NAME: &'static str = Counter::NAME;
    const TAKES: i64 = Counter::TAKES;

    async fn apply(&self, c: &mut PgConnection, records: Vec<(Offset, EventRecord)>) -> Result<(), ProjectionError> {
        self.0.apply(c, records).await
    }
}

/// How many events are counted.
pub async fn counted(pool: &PgPool) -> i64 {
    sqlx::query_scalar(sqlx::AssertSqlSafe("SELECT events FROM public.test_counter")).fetch_one(pool).await.unwrap()
}

/// Waits until `events` are counted.
pub async fn until_counted(pool: &PgPool, events: i64) {
    let all_counted = async {
        while counted(pool).await != events {
            tokio::task::yield_now().await;
        }
    };
    within(Duration::from_secs(30), "all to be counted", all_counted).await;
}

/// A log with `events` in one partition, and what folds it: a pool of the projections' role, and a superuser.
pub struct Given {
    pub database: PgConnectOptions,
    pub appends: PgPool,
    pub pool: PgPool,
    pub superuser: PgConnection,
    pub partition: Partition,
}

impl Given {
    pub async fn events(events: i64) -> Self {
        let (database, appends) = a_log().await;
        let mut superuser = PgConnection::connect_with(&database).await.unwrap();
        sqlx::raw_sql(
            "CREATE TABLE public.test_counter (events bigint NOT NULL); INSERT INTO public.test_counter VALUES (0);
             GRANT SELECT, UPDATE ON public.test_counter TO wardlog_projections",
        )
        .execute(&mut superuser)
        .await
        .unwrap();
        let (partition, _) = owners_of_one_partition(&appends, 1).await;
        let pool = database::connect(&database, Role::Projections, 8).await.unwrap();
        let given = Self { database, appends, pool, superuser, partition };
        given.append(0..events).await;
        given
    }

    /// Appends events that make these versions of the partition's one stream.
    pub async fn append(&self, versions: std::ops::Range<i64>) {
        let (_, owners) = owners_of_one_partition(&self.appends, 1).await;
        for version in versions {
            let mut transaction = self.appends.begin().await.unwrap();
            append_one(&mut transaction, owners[0], "stream", version, &format!("c-{version}")).await.unwrap();
            transaction.commit().await.unwrap();
        }
    }

    /// Who holds the partition, and how often it has changed hands.
    pub async fn lease(&self) -> (Option<Uuid>, i64) {
        let row = sqlx::query!(
            "SELECT follower, epoch FROM log.checkpoint WHERE view = $1 AND partition = $2",
            Counter::NAME,
            self.partition.number(),
        );
        row.fetch_optional(&self.pool).await.unwrap().map_or((None, 0), |row| (row.follower, row.epoch))
    }

    /// Waits until `follower` holds the partition.
    pub async fn until_held_by(&self, follower: Uuid) {
        let held = async {
            while self.lease().await.0 != Some(follower) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        within(Duration::from_secs(15), "the partition to be taken over", held).await;
    }
}

/// A process of the tests.
pub struct Process {
    pub follower: Uuid,
    pub stop: tokio_util::sync::CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

impl Process {
    pub fn start<P: Projection>(pool: &PgPool, view: Arc<P>, number: u128) -> Self {
        let (follower, stop) = (Uuid::from_u128(number), tokio_util::sync::CancellationToken::new());
        let run = eventlog::run(pool.clone(), view, eventlog::Wake::default(), follower, stop.clone());
        Self { follower, stop, running: tokio::spawn(run) }
    }

    /// Stops in order.
    pub async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }

    /// Dies where it stands; its connections close.
    pub async fn kill(self) {
        self.running.abort();
        let _ = self.running.await;
    }
}

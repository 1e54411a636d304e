//! A view and how far it has read move together, or not at all.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use database::Role;
use eventlog::{DomainLog, EventRecord, Offset, Projection, ProjectionError, Wake, catch_up, run};
use sqlx::{Connection, PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use crate::given::{a_log, append_one, owners_of_one_partition};

/// Counts events into a table of its own; can be told to fail after it has written.
#[derive(Default)]
struct Counter {
    fails: AtomicBool,
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
        sqlx::query(sqlx::AssertSqlSafe("UPDATE test_counter SET events = events + $1"))
            .bind(i64::try_from(records.len()).unwrap())
            .execute(connection)
            .await?;
        if self.fails.load(Ordering::SeqCst) {
            return Err(ProjectionError::Poison { offset: 0, reason: "told to fail".to_owned() });
        }
        Ok(())
    }
}

async fn counted(pool: &PgPool) -> i64 {
    sqlx::query_scalar(sqlx::AssertSqlSafe("SELECT events FROM test_counter")).fetch_one(pool).await.unwrap()
}

async fn a_log_of(events: i64) -> (PgPool, PgConnection) {
    let (database, pool) = a_log().await;
    let mut superuser = PgConnection::connect_with(&database).await.unwrap();
    sqlx::raw_sql(
        "CREATE TABLE test_counter (events bigint NOT NULL); INSERT INTO test_counter VALUES (0);
         GRANT SELECT, UPDATE ON test_counter TO wardlog_projections",
    )
    .execute(&mut superuser)
    .await
    .unwrap();
    let (_, owners) = owners_of_one_partition(&pool, 1).await;
    for version in 0..events {
        let mut transaction = pool.begin().await.unwrap();
        append_one(&mut transaction, owners[0], "stream", version, &format!("c-{version}")).await.unwrap();
        transaction.commit().await.unwrap();
    }
    (database::connect(&database, Role::Projections, 8).await.unwrap(), superuser)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projection_that_fails_leaves_neither_rows_nor_a_moved_checkpoint() {
    let (pool, _) = a_log_of(12).await;
    let counter = Counter::default();
    counter.fails.store(true, Ordering::SeqCst);
    assert!(matches!(catch_up(&pool, &counter).await, Err(ProjectionError::Poison { .. })));
    assert_eq!(counted(&pool).await, 0);
    counter.fails.store(false, Ordering::SeqCst);
    catch_up(&pool, &counter).await.unwrap();
    assert_eq!(counted(&pool).await, 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_that_fold_one_view_apply_each_event_once() {
    let (pool, _) = a_log_of(120).await;
    let mut folders = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let pool = pool.clone();
        folders.spawn(async move { catch_up(&pool, &Counter::default()).await.unwrap() });
    }
    folders.join_all().await;
    assert_eq!(counted(&pool).await, 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_in_the_offsets_stops_the_view_instead_of_being_passed_over() {
    let (pool, mut superuser) = a_log_of(3).await;
    sqlx::query!(
        r#"INSERT INTO log.event (partition, "offset", owner_id, stream, version, type, type_version, actor, occurred_at,
                                  recorded_at, command_id, command_event, correlation_id, previous_hash, hash, payload)
           SELECT partition, "offset" + 2, owner_id, 'other', 1, type, 1, actor, occurred_at, recorded_at, 'gap', 1,
                  correlation_id, previous_hash, hash, payload FROM log.event ORDER BY "offset" DESC LIMIT 1"#
    )
    .execute(&mut superuser)
    .await
    .unwrap();
    let error = catch_up(&pool, &Counter::default()).await.unwrap_err();
    assert!(matches!(error, ProjectionError::Gap { expected: 4, found: 5 }), "{error}");
    assert_eq!(counted(&pool).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_projection_is_woken_by_an_append_in_its_process() {
    let (pool, _superuser) = a_log_of(1).await;
    let (wake, stop) = (Wake::default(), CancellationToken::new());
    let running = tokio::spawn(run(pool.clone(), Arc::new(Counter::default()), wake.clone(), stop.clone()));
    let all_counted = async {
        while counted(&pool).await < 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all_counted).await.expect("folded within 20 s");
    stop.cancel();
    running.await.unwrap();
}

//! Offsets follow commit order: a reader that has read up to an offset has read everything before it, for ever.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use database::Role;
use eventlog::Offset;
use rand::RngExt;
use sqlx::{Connection, PgConnection, PgPool};
use tokio::task::JoinSet;

use crate::given::{a_log, append_one, owners_of_one_partition, read_after};

const WRITERS: usize = 8;
/// How many appends each makes; `WARDLOG_APPENDS` asks for more (`make prove`).
const APPENDS: usize = 60;

#[tokio::test(flavor = "multi_thread")]
async fn eight_writers_with_slow_commits_and_aborts_make_no_reader_skip_or_repeat() {
    let (database, pool) = a_log().await;
    let (partition, owners) = owners_of_one_partition(&pool, WRITERS).await;
    let readers = database::connect(&database, Role::Projections, 4).await.unwrap();

    let done = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn({
        let (readers, done) = (readers.clone(), Arc::clone(&done));
        async move {
            let mut seen = Vec::new();
            loop {
                let last_look = done.load(Ordering::SeqCst);
                let after = seen.last().map_or(Offset::START, |(offset, _)| *offset);
                let news = read_after(&readers, partition, after).await;
                seen.extend(news.into_iter().map(|(offset, record)| (offset, (record.stream, record.version))));
                if last_look {
                    return seen;
                }
            }
        }
    });

    let mut writers = JoinSet::new();
    for owner in owners {
        writers.spawn(write_with_aborts(pool.clone(), owner));
    }
    let mut committed: Vec<(String, i64)> = writers.join_all().await.into_iter().flatten().collect();
    done.store(true, Ordering::SeqCst);

    let seen = reader.await.unwrap();
    let offsets: Vec<i64> = seen.iter().map(|(offset, _)| offset.number()).collect();
    assert_eq!(
        offsets,
        (1..=i64::try_from(committed.len()).unwrap()).collect::<Vec<_>>(),
        "dense, in order, each once"
    );
    let mut read: Vec<_> = seen.into_iter().map(|(_, event)| event).collect();
    read.sort();
    committed.sort();
    assert_eq!(read, committed, "exactly what was committed");
}

/// Appends, lingers in the transaction, and aborts one in ten; returns what it committed.
async fn write_with_aborts(pool: PgPool, owner: eventlog::Owner) -> Vec<(String, i64)> {
    let stream = format!("{owner:?}");
    let mut committed = Vec::new();
    let appends = std::env::var("WARDLOG_APPENDS").ok().and_then(|appends| appends.parse().ok()).unwrap_or(APPENDS);
    for n in 0..appends {
        let (linger, abort) = {
            let mut random = rand::rng();
            (random.random_range(0.0..0.004), random.random_ratio(1, 10))
        };
        let mut transaction = pool.begin().await.unwrap();
        let expected = i64::try_from(committed.len()).unwrap();
        let appended = append_one(&mut transaction, owner, &stream, expected, &format!("c-{n}")).await.unwrap();
        // The slow commit that the test is about.
        sqlx::query!("SELECT pg_sleep($1) IS NULL AS slept", linger).fetch_one(&mut *transaction).await.unwrap();
        if abort {
            transaction.rollback().await.unwrap();
        } else {
            transaction.commit().await.unwrap();
            committed.push((stream.clone(), appended.version));
        }
    }
    committed
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_transaction_id_that_commits_late_is_not_skipped() {
    let (_database, pool) = a_log().await;
    let (partition, owners) = owners_of_one_partition(&pool, 2).await;

    let mut early = pool.begin().await.unwrap();
    sqlx::query!("SELECT pg_current_xact_id()::text AS id").fetch_one(&mut *early).await.unwrap();
    let mut late = pool.begin().await.unwrap();
    append_one(&mut late, owners[0], "late", 0, "c-1").await.unwrap();
    late.commit().await.unwrap();

    let first = read_after(&pool, partition, Offset::START).await;
    assert_eq!(first.iter().map(|(_, event)| event.stream.as_str()).collect::<Vec<_>>(), ["late"]);

    append_one(&mut early, owners[1], "early", 0, "c-1").await.unwrap();
    early.commit().await.unwrap();
    let second = read_after(&pool, partition, first[0].0).await;
    assert_eq!(second.iter().map(|(_, event)| event.stream.as_str()).collect::<Vec<_>>(), ["early"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_transaction_in_another_database_of_the_cluster_holds_up_no_reader() {
    let (database, pool) = a_log().await;
    let (partition, owners) = owners_of_one_partition(&pool, 1).await;

    let mut elsewhere = PgConnection::connect_with(&database.database("postgres")).await.unwrap();
    let mut open = elsewhere.begin().await.unwrap();
    sqlx::query!("SELECT pg_current_xact_id()::text AS id").fetch_one(&mut *open).await.unwrap();

    let mut transaction = pool.begin().await.unwrap();
    append_one(&mut transaction, owners[0], "stream", 0, "c-1").await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(read_after(&pool, partition, Offset::START).await.len(), 1);
    open.rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn repeatable_read_is_refused() {
    let (_database, pool) = a_log().await;
    let (_, owners) = owners_of_one_partition(&pool, 1).await;
    for level in ["REPEATABLE READ", "SERIALIZABLE"] {
        let mut transaction =
            pool.begin_with(sqlx::AssertSqlSafe(format!("BEGIN ISOLATION LEVEL {level}"))).await.unwrap();
        let error = append_one(&mut transaction, owners[0], "stream", 0, "c-1").await.unwrap_err();
        let eventlog::AppendError::Database(sqlx::Error::Database(refused)) = error else { panic!("{error}") };
        assert_eq!(refused.code().as_deref(), Some("WL002"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_at_never_runs_back_within_a_partition() {
    let (database, pool) = a_log().await;
    let (partition, owners) = owners_of_one_partition(&pool, 1).await;
    // A clock that was an hour fast wrote the last event; only the owner of the tables could.
    let mut superuser = PgConnection::connect_with(&database).await.unwrap();
    sqlx::query!(
        r#"INSERT INTO log.event (partition, "offset", owner_id, stream, version, type, type_version, actor, occurred_at,
                                  recorded_at, command_id, command_event, correlation_id, previous_hash, hash, payload)
           SELECT $1, 1, owner_id, 'fast', 1, 'trust-renamed', 1, 'test', clock_timestamp(),
                  clock_timestamp() + interval '1 hour', 'fast', 1, gen_random_uuid(), sha256(''), sha256(''), '{"name":"x"}'
           FROM log.home WHERE partition = $1 LIMIT 1"#,
        partition.number(),
    )
    .execute(&mut superuser)
    .await
    .unwrap();

    let mut transaction = pool.begin().await.unwrap();
    append_one(&mut transaction, owners[0], "slow", 0, "c-1").await.unwrap();
    transaction.commit().await.unwrap();
    let events = read_after(&pool, partition, Offset::START).await;
    assert_eq!(events.len(), 2);
    assert!(events[1].1.recorded_at >= events[0].1.recorded_at);
}

//! The telemetry log's Postgres home.

use std::collections::BTreeSet;

use database::{Role, connect, scratch};
use eventlog::{
    Log, Offset, Owner, Partition, Wake, join,
    telemetry::{NewBatch, TelemetryLog, Writer, drop_days, make_days},
};
use schema::{SchoolId, SourceId};
use serde_json::json;
use sqlx::{Connection, PgConnection, PgPool, postgres::PgConnectOptions};
use tokio::task::JoinSet;
use uuid::Uuid;

async fn a_telemetry_log(lanes: usize) -> (PgConnectOptions, Writer) {
    let database = scratch::database().await;
    let pool = connect(&database, Role::Filtering, 8).await.unwrap();
    (database, Writer::start(&pool, lanes, &Wake::default()))
}

async fn partition(database: &PgConnectOptions, school: u128) -> Partition {
    let pool = connect(database, Role::Directory, 1).await.unwrap();
    let partition =
        join(&mut pool.acquire().await.unwrap(), Owner::School(Uuid::from_u128(school).into())).await.unwrap();
    pool.close().await;
    partition
}

fn batch(partition: Partition, school: u128, id: &str, body: &str) -> NewBatch {
    NewBatch {
        partition,
        school: SchoolId::from(Uuid::from_u128(school)),
        source: SourceId::from(Uuid::from_u128(school + 1_000)),
        batch_id: id.parse().unwrap(),
        digest: *blake3::hash(body.as_bytes()).as_bytes(),
        accepted: 1,
        rejected: json!([]),
        slices: vec![body.as_bytes().to_vec(), b"second slice".to_vec()],
    }
}

async fn stored(database: &PgConnectOptions, partition: Partition) -> Vec<(i64, String, Vec<Vec<u8>>)> {
    let pool = connect(database, Role::Projections, 1).await.unwrap();
    let records =
        TelemetryLog::read(&mut pool.acquire().await.unwrap(), partition, Offset::START, i64::MAX).await.unwrap();
    pool.close().await;
    records.into_iter().map(|(offset, record)| (offset.number(), record.batch_id, record.slices)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_reads_back_as_its_slices_in_order() {
    let (database, writer) = a_telemetry_log(1).await;
    let home = partition(&database, 1).await;
    let answer = writer.append(batch(home, 1, "b-1", "body")).await.unwrap();
    assert!(answer.is_new);
    assert_eq!(
        stored(&database, home).await,
        [(1, "b-1".to_owned(), vec![b"body".to_vec(), b"second slice".to_vec()])]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_sent_many_times_at_once_is_stored_once_and_every_answer_is_the_first() {
    // Several writers stand for several processes: nothing but the database keeps them apart.
    let (database, first) = a_telemetry_log(2).await;
    let home = partition(&database, 1).await;
    let pool = connect(&database, Role::Filtering, 8).await.unwrap();
    let writers = [first, Writer::start(&pool, 1, &Wake::default()), Writer::start(&pool, 3, &Wake::default())];
    let mut sends = JoinSet::new();
    for n in 0..60 {
        let writer = writers[n % writers.len()].clone();
        let id = format!("b-{}", n / 6);
        sends.spawn(async move {
            (id.clone(), writer.append(batch(home, 1, &id, &format!("body of {id}"))).await.unwrap())
        });
    }
    let answers = sends.join_all().await;
    assert_eq!(answers.iter().filter(|(_, answer)| answer.is_new).count(), 10);
    for (id, answer) in &answers {
        assert_eq!(answer.digest, blake3::hash(format!("body of {id}").as_bytes()).as_bytes());
    }
    let offsets: Vec<i64> = stored(&database, home).await.iter().map(|(offset, ..)| *offset).collect();
    assert_eq!(offsets, (1..=10).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_schools_written_at_once_by_several_processes_keep_every_partition_dense() {
    let (database, first) = a_telemetry_log(2).await;
    let pool = connect(&database, Role::Filtering, 8).await.unwrap();
    let second = Writer::start(&pool, 2, &Wake::default());
    let mut homes = Vec::new();
    for school in 1..=12 {
        homes.push((school, partition(&database, school).await));
    }
    let mut sends = JoinSet::new();
    for n in 0..240_usize {
        let (school, home) = homes[n % homes.len()];
        let writer = if n % 2 == 0 { first.clone() } else { second.clone() };
        sends.spawn(async move { writer.append(batch(home, school, &format!("b-{n}"), "body")).await.unwrap() });
    }
    assert!(sends.join_all().await.iter().all(|answer| answer.is_new));
    let partitions: BTreeSet<Partition> = homes.iter().map(|(_, home)| *home).collect();
    let mut total = 0;
    for home in partitions {
        let offsets: Vec<i64> = stored(&database, home).await.iter().map(|(offset, ..)| *offset).collect();
        assert_eq!(offsets, (1..=i64::try_from(offsets.len()).unwrap()).collect::<Vec<_>>());
        total += offsets.len();
    }
    assert_eq!(total, 240);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_is_missing_is_made_by_whoever_folds_and_takes_batches_then() {
    let (database, writer) = a_telemetry_log(1).await;
    let home = partition(&database, 1).await;
    let mut superuser = PgConnection::connect_with(&database).await.unwrap();
    let today = sqlx::query_scalar!(r#"SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date AS "today!""#);
    let today = today.fetch_one(&mut superuser).await.unwrap();
    let drop_it = format!("DROP TABLE telemetry.payload_{}", today.format("%Y%m%d"));
    sqlx::raw_sql(sqlx::AssertSqlSafe(drop_it)).execute(&mut superuser).await.unwrap();
    assert!(writer.append(batch(home, 1, "b-1", "body")).await.is_err());

    make_days(&connect(&database, Role::Projections, 1).await.unwrap(), today).await.unwrap();
    assert!(writer.append(batch(home, 1, "b-1", "body")).await.unwrap().is_new);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_day_is_dropped_once_it_is_counted_and_its_permanent_rows_are_kept() {
    let (database, writer) = a_telemetry_log(1).await;
    let home = partition(&database, 1).await;
    writer.append(batch(home, 1, "b-1", "body")).await.unwrap();
    // As if it had come yesterday; only the owner of the tables could.
    let mut superuser = PgConnection::connect_with(&database).await.unwrap();
    sqlx::raw_sql("UPDATE telemetry.batch SET day = day - 1; UPDATE telemetry.payload SET day = day - 1")
        .execute(&mut superuser)
        .await
        .unwrap();
    writer.append(batch(home, 1, "b-2", "body")).await.unwrap();
    let pool: PgPool = connect(&database, Role::Projections, 1).await.unwrap();
    let slices = async || stored(&database, home).await.iter().map(|(.., slices)| slices.len()).collect::<Vec<_>>();

    drop_days(&pool, 0, 0).await.unwrap();
    assert_eq!(slices().await, [2, 2], "nothing is counted yet");
    sqlx::query!(
        r#"INSERT INTO log.checkpoint (view, partition, "offset") VALUES ('filtering.counts', $1, 2)"#,
        home.number()
    )
    .execute(&pool)
    .await
    .unwrap();
    drop_days(&pool, 1, 1).await.unwrap();
    assert_eq!(slices().await, [2, 2], "yesterday is one day old");
    assert!(!drop_days(&pool, 0, 0).await.unwrap().is_empty());
    assert_eq!(slices().await, [0, 2], "today stays");
    assert!(!writer.append(batch(home, 1, "b-1", "body")).await.unwrap().is_new, "still known");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_holds_up_the_dropping_of_days_while_somebody_makes_it_and_no_longer() {
    let (database, writer) = a_telemetry_log(1).await;
    let home = partition(&database, 1).await;
    writer.append(batch(home, 1, "b-1", "body")).await.unwrap();
    let mut superuser = PgConnection::connect_with(&database).await.unwrap();
    sqlx::raw_sql("UPDATE telemetry.batch SET day = day - 1; UPDATE telemetry.payload SET day = day - 1")
        .execute(&mut superuser)
        .await
        .unwrap();
    writer.append(batch(home, 1, "b-2", "body")).await.unwrap();
    let counted = format!(
        "INSERT INTO log.checkpoint (view, partition, \"offset\") VALUES ('filtering.counts', {home}, 2);
         SELECT log.make_generation('filtering.counts'); SELECT pg_advisory_lock(1465009996, hashtext('filtering.counts'))"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(counted)).execute(&mut superuser).await.unwrap();
    let pool: PgPool = connect(&database, Role::Projections, 1).await.unwrap();
    assert_eq!(drop_days(&pool, 0, 0).await.unwrap(), [""; 0], "the rebuild has not counted yesterday");
    sqlx::raw_sql("SELECT pg_advisory_unlock_all()").execute(&mut superuser).await.unwrap();
    let kept = "UPDATE log.generation SET state = 'kept' WHERE generation = 2";
    let dropped = drop_days(&pool, 0, 0).await.unwrap();
    assert!(dropped.iter().any(|table| table.starts_with("telemetry.payload_")), "{dropped:?}");
    assert!(dropped.iter().any(|table| table.starts_with("filtering_counts_2.seen_")), "{dropped:?}");

    // What is kept to go back to keeps the ids that it will need, and no event for longer than its payload.
    sqlx::raw_sql(kept).execute(&mut superuser).await.unwrap();
    sqlx::raw_sql("UPDATE telemetry.batch SET day = day + 5").execute(&mut superuser).await.unwrap();
    let dropped = drop_days(&pool, 0, 0).await.unwrap();
    assert!(dropped.iter().any(|table| table.starts_with("filtering_counts_1.seen_")), "{dropped:?}");
    assert!(!dropped.iter().any(|table| table.starts_with("filtering_counts_2.seen_")), "{dropped:?}");
    assert!(dropped.iter().any(|table| table.starts_with("filtering_counts_2.flagged_event_")), "{dropped:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_appended_while_another_of_its_partition_commits_comes_after_it() {
    let (database, writer) = a_telemetry_log(1).await;
    let home = partition(&database, 1).await;
    let mut owner = PgConnection::connect_with(&database).await.unwrap();
    let slow = format!(
        "BEGIN; SELECT telemetry.append(ARRAY[{home}]::smallint[], ARRAY[gen_random_uuid()], ARRAY[gen_random_uuid()],
            ARRAY['slow'], ARRAY[sha256('')], ARRAY[0], ARRAY['[]']::jsonb[], ARRAY[]::integer[], ARRAY[]::smallint[],
            ARRAY[]::bytea[])"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(slow)).execute(&mut owner).await.unwrap();
    let second = tokio::spawn(async move { writer.append(batch(home, 1, "b-1", "body")).await });
    let waits =
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    while !sqlx::query_scalar::<_, bool>(waits).fetch_one(&mut owner).await.unwrap() {
        tokio::task::yield_now().await;
    }
    sqlx::raw_sql("COMMIT").execute(&mut owner).await.unwrap();
    assert!(second.await.unwrap().unwrap().is_new);
    let stored: Vec<_> = stored(&database, home).await.into_iter().map(|(offset, id, _)| (offset, id)).collect();
    assert_eq!(stored, [(1, "slow".to_owned()), (2, "b-1".to_owned())]);
}

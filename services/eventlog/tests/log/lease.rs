//! Partitions are shared out, change hands when a process goes, and are never folded by one that lost them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    given::within,
    given_view::{ASLEEP, AWAKE, Counter, Given, Process, Sleepy, counted, until_counted},
};

async fn held(superuser: &mut PgConnection) -> BTreeMap<Option<Uuid>, i64> {
    let rows =
        sqlx::query!(r#"SELECT follower, count(*) AS "n!" FROM log.checkpoint WHERE view = 'test.counter' GROUP BY 1"#);
    rows.fetch_all(superuser).await.unwrap().into_iter().map(|row| (row.follower, row.n)).collect()
}

async fn until_held(given: &mut Given, expected: &[(u128, i64)]) {
    let expected =
        expected.iter().map(|(follower, n)| (Some(Uuid::from_u128(*follower)), *n)).collect::<BTreeMap<_, _>>();
    let shared = async {
        while held(&mut given.superuser).await != expected {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(Duration::from_secs(15), "the partitions to be shared out", shared).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_share_the_partitions_evenly_and_whoever_leaves_hands_over_its_own() {
    let mut given = Given::events(3).await;
    let first = Process::start(&given.pool, Arc::new(Counter::default()), 1);
    until_held(&mut given, &[(1, 64)]).await;
    let second = Process::start(&given.pool, Arc::new(Counter::default()), 2);
    until_held(&mut given, &[(1, 32), (2, 32)]).await;
    let third = Process::start(&given.pool, Arc::new(Counter::default()), 3);
    until_held(&mut given, &[(1, 22), (2, 21), (3, 21)]).await;

    given.append(3..6).await;
    first.stop().await;
    let left = held(&mut given.superuser).await;
    assert!(
        !left.contains_key(&Some(Uuid::from_u128(1))) && !left.contains_key(&None),
        "handed over before it ended: {left:?}"
    );
    until_held(&mut given, &[(2, 32), (3, 32)]).await;
    until_counted(&given.pool, 6).await;
    second.stop().await;
    third.stop().await;
    assert_eq!(held(&mut given.superuser).await, BTreeMap::from([(None, 64)]), "the last one leaves them free");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_is_replaced_as_soon_as_its_connection_is_gone() {
    let given = Given::events(3).await;
    let first = Process::start(&given.pool, Arc::new(Counter::default()), 1);
    given.until_held_by(first.follower).await;
    first.kill().await;
    let began = tokio::time::Instant::now();
    let second = Process::start(&given.pool, Arc::new(Counter::default()), 2);
    given.until_held_by(second.follower).await;
    assert!(began.elapsed() < Duration::from_secs(9), "well before its heartbeat has lapsed: {:?}", began.elapsed());
    until_counted(&given.pool, 3).await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_whose_heartbeat_stands_still_is_replaced_though_its_connection_is_there() {
    let mut given = Given::events(3).await;
    let stands_still = Uuid::from_u128(1);
    sqlx::query!(
        r#"WITH f AS (INSERT INTO log.follower VALUES ('test.counter', $1, 7)),
                c AS (INSERT INTO log.checkpoint (view, partition, "offset", follower)
                      SELECT 'test.counter', p, 0, $1 FROM generate_series(0, 63) p)
           SELECT pg_advisory_lock(1465009995, hashtext($1::uuid::text))"#,
        stands_still,
    )
    .execute(&mut given.superuser)
    .await
    .unwrap();
    let began = tokio::time::Instant::now();
    let second = Process::start(&given.pool, Arc::new(Counter::default()), 2);
    given.until_held_by(second.follower).await;
    assert!(began.elapsed() > Duration::from_secs(9), "not before it has lapsed: {:?}", began.elapsed());
    until_counted(&given.pool, 3).await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_slept_through_the_loss_of_its_lease_moves_nothing() {
    let mut given = Given::events(3).await;
    let sleeper = Process::start(&given.pool, Arc::new(Sleepy::default()), 1);
    ASLEEP.acquire().await.unwrap().forget();
    assert_eq!(given.lease().await.0, Some(sleeper.follower));
    sqlx::query!("UPDATE log.checkpoint SET epoch = epoch + 1, follower = $1", Uuid::from_u128(9))
        .execute(&mut given.superuser)
        .await
        .unwrap();
    AWAKE.add_permits(1);
    sleeper.stop().await;
    assert_eq!(counted(&given.pool).await, 0);
}

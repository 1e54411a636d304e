//! An event that a view cannot fold stops that view in that partition, and is passed over only by a recorded decision.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use eventlog::{Offset, Owner, ProjectionError, SkipError, catch_up, join, skip, stops};
use schema::TrustId;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::{
    given::{append_one, within},
    given_view::{Counter, Given, Process, counted, until_counted},
};

/// A view that cannot fold the eighth of twelve events, and waits before it.
async fn a_stopped_view(panics: bool) -> (Given, Arc<Counter>, Process) {
    let given = Given::events(12).await;
    let view = Arc::new(Counter::default());
    view.poison.store(8, Ordering::SeqCst);
    view.panics.store(panics, Ordering::SeqCst);
    let process = Process::start(&given.pool, Arc::clone(&view), 1);
    until_counted(&given.pool, 7).await;
    let stopped = async {
        while stops(&mut given.pool.acquire().await.unwrap()).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    within(Duration::from_secs(15), "the stop to be recorded", stopped).await;
    (given, view, process)
}

/// One event in another partition.
async fn append_elsewhere(given: &Given, events: i64) {
    let mut transaction = given.appends.begin().await.unwrap();
    for owner in (2..).map(|n| Owner::Trust(TrustId::from(Uuid::from_u128(n)))) {
        if join(&mut transaction, owner).await.unwrap() != given.partition {
            for version in 0..events {
                append_one(&mut transaction, owner, "elsewhere", version, &format!("elsewhere-{version}"))
                    .await
                    .unwrap();
            }
            break;
        }
    }
    transaction.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_catches_up_with_everything_but_what_waits_before_a_poison_event() {
    let given = Given::events(12).await;
    append_elsewhere(&given, 12).await;
    let view = Counter::default();
    view.poison.store(8, Ordering::SeqCst);
    let outcome = catch_up(&given.pool, &view).await;
    assert!(matches!(outcome, Err(ProjectionError::Poison { offset: 8, .. })), "{outcome:?}");
    assert_eq!(counted(&given.pool).await, 14, "up to the eighth event of either partition");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_folds_all_before_a_poison_event_and_waits_there_while_other_partitions_go_on() {
    for panics in [false, true] {
        let (given, _, process) = a_stopped_view(panics).await;
        let stops = stops(&mut given.pool.acquire().await.unwrap()).await.unwrap();
        assert_eq!(stops.len(), 1);
        assert_eq!((stops[0].partition, stops[0].offset.number()), (given.partition, 8));
        let reason = if panics { "panicked" } else { "told to fail" };
        assert!(stops[0].reason.contains(reason), "{}", stops[0].reason);

        append_elsewhere(&given, 1).await;
        until_counted(&given.pool, 8).await;
        process.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_decision_passes_over_the_event_and_it_alone() {
    let (mut given, _, process) = a_stopped_view(false).await;
    let superuser = &mut given.superuser;
    let not_there = skip(superuser, "test.counter", (given.partition, Offset::of_row(9)), "it-manager", "why").await;
    assert!(matches!(not_there, Err(SkipError::NotStopped { .. })), "{not_there:?}");
    skip(superuser, "test.counter", (given.partition, Offset::of_row(8)), "it-manager", "written by a broken release")
        .await
        .unwrap();
    until_counted(&given.pool, 11).await;
    process.stop().await;
    let refused = sqlx::query!("DELETE FROM log.skip").execute(&mut given.superuser).await.unwrap_err();
    assert_eq!(
        refused.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref(),
        Some("WL001"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_has_been_mended_goes_on_by_itself() {
    let (mut given, view, process) = a_stopped_view(false).await;
    view.poison.store(0, Ordering::SeqCst);
    assert_eq!(counted(&given.pool).await, 7);
    // It is tried once a minute; the test puts the last try a minute back instead of waiting.
    sqlx::query!("UPDATE log.stopped SET tried_at = tried_at - interval '61 s'")
        .execute(&mut given.superuser)
        .await
        .unwrap();
    until_counted(&given.pool, 12).await;
    process.stop().await;
    assert!(stops(&mut given.superuser).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_was_folded_after_all_is_not_skipped() {
    let mut given = Given::events(12).await;
    catch_up(&given.pool, &Counter::default()).await.unwrap();
    sqlx::query!(
        "INSERT INTO log.stopped VALUES ('test.counter', $1, 8, 'recorded late', now(), now(), 1)",
        given.partition.number(),
    )
    .execute(&mut given.superuser)
    .await
    .unwrap();
    let skipped = skip(&mut given.superuser, "test.counter", (given.partition, Offset::of_row(8)), "it", "why").await;
    assert!(matches!(skipped, Err(SkipError::NotStopped { .. })), "{skipped:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_comes_while_a_fold_waits_for_the_checkpoint_is_kept() {
    let mut given = Given::events(3).await;
    sqlx::query!(
        r#"INSERT INTO log.checkpoint (view, partition, "offset") SELECT 'test.counter', p, 0 FROM generate_series(0, 63) p"#
    )
    .execute(&mut given.superuser)
    .await
    .unwrap();
    let mut held = given.superuser.begin().await.unwrap();
    sqlx::query!("SELECT FROM log.checkpoint WHERE view = 'test.counter' FOR UPDATE")
        .fetch_all(&mut *held)
        .await
        .unwrap();
    let pool = given.pool.clone();
    let folding = tokio::spawn(async move { catch_up(&pool, &Counter::default()).await });
    let mut other = PgConnection::connect_with(&given.database).await.unwrap();
    let waits = async {
        let waiting = r#"SELECT count(*) AS "n!" FROM pg_stat_activity
                         WHERE datname = current_database() AND wait_event_type = 'Lock'"#;
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut other).await.unwrap() == 0 {
            tokio::task::yield_now().await;
        }
    };
    within(Duration::from_secs(15), "the fold to wait", waits).await;
    sqlx::query!(
        "INSERT INTO log.skip (view, partition, \"offset\", reason, actor) VALUES ('test.counter', $1, 2, 'why', 'who')",
        given.partition.number(),
    )
    .execute(&mut other)
    .await
    .unwrap();
    held.commit().await.unwrap();
    folding.await.unwrap().unwrap();
    assert_eq!(counted(&given.pool).await, 2);
}

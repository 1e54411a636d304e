//! An event that a view cannot fold stops that view in that partition, and is passed over only by a recorded decision.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use eventlog::{Offset, Owner, SkipError, join, skip, stops};
use schema::TrustId;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_view_folds_all_before_a_poison_event_and_waits_there_while_other_partitions_go_on() {
    for panics in [false, true] {
        let (given, _, process) = a_stopped_view(panics).await;
        let stops = stops(&mut given.pool.acquire().await.unwrap()).await.unwrap();
        assert_eq!(stops.len(), 1);
        assert_eq!((stops[0].partition, stops[0].offset.number()), (given.partition, 8));
        let reason = if panics { "panicked" } else { "told to fail" };
        assert!(stops[0].reason.contains(reason), "{}", stops[0].reason);

        let mut transaction = given.appends.begin().await.unwrap();
        let elsewhere = (2..).map(|n| Owner::Trust(TrustId::from(Uuid::from_u128(n))));
        for owner in elsewhere {
            if join(&mut transaction, owner).await.unwrap() != given.partition {
                append_one(&mut transaction, owner, "elsewhere", 0, "elsewhere").await.unwrap();
                break;
            }
        }
        transaction.commit().await.unwrap();
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

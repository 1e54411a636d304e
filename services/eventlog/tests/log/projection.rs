//! A view and how far it has read move together, or not at all.

use std::sync::{Arc, atomic::Ordering};

use eventlog::{ProjectionError, Wake, catch_up, run};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::given_view::{Counter, Given, counted, until_counted};

#[tokio::test(flavor = "multi_thread")]
async fn a_projection_that_fails_leaves_neither_rows_nor_a_moved_checkpoint() {
    let Given { pool, .. } = Given::events(12).await;
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
    let Given { pool, .. } = Given::events(120).await;
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
    let Given { pool, mut superuser, .. } = Given::events(3).await;
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
    let Given { pool, .. } = Given::events(1).await;
    let (wake, stop) = (Wake::default(), CancellationToken::new());
    let view = Arc::new(Counter::default());
    let running = tokio::spawn(run(pool.clone(), view, wake.clone(), Uuid::from_u128(1), stop.clone()));
    until_counted(&pool, 1).await;
    stop.cancel();
    running.await.unwrap();
}

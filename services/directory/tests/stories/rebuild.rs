//! A view rebuilt beside the one that is shown holds the same, takes its place, and can give it back.

mod limits;
mod under_load;

use std::sync::Arc;

use directory::{DirectoryView, commands::RegisterSource};
use eventlog::{Rebuild, RebuildError, Wake, go_back, run};
use schema::Vocabulary;
use sqlx::{Connection, PgConnection};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    house::{House, SAMPLE},
    views::a_busy_year,
};

async fn shown_names(house: &House) -> Vec<String> {
    sqlx::query_scalar!(r#"SELECT name AS "name!" FROM directory.school ORDER BY 1"#)
        .fetch_all(&house.directory)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_rebuilt_from_the_log_holds_the_same_rows_and_takes_the_place_of_the_shown_one() {
    let house = House::new().await;
    a_busy_year(&house).await;
    let before = shown_names(&house).await;
    assert!(before.len() > 100, "there is something to rebuild");
    let rebuild = Rebuild::begin(&house.options, &DirectoryView).await.unwrap();
    let mut reports = Vec::new();
    rebuild.fill(|filled| reports.push(filled)).await.unwrap();
    assert_eq!(reports.first().map(|filled| filled.records), Some(0));
    assert!(
        reports.last().is_some_and(|filled| filled.records == filled.of && filled.of > 300),
        "{:?}",
        reports.last()
    );
    assert_eq!(rebuild.compare().await.unwrap(), []);
    rebuild.take_over().await.unwrap();
    assert_eq!(shown_names(&house).await, before);

    // What is shown now is the new generation, folded on by whoever folds the view; readers still need a scope.
    house.import(&SAMPLE.replace(",Open,,,8", ",Open,,,11"), 60).await;
    let generation = sqlx::query_scalar!(
        "SELECT count(*) FROM pg_views WHERE schemaname = 'directory' AND definition LIKE '%directory_2.%'"
    );
    assert_eq!(generation.fetch_one(&house.directory).await.unwrap(), Some(7));
    let unscoped = sqlx::query_scalar!("SELECT count(*) FROM published.school_v1");
    assert_eq!(unscoped.fetch_one(&house.gateway).await.unwrap(), Some(0));
    let again = Rebuild::begin(&house.options, &DirectoryView).await.unwrap();
    again.fill(|_| {}).await.unwrap();
    assert_eq!(again.compare().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_never_rests_does_not_keep_a_rebuild_from_ending() {
    let house = House::new().await;
    a_busy_year(&house).await;
    let school = house.school(103_217).await;
    let rebuild = Rebuild::begin(&house.options, &DirectoryView).await.unwrap();
    let mut events = 0;
    // Whenever it tells how far it is, there is one event more.
    let filling = rebuild.fill(|_| {
        events += 1;
        let (name, command) = (format!("Filter {events}").parse().unwrap(), format!("endless-{events}"));
        let filter = RegisterSource { school, name, vocabulary: Vocabulary::Ut1 };
        let told = house.tell(school, filter, &command);
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(told)).unwrap();
    });
    let filled = tokio::time::timeout(std::time::Duration::from_secs(30), filling).await;
    filled.expect("filled within 30 s").unwrap();
    house.catch_up().await;
    assert_eq!(rebuild.compare().await.unwrap(), []);
    rebuild.take_over().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuilt_view_that_differs_says_in_which_table() {
    let house = House::new().await;
    a_busy_year(&house).await;
    let mut owner = PgConnection::connect_with(&house.options).await.unwrap();
    sqlx::query!("UPDATE directory_1.trust SET name = name || '?' WHERE uid = '5143'")
        .execute(&mut owner)
        .await
        .unwrap();
    let rebuild = Rebuild::begin(&house.options, &DirectoryView).await.unwrap();
    rebuild.fill(|_| {}).await.unwrap();
    let differences = rebuild.compare().await.unwrap();
    assert_eq!(differences.len(), 1, "{differences:?}");
    assert_eq!(differences[0].table, "trust");
    assert!(differences[0].shown.is_some() && differences[0].shown == differences[0].rebuilt);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_events_come_and_the_shown_view_runs_the_change_over_loses_and_repeats_nothing() {
    let house = House::new().await;
    let (stop, wake) = (CancellationToken::new(), Wake::default());
    let view = Arc::new(DirectoryView);
    let running = tokio::spawn(run(house.projections.clone(), view, wake.clone(), Uuid::from_u128(1), stop.clone()));
    let coming = async {
        for import in 0..4 {
            house.import(&SAMPLE.replace("Academy", &format!("Academy {import}")), import).await;
        }
    };
    let rebuilding = async {
        for _ in 0..3 {
            let rebuild = Rebuild::begin(&house.options, &DirectoryView).await.unwrap();
            rebuild.fill(|_| {}).await.unwrap();
            assert_eq!(rebuild.compare().await.unwrap(), []);
            rebuild.take_over().await.unwrap();
        }
    };
    tokio::join!(coming, rebuilding);
    house.catch_up().await;
    stop.cancel();
    running.await.unwrap();
    let rebuild = Rebuild::begin(&house.options, &DirectoryView).await.unwrap();
    rebuild.fill(|_| {}).await.unwrap();
    assert_eq!(rebuild.compare().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_shown_before_can_be_shown_again_and_catches_up() {
    let house = House::new().await;
    house.import(SAMPLE, 0).await;
    assert!(matches!(go_back::<DirectoryView>(&house.options).await, Err(RebuildError::NothingKept { .. })));
    let rebuild = Rebuild::begin(&house.options, &DirectoryView).await.unwrap();
    rebuild.take_over().await.unwrap();
    house.import(&SAMPLE.replace("Academy", "College"), 1).await;
    let now = shown_names(&house).await;

    go_back::<DirectoryView>(&house.options).await.unwrap();
    assert_ne!(shown_names(&house).await, now, "it is as it was left");
    house.catch_up().await;
    assert_eq!(shown_names(&house).await, now);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_rebuilds_of_one_view_do_not_meet() {
    let house = House::new().await;
    let _first = Rebuild::begin(&house.options, &DirectoryView).await.unwrap();
    let second = Rebuild::begin(&house.options, &DirectoryView).await;
    assert!(matches!(second, Err(RebuildError::Underway { view: "directory" })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_rebuilt_before_an_event_was_skipped_is_not_shown() {
    let house = House::new().await;
    house.import(SAMPLE, 0).await;
    let rebuild = Rebuild::begin(&house.options, &DirectoryView).await.unwrap();
    rebuild.fill(|_| {}).await.unwrap();
    let mut owner = PgConnection::connect_with(&house.options).await.unwrap();
    sqlx::query!(
        r#"INSERT INTO log.skip (view, partition, "offset", reason, actor)
           SELECT 'directory', e.partition, 1, 'why', 'who' FROM log.event e LIMIT 1"#
    )
    .execute(&mut owner)
    .await
    .unwrap();
    let refused = rebuild.take_over().await.unwrap_err();
    assert!(refused.to_string().contains("skipped since"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shown_view_that_nobody_folds_is_not_waited_for_for_ever() {
    let house = House::new().await;
    house.import(SAMPLE, 0).await;
    sqlx::query!(r#"UPDATE log.checkpoint SET "offset" = 0 WHERE view = 'directory'"#)
        .execute(&house.projections)
        .await
        .unwrap();
    let rebuild = Rebuild::begin(&house.options, &DirectoryView).await.unwrap();
    rebuild.fill(|_| {}).await.unwrap();
    let compared = rebuild.compare().await;
    assert!(matches!(compared, Err(RebuildError::ShownIsBehind { .. })), "{compared:?}");
}

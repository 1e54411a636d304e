//! The counts made anew from the log, with the ids that they remember.

use eventlog::{Rebuild, go_back};
use filtering::views::Counts;
use serde_json::json;
use sqlx::{Connection, PgConnection};

use crate::{
    answers::post,
    given::{House, event},
};

#[tokio::test(flavor = "multi_thread")]
async fn counts_made_anew_are_the_same_and_remember_the_same_ids() {
    let house = House::build().await;
    let (filter, door) = (house.filter().await, house.open());
    for (batch, id) in [("b-1", "e-1"), ("b-2", "e-2"), ("b-3", "e-1")] {
        let mut event = event();
        event["id"] = json!(id);
        post(format!("{door}/v1/filter-events"), &filter.key, batch, "application/x-ndjson", event.to_string()).await;
    }
    house.count().await;
    let rebuild = Rebuild::begin(&house.database, &Counts).await.unwrap();
    rebuild.fill(|_| {}).await.unwrap();
    assert_eq!(rebuild.compare().await.unwrap(), []);

    let mut owner = PgConnection::connect_with(&house.database).await.unwrap();
    sqlx::query!("UPDATE filtering_counts_1.seen SET event_hash = event_hash + 1").execute(&mut owner).await.unwrap();
    let differences = rebuild.compare().await.unwrap();
    assert!(differences.len() == 1 && differences[0].table.starts_with("seen_"), "{differences:?}");
    rebuild.abandon().await.unwrap();
    let left = sqlx::query_scalar!("SELECT count(*) FROM pg_namespace WHERE nspname = 'filtering_counts_2'");
    assert_eq!(left.fetch_one(&mut owner).await.unwrap(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_that_were_shown_before_can_be_shown_again_and_go_on_from_there() {
    let house = House::build().await;
    let (filter, url) = (house.filter().await, format!("{}/v1/filter-events", house.open()));
    let send = async |batch| {
        post(url.clone(), &filter.key, batch, "application/x-ndjson", event().to_string()).await;
        house.count().await;
    };
    let shown = async || house.counts(filter.sender.school).await.iter().map(|(.., events)| events).sum::<i64>();
    send("b-1").await;
    Rebuild::begin(&house.database, &Counts).await.unwrap().take_over().await.unwrap();
    send("b-2").await;
    assert_eq!(shown().await, 2);

    go_back::<Counts>(&house.database).await.unwrap();
    assert_eq!(shown().await, 1, "as it was left");
    house.count().await;
    assert_eq!(shown().await, 2);
}

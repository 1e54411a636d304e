//! What follows from an event is commanded once, however often the event is taken up.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use eventlog::{
    Append, Cause, EventRecord, Occurred, Owner, ProjectionError, Reacting, Reactor, append, catch_up, join, load,
    load_as_of,
};
use schema::{
    TrustId,
    directory::{TrustEvent, TrustRenamed},
};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::given_view::{Given, Process};

/// Answers every event of the stream `stream` with one of another owner's; dies before it says so, every second time.
struct Echo {
    appends: PgPool,
    times: AtomicUsize,
}

fn echoes() -> Owner {
    Owner::Trust(TrustId::from(Uuid::from_u128(999)))
}

impl Reactor for Echo {
    const NAME: &'static str = "test.echo";

    async fn react(&self, event: &EventRecord, cause: Cause) -> Result<(), ProjectionError> {
        if event.stream != "stream" {
            return Ok(());
        }
        let mut transaction = self.appends.begin().await?;
        join(&mut transaction, echoes()).await?;
        let expected = stored(&mut transaction).await.len();
        let echo = TrustEvent::Renamed(TrustRenamed { name: format!("echo of version {}", event.version) });
        let events = [Occurred { at: event.occurred_at, event: echo }];
        let expected = i64::try_from(expected).unwrap();
        append(&mut transaction, Append { owner: echoes(), stream: "echo", expected, cause: &cause, events: &events })
            .await
            .unwrap();
        transaction.commit().await?;
        if self.times.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) {
            return Err(ProjectionError::Database(sqlx::Error::WorkerCrashed));
        }
        Ok(())
    }
}

async fn stored(connection: &mut PgConnection) -> Vec<String> {
    let echoes = load::<TrustEvent>(connection, echoes(), "echo").await.unwrap();
    echoes
        .into_iter()
        .map(|stored| match stored.event {
            TrustEvent::Renamed(TrustRenamed { name }) => name,
            TrustEvent::Registered(_) => unreachable!(),
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_taken_up_again_after_a_crash_has_one_reaction() {
    let given = Given::events(2).await;
    let echo = Arc::new(Reacting(Echo { appends: given.appends.clone(), times: AtomicUsize::new(0) }));
    catch_up(&given.pool, echo.as_ref()).await.unwrap();
    let process = Process::start(&given.pool, Arc::clone(&echo), 1);
    given.append(2..5).await;
    let mut connection = given.appends.acquire().await.unwrap();
    let all = async {
        while echo.0.times.load(Ordering::SeqCst) < 6 {
            tokio::task::yield_now().await;
        }
    };
    crate::given::within(std::time::Duration::from_secs(15), "every event to be taken up twice", all).await;
    process.stop().await;
    let expected = ["echo of version 3", "echo of version 4", "echo of version 5"];
    assert_eq!(stored(&mut connection).await, expected, "those before its first run have none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_can_be_read_as_it_was_known_at_an_instant() {
    let given = Given::events(3).await;
    let owner = Owner::Trust(TrustId::from(Uuid::from_u128(1)));
    let mut connection = given.appends.acquire().await.unwrap();
    let all = load::<TrustEvent>(&mut connection, owner, "stream").await.unwrap();
    let then = all[1].recorded_at;
    let known = load_as_of::<TrustEvent>(&mut connection, owner, "stream", Some(then)).await.unwrap();
    assert_eq!(known, all[..2]);
    let before = all[0].recorded_at - chrono::Duration::microseconds(1);
    assert_eq!(load_as_of::<TrustEvent>(&mut connection, owner, "stream", Some(before)).await.unwrap(), []);
}

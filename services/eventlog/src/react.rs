//! Turning events into commands, each once.

use sqlx::PgConnection;

use crate::{Cause, DomainLog, EventRecord, Offset, Projection, ProjectionError, Start};

/// What follows from events: a command to whoever it is for.
///
/// It is run as a projection is ([`Reacting`]): leased, one event after another in a partition, stopped before an event
/// that it cannot take. It begins with the events that come after its first run, and no rebuild runs it.
pub trait Reactor: Send + Sync + 'static {
    /// Its name, for ever: part of the command ids that it makes.
    const NAME: &'static str;

    /// Commands what follows from `event`, and returns when that is durable.
    ///
    /// An event comes again when the process died in between. `cause` has the same command id each time, made of the
    /// event's position, so the second command finds the first one's events. At most 8 seconds: PostgreSQL then takes the
    /// process for gone, and another one gets the event.
    fn react(&self, event: &EventRecord, cause: Cause) -> impl Future<Output = Result<(), ProjectionError>> + Send;
}

/// A reactor as a follower of the domain log.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reacting<R>(pub R);

impl<R: Reactor> Projection for Reacting<R> {
    type Log = DomainLog;
    const NAME: &'static str = R::NAME;
    // One: the checkpoint follows each reaction, so at most one is asked for again.
    const TAKES: i64 = 1;
    const START: Start = Start::Now;

    async fn apply(&self, _: &mut PgConnection, events: Vec<(Offset, EventRecord)>) -> Result<(), ProjectionError> {
        for (_, event) in events {
            self.0.react(&event, cause::<R>(&event)?).await?;
        }
        Ok(())
    }
}

fn cause<R: Reactor>(event: &EventRecord) -> Result<Cause, ProjectionError> {
    let id = format!("{}-{}-{}", R::NAME, event.partition, event.offset);
    let poison = |reason: String| ProjectionError::Poison { offset: event.offset.number(), reason };
    Ok(Cause {
        command_id: id.parse().map_err(|error: schema::IdError| poison(error.to_string()))?,
        actor: R::NAME.to_owned(),
        correlation_id: event.correlation_id,
        causation_id: Some(event.id()),
        traceparent: None,
    })
}

//! The command side, once for all contexts: load, decide, append, and decide again when somebody else came first.
//!
//! A context writes its aggregates ([`Aggregate`]: state, commands, `decide`, `evolve`) and who may command what.

use std::fmt;

use blake3::Hasher;
use chrono::{DateTime, Utc};
use data_encoding::HEXLOWER;
use futures_util::future::BoxFuture;
use schema::{CommandId, DomainEvent};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{
    Append, AppendError, Appended, Cause, Occurred, Offset, Owner, Partition, Position, StreamError, append, join, load,
};

/// How often a command is decided again because somebody else's came first.
const RETRIES: usize = 3;

/// A kind of stream: the state that its events fold into, and the rule by which a command adds to them. Pure: instants,
/// ids and randomness come with the command.
pub trait Aggregate: Default + Send + 'static {
    /// What can be asked of it.
    type Command: Clone + Send + Sync + 'static;
    /// What can have happened to it.
    type Event: DomainEvent + Clone + Sync + 'static;
    /// Why it refuses.
    type Error: std::error::Error + Send + 'static;

    /// The events that `command` leads to; none when what it asks for is so already.
    fn decide(&self, command: &Self::Command) -> Result<Vec<Self::Event>, Self::Error>;

    /// The state after `event`. Total: an event that `decide` could not have led to changes nothing.
    #[must_use]
    fn evolve(self, event: &Self::Event) -> Self;

    /// The state after all of `events`, the oldest first.
    fn after<'a>(events: impl IntoIterator<Item = &'a Self::Event>) -> Self {
        events.into_iter().fold(Self::default(), Self::evolve)
    }
}

/// A stream and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// Whose.
    pub owner: Owner,
    /// Its name, such as `school-<id>`.
    pub name: String,
}

/// What led to a command.
#[derive(Debug, Clone)]
pub enum Origin {
    /// A sender, who chose the command's id: sent again with the same id, it is answered with what it led to.
    Sender(Cause),
    /// A source that has no ids, such as a register's file. The same events decided on the same version are the same
    /// command: sent twice they are recorded once, and a source that repeats itself, after it said otherwise, is heard.
    Content {
        /// Who says so; also the beginning of the ids.
        actor: &'static str,
        /// Ties together all that one reading of the source led to.
        correlation_id: Uuid,
    },
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done<E> {
    /// What it led to; nothing when what it asks for was so already.
    pub events: Vec<E>,
    /// What the log says of them.
    pub appended: Option<Appended>,
    /// Where the last event is that this rests on: a view that has folded it shows what the command asked for. None if
    /// there is none.
    pub position: Option<Position>,
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum CommandError<R: fmt::Debug + fmt::Display> {
    /// The aggregate's rules refuse it.
    #[error("{0}")]
    Refused(R),
    /// There is no such record, or none that the sender may know of.
    #[error("there is no such record")]
    Unknown,
    /// Others kept changing the same stream; nothing was recorded.
    #[error("others are changing the same record: try again")]
    Contended,
    /// The command id was used for something else.
    #[error("the command id was used before, for another record")]
    CommandIdReused,
    /// The stream cannot be read.
    #[error(transparent)]
    Unreadable(StreamError),
    /// What the command needs besides the log could not be had; nothing was recorded.
    #[error("{0}")]
    Unprepared(Box<dyn std::error::Error + Send + Sync>),
    /// The database refused or could not be reached. If this happened on commit, the outcome is unknown: send the
    /// command again with the same id.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Decides on the stream as it is and appends what follows, in one transaction that a dropped request does not cut short.
/// A sender's command id that is stored already is not decided again: what it led to comes back.
///
/// `R` is the caller's own kind of refusal, which takes in the aggregate's.
pub async fn execute<A: Aggregate, R: Refuses<A>>(
    pool: &PgPool,
    stream: Stream,
    command: A::Command,
    at: DateTime<Utc>,
    origin: Origin,
) -> Result<Done<A::Event>, CommandError<R>> {
    execute_if::<A, R>(pool, stream, command, at, origin, |_| Box::pin(async { Ok(()) })).await
}

/// The same if `holds`, which is asked of other records in the same transaction, before the decision. What is stored
/// already is not asked for again: it may have ceased to hold since.
pub async fn execute_if<A: Aggregate, R: Refuses<A>>(
    pool: &PgPool,
    stream: Stream,
    command: A::Command,
    at: DateTime<Utc>,
    origin: Origin,
    holds: impl for<'c> Fn(&'c mut PgConnection) -> BoxFuture<'c, Result<(), CommandError<R>>>
    + Clone
    + Send
    + Sync
    + 'static,
) -> Result<Done<A::Event>, CommandError<R>> {
    let mut retries = RETRIES;
    loop {
        let (stream, command, origin, holds) = (stream.clone(), command.clone(), origin.clone(), holds.clone());
        let done = database::transact(pool, move |connection| {
            Box::pin(async move { once::<A, R>(connection, &stream, &command, at, &origin, &holds).await })
        })
        .await;
        match done {
            Err(CommandError::Contended) if retries > 0 => retries -= 1,
            done => return done,
        }
    }
}

/// A kind of refusal that takes in an aggregate's.
pub trait Refuses<A: Aggregate>: From<A::Error> + fmt::Debug + fmt::Display + Send + 'static {}

impl<A: Aggregate, R: From<A::Error> + fmt::Debug + fmt::Display + Send + 'static> Refuses<A> for R {}

async fn once<A: Aggregate, R: Refuses<A>>(
    connection: &mut PgConnection,
    stream: &Stream,
    command: &A::Command,
    at: DateTime<Utc>,
    origin: &Origin,
    holds: &(impl for<'c> Fn(&'c mut PgConnection) -> BoxFuture<'c, Result<(), CommandError<R>>> + Sync),
) -> Result<Done<A::Event>, CommandError<R>> {
    if let Origin::Sender(cause) = origin
        && let Some(done) = done_before(&mut *connection, stream, cause).await?
    {
        return Ok(done);
    }
    holds(&mut *connection).await?;
    let stored = load::<A::Event>(&mut *connection, stream.owner, &stream.name).await?;
    let expected = stored.last().map_or(0, |last| last.version);
    let events = A::after(stored.iter().map(|stored| &stored.event)).decide(command);
    let events = events.map_err(|refusal| CommandError::Refused(refusal.into()))?;
    if events.is_empty() {
        return Ok(Done { events, appended: None, position: stored.last().map(|last| last.position) });
    }
    join(&mut *connection, stream.owner).await?;
    let occurred: Vec<_> = events.iter().map(|event| Occurred { at, event: event.clone() }).collect();
    let cause = origin.cause(expected, &events);
    let what = Append { owner: stream.owner, stream: &stream.name, expected, cause: &cause, events: &occurred };
    let appended = append(&mut *connection, what).await?;
    if appended.replayed
        && let Some(done) = done_before(connection, stream, &cause).await?
    {
        return Ok(done);
    }
    Ok(Done { events, appended: Some(appended), position: Some(appended.position()) })
}

/// What the command led to when it was sent before.
async fn done_before<E: DomainEvent, R: fmt::Debug + fmt::Display>(
    connection: &mut PgConnection,
    stream: &Stream,
    cause: &Cause,
) -> Result<Option<Done<E>>, CommandError<R>> {
    let rows = sqlx::query!(
        r#"SELECT partition, "offset", stream, version, type, type_version, recorded_at, payload FROM log.event
           WHERE owner_id = $1 AND command_id = $2 ORDER BY command_event"#,
        stream.owner.id(),
        cause.command_id.as_str(),
    );
    let rows = rows.fetch_all(connection).await?;
    let Some(last) = rows.last() else { return Ok(None) };
    if last.stream != stream.name {
        return Err(CommandError::CommandIdReused);
    }
    let appended = Appended {
        partition: Partition(last.partition),
        last_offset: Offset(last.offset),
        version: last.version,
        recorded_at: last.recorded_at,
        replayed: true,
    };
    let events = rows.iter().map(|row| {
        E::decode(&row.r#type, row.type_version, &row.payload)
            .map_err(|source| StreamError::Decode { version: row.version, source })
    });
    let events = events.collect::<Result<_, _>>()?;
    Ok(Some(Done { events, appended: Some(appended), position: Some(appended.position()) }))
}

impl Origin {
    fn cause(&self, version: i64, events: &[impl DomainEvent]) -> Cause {
        match self {
            Self::Sender(cause) => cause.clone(),
            Self::Content { actor, correlation_id } => Cause {
                command_id: content_id(actor, version, events),
                actor: (*actor).to_owned(),
                correlation_id: *correlation_id,
                causation_id: None,
                traceparent: None,
            },
        }
    }
}

#[expect(clippy::expect_used, reason = "a word, 64 hex digits and a number are short visible ASCII")]
fn content_id(actor: &str, version: i64, events: &[impl DomainEvent]) -> CommandId {
    let digest = events.iter().fold(Hasher::new(), |mut digest, event| {
        digest.update(event.name().as_bytes()).update(&event.encode());
        digest
    });
    let digest = HEXLOWER.encode(digest.finalize().as_bytes());
    format!("{actor}-{digest}-{version}").parse().expect("a command id")
}

impl<R: fmt::Debug + fmt::Display> From<StreamError> for CommandError<R> {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Database(error) => Self::Database(error),
            StreamError::Decode { .. } => Self::Unreadable(error),
        }
    }
}

impl<R: fmt::Debug + fmt::Display> From<AppendError> for CommandError<R> {
    fn from(error: AppendError) -> Self {
        match error {
            // `execute` appends only what a decision led to.
            AppendError::Conflict { .. } | AppendError::NoEvents => Self::Contended,
            AppendError::CommandIdReused => Self::CommandIdReused,
            AppendError::Database(error) => Self::Database(error),
        }
    }
}

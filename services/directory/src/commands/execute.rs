//! One command on one stream.

use blake3::Hasher;
use chrono::{DateTime, Utc};
use data_encoding::HEXLOWER;
use eventlog::{Append, Appended, Cause, Occurred, Owner, append, join, load};
use schema::{CommandId, DomainEvent};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::DirectoryError;
use crate::domain::Aggregate;

/// How often a command is decided again because somebody else's came first.
const RETRIES: usize = 3;

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done<E> {
    /// What it led to; nothing when what it asks for was so already.
    pub events: Vec<E>,
    /// Where that is in the log.
    pub appended: Option<Appended>,
}

/// A stream and whose it is.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    pub(crate) owner: Owner,
    pub(crate) name: String,
}

/// What leads to an append.
#[derive(Debug, Clone)]
pub(crate) enum Because {
    /// A sender, who chose the command's id.
    Sender(Cause),
    /// The register. The same events decided on the same version are the same command: sent twice they are recorded
    /// once, and a file that repeats an older one, after another said otherwise, is heard.
    Register {
        /// Ties together all that one import led to.
        correlation_id: Uuid,
    },
}

/// Decides on the stream as it is and appends what follows.
pub(crate) async fn execute<A: Aggregate>(
    pool: &PgPool,
    stream: Stream,
    command: A::Command,
    at: DateTime<Utc>,
    because: Because,
) -> Result<Done<A::Event>, DirectoryError>
where
    DirectoryError: From<A::Error>,
{
    let mut retries = RETRIES;
    loop {
        let (stream, command, because) = (stream.clone(), command.clone(), because.clone());
        let done = database::transact(pool, move |connection| {
            Box::pin(async move { once::<A>(connection, &stream, &command, at, &because).await })
        })
        .await;
        match done {
            Err(DirectoryError::Contended) if retries > 0 => retries -= 1,
            done => return done,
        }
    }
}

async fn once<A: Aggregate>(
    connection: &mut PgConnection,
    stream: &Stream,
    command: &A::Command,
    at: DateTime<Utc>,
    because: &Because,
) -> Result<Done<A::Event>, DirectoryError>
where
    DirectoryError: From<A::Error>,
{
    let stored = load::<A::Event>(&mut *connection, stream.owner, &stream.name).await?;
    let expected = stored.last().map_or(0, |last| last.version);
    let events = A::after(stored.iter().map(|stored| &stored.event)).decide(command)?;
    if events.is_empty() {
        return Ok(Done { events, appended: None });
    }
    join(&mut *connection, stream.owner).await?;
    let occurred: Vec<_> = events.iter().map(|event| Occurred { at, event: event.clone() }).collect();
    let cause = because.cause(expected, &events);
    let what = Append { owner: stream.owner, stream: &stream.name, expected, cause: &cause, events: &occurred };
    let appended = append(connection, what).await?;
    Ok(Done { events, appended: Some(appended) })
}

impl Because {
    fn cause(&self, version: i64, events: &[impl DomainEvent]) -> Cause {
        match self {
            Self::Sender(cause) => cause.clone(),
            Self::Register { correlation_id } => Cause {
                command_id: content_id(version, events),
                actor: "register-import".to_owned(),
                correlation_id: *correlation_id,
                causation_id: None,
                traceparent: None,
            },
        }
    }
}

#[expect(clippy::expect_used, reason = "a word, 64 hex digits and a number are short visible ASCII")]
fn content_id(version: i64, events: &[impl DomainEvent]) -> CommandId {
    let digest = events.iter().fold(Hasher::new(), |mut digest, event| {
        digest.update(event.name().as_bytes()).update(&event.encode());
        digest
    });
    let digest = HEXLOWER.encode(digest.finalize().as_bytes());
    format!("register-{digest}-{version}").parse().expect("a command id")
}

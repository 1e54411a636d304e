//! Carrying a command out: by the endpoint for a caller, or by the binary for an operator.

use chrono::{DateTime, Utc};
use eventlog::{Cause, CommandError, Done, Origin, Owner, Position, Stream, done_before, execute};
use sqlx::PgPool;

use super::{Command, EventOf, Fresh};
use crate::clock;

/// What comes with a command that was sent.
#[derive(Clone)]
pub struct Sent {
    /// Its id, who sent it, and what it belongs to.
    pub cause: Cause,
    /// 256 random bits, fresh.
    pub random: [u8; 32],
}

impl Sent {
    /// A command given on this machine, once.
    pub fn here(actor: &str) -> Self {
        let id = clock::ordered_id();
        let cause = Cause {
            command_id: id.into(),
            actor: actor.to_owned(),
            correlation_id: id,
            causation_id: None,
            traceparent: None,
        };
        Self { cause, random: rand::random() }
    }
}

/// A command that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedOut<A> {
    /// What the caller is told.
    pub answer: A,
    /// What a view must have folded to show it.
    pub position: Option<Position>,
}

/// Decides on the record as it is, and appends what follows; whoever calls has seen to it that the sender may.
///
/// Sent again with the same id, it is answered with what it led to.
pub async fn carry_out<C: Command>(
    pool: &PgPool,
    owner: Owner,
    command: &C,
    sent: Sent,
    at: DateTime<Utc>,
) -> Result<CarriedOut<C::Answer>, CommandError<C::Refusal>> {
    let fresh = Fresh::of(owner, &sent.cause.command_id, sent.random);
    let stream = Stream { owner, name: command.stream(&fresh) };
    let asked = command.ask(owner, &fresh);
    let done = if let Some(done) = done_or_checked(pool, &stream, command, &sent.cause).await? {
        done
    } else {
        let origin = Origin::Sender(sent.cause);
        execute::<C::Record>(pool, stream, asked, at, origin).await.map_err(CommandError::widen)?
    };
    Ok(CarriedOut { answer: command.answer(&fresh, &done)?, position: done.position })
}

/// What the command led to when it was sent before. What must hold elsewhere is asked only when it was not: it may have
/// ceased to hold since.
async fn done_or_checked<C: Command>(
    pool: &PgPool,
    stream: &Stream,
    command: &C,
    cause: &Cause,
) -> Result<Option<Done<EventOf<C>>>, CommandError<C::Refusal>> {
    let mut connection = pool.acquire().await?;
    let done = done_before(&mut connection, stream, cause).await?;
    if done.is_none() {
        command.check(stream.owner, &mut connection).await?;
    }
    Ok(done)
}

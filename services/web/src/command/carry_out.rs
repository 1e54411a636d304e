//! Carrying a command out: by the endpoint for a caller, or by the binary for an operator.

use std::sync::Arc;

use access::recusal;
use chrono::{DateTime, Utc};
use eventlog::{Cause, CommandError, Origin, Owner, Position, Stream, execute_if};
use schema::people::StaffRole;

use super::{Command, Given, Means};
use crate::clock;

/// What comes with a command that was sent.
#[derive(Clone)]
pub struct Sent {
    /// Its id, who sent it, and what it belongs to.
    pub cause: Cause,
    /// The roles in which it was sent, at the school or trust whose record it changes; none of a program or an operator.
    pub roles: Vec<StaffRole>,
    /// 256 random bits, fresh.
    pub random: [u8; 32],
}

impl Sent {
    /// A command of no role.
    pub fn new(cause: Cause) -> Self {
        Self { cause, roles: Vec::new(), random: rand::random() }
    }

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
        Self::new(cause)
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
    means: &Means,
    owner: Owner,
    command: C,
    sent: Sent,
    at: DateTime<Utc>,
) -> Result<CarriedOut<C::Answer>, CommandError<C::Refusal>> {
    let given = Given::new(means, owner, &sent, at);
    let stream = Stream { owner, name: command.stream(&given) };
    let asked = command.ask(&given).await?;
    let (command, given) = (Arc::new(command), Arc::new(given));
    let checked = (Arc::clone(&command), Arc::clone(&given));
    let done = execute_if::<C::Record, C::Refusal>(&means.pool, stream, asked, at, Origin::Sender(sent.cause), {
        move |connection| {
            let (command, given) = checked.clone();
            Box::pin(async move {
                // Whoever was recused since the sender was let through is recused.
                if let Some(matter) = command.matter()
                    && !recusal::may_know_within(&mut *connection, owner, matter, &given.actor).await?
                {
                    return Err(CommandError::Unknown);
                }
                command.check(&given, connection).await
            })
        }
    })
    .await?;
    Ok(CarriedOut { answer: command.answer(&given, &done).await?, position: done.position })
}

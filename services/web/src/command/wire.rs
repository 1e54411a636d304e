//! What the endpoint and its client say to one another.

use async_graphql::SimpleObject;
use eventlog::{Offset, Partition, Position};
use serde::{Deserialize, Serialize};

/// The header of the command's id.
pub(super) const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// The header that ties together all that one request leads to.
pub(super) const CORRELATION_ID: &str = "Correlation-Id";

/// The member of a problem that says which rule refuses the command.
pub(super) const REFUSED: &str = "refused";

/// The address of a command below a service's own.
pub(super) fn path(service: &str, command: &str) -> String {
    format!("/{service}/commands/{command}")
}

/// The body of a 200.
#[derive(Serialize, Deserialize)]
pub(super) struct Answered<A> {
    pub(super) answer: A,
    pub(super) position: Option<Place>,
}

/// A position in the domain log.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Place {
    partition: i16,
    offset: i64,
}

impl From<Position> for Place {
    fn from(position: Position) -> Self {
        Self { partition: position.partition.number(), offset: position.offset.number() }
    }
}

impl From<Place> for Position {
    fn from(place: Place) -> Self {
        Self { partition: Partition::of_row(place.partition), offset: Offset::of_row(place.offset) }
    }
}

/// Why a command was refused; nothing was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, SimpleObject)]
pub struct Refused {
    /// The rule, for a program: such as `NOT_FOUND` (there is no such record, or none that the caller may know of),
    /// `SECOND_FACTOR_NEEDED` (log in with one first), `COMMAND_ID_REUSED` (the id came before, with another command),
    /// `CONTENDED` (others kept changing the same record), or one of the mutation's own.
    pub reason: String,
    /// The field of the input that the rule is about, if it is about one.
    pub field: Option<String>,
    /// The rule, for a person.
    pub message: String,
}

impl Refused {
    pub(super) fn not_found() -> Self {
        Self { reason: "NOT_FOUND".to_owned(), field: None, message: "there is no such record".to_owned() }
    }

    pub(super) fn needs_second_factor() -> Self {
        let message = "expected a token of a login with a second factor: log in again with one".to_owned();
        Self { reason: "SECOND_FACTOR_NEEDED".to_owned(), field: None, message }
    }

    pub(super) fn contended() -> Self {
        let message = "others are changing the same record: send the command again".to_owned();
        Self { reason: "CONTENDED".to_owned(), field: None, message }
    }

    pub(super) fn command_id_reused() -> Self {
        Self {
            reason: "COMMAND_ID_REUSED".to_owned(),
            field: Some("commandId".to_owned()),
            message: "expected an id that no other command has had".to_owned(),
        }
    }
}

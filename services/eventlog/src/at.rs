//! The record that a projection is folding, and what it may expect of it.

use schema::DomainEvent;
use sqlx::postgres::PgQueryResult;
use uuid::Uuid;

use crate::{EventRecord, Offset, ProjectionError};

/// The record that is being folded.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    /// Where it is in its partition.
    pub offset: Offset,
    /// What is there.
    pub record: &'a EventRecord,
}

impl At<'_> {
    /// Its event, if it is one of this family.
    pub fn event<E: DomainEvent>(self) -> Result<Option<E>, ProjectionError> {
        self.record.decode().map_err(|error| ProjectionError::undecodable(self.offset, &error))
    }

    /// The school's id or the trust's, of the one that owns the stream.
    pub fn owner(self) -> (Option<Uuid>, Option<Uuid>) {
        (self.record.school.map(Uuid::from), self.record.trust.map(Uuid::from))
    }

    /// What stands in the stream's name after what kind of stream it is.
    pub fn id_in_stream(self, kind: &str) -> Result<Uuid, ProjectionError> {
        let id = self.record.stream.strip_prefix(kind).and_then(|id| Uuid::try_parse(id).ok());
        id.ok_or_else(|| self.poison(format!("expected a stream {kind}<id>")))
    }

    /// The record cannot be folded, for this reason.
    pub fn poison(self, reason: impl Into<String>) -> ProjectionError {
        ProjectionError::Poison { offset: self.offset.number(), reason: reason.into() }
    }

    /// A write that did not find the one row it was for means that the view and the log have parted.
    pub fn one_row(self, written: &PgQueryResult) -> Result<(), ProjectionError> {
        match written.rows_affected() {
            1 => Ok(()),
            n => Err(self.poison(format!("expected the view to have one row for it, found {n}"))),
        }
    }
}

//! What the directory shows: trusts, schools, sources and keys, folded from the domain log into schema `directory`.

pub mod ingest_key;
pub mod people;
pub mod record;
pub mod school;
pub mod scim_key;
pub mod trust;

use std::error::Error;

use eventlog::{AsOf, DomainLog, EventRecord, Offset, Projection, ProjectionError};
use schema::{
    DomainEvent,
    directory::{SchoolEvent, SourceEvent, TrustEvent},
};
use sqlx::{PgConnection, postgres::PgQueryResult};
use uuid::Uuid;

/// Folds the directory's events into its tables; events of other contexts pass by.
#[derive(Debug, Clone, Copy, Default)]
pub struct DirectoryView;

impl Projection for DirectoryView {
    type Log = DomainLog;
    const NAME: &'static str = "directory";
    const TAKES: i64 = 500;

    async fn apply(
        &self,
        connection: &mut PgConnection,
        records: Vec<(Offset, EventRecord)>,
    ) -> Result<(), ProjectionError> {
        for (offset, record) in records {
            let at = At { offset, record: &record };
            if let Some(event) = at.event::<TrustEvent>()? {
                trust::apply(connection, at, event).await?;
            } else if let Some(event) = at.event::<SchoolEvent>()? {
                school::apply(connection, at, event).await?;
            } else if let Some(event) = at.event::<SourceEvent>()? {
                ingest_key::apply(connection, at, event).await?;
            }
        }
        Ok(())
    }
}

/// Each row comes of events of the one trust or school that it is of.
impl AsOf for DirectoryView {}

/// The record that is being folded.
#[derive(Clone, Copy)]
struct At<'a> {
    offset: Offset,
    record: &'a EventRecord,
}

impl At<'_> {
    fn event<E: DomainEvent>(self) -> Result<Option<E>, ProjectionError> {
        self.record.decode().map_err(|error| ProjectionError::undecodable(self.offset, &error))
    }

    /// The school's id or the trust's, of the one that owns the stream.
    fn owner(self) -> (Option<Uuid>, Option<Uuid>) {
        (self.record.school.map(Uuid::from), self.record.trust.map(Uuid::from))
    }

    /// What stands in the stream's name after what kind of stream it is.
    fn id_in_stream(self, kind: &str) -> Result<Uuid, ProjectionError> {
        let id = self.record.stream.strip_prefix(kind).and_then(|id| Uuid::try_parse(id).ok());
        id.ok_or_else(|| self.poison(format!("expected a stream {kind}<id>")))
    }

    fn poison(self, reason: impl Into<String>) -> ProjectionError {
        ProjectionError::Poison { offset: self.offset.number(), reason: reason.into() }
    }

    /// A write that did not find the one row it was for means that the view and the log have parted.
    fn one_row(self, written: &PgQueryResult) -> Result<(), ProjectionError> {
        match written.rows_affected() {
            1 => Ok(()),
            n => Err(self.poison(format!("expected the view to have one row for it, found {n}"))),
        }
    }
}

/// A stored value that does not parse.
fn unreadable(error: impl Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

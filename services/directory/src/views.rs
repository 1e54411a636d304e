//! What the directory shows: trusts, schools, sources and keys, folded from the domain log into schema `directory`.

pub mod ingest_key;
pub mod people;
pub mod readings;
pub mod record;
pub mod recusals;
pub mod school;
pub mod scim_key;
pub mod trust;

use std::error::Error;

use eventlog::{AsOf, At, DomainLog, EventRecord, Offset, Projection, ProjectionError};
use schema::directory::{SchoolEvent, SourceEvent, TrustEvent};
use sqlx::PgConnection;

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

/// A stored value that does not parse.
fn unreadable(error: impl Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

//! The view of what is decided about filter events, a table each: who was shown whose requests, and which names are to be
//! forgotten.

mod forgetting;
mod opening;

use eventlog::{At, DomainLog, EventRecord, Offset, Projection, ProjectionError};
use schema::filtering::{OpeningEvent, PseudonymEvent};
use sqlx::PgConnection;
use uuid::Uuid;

pub(crate) use forgetting::forgotten;
pub use forgetting::{Forgetting, forgettings};
pub(crate) use opening::shown_of;
pub use opening::{Disclosed, Opening, Wanted, openings};

/// Folds what is decided about filter events; other events pass by.
#[derive(Debug, Clone, Copy, Default)]
pub struct Decisions;

impl Projection for Decisions {
    type Log = DomainLog;
    const NAME: &'static str = "filtering.decisions";
    const TAKES: i64 = 500;

    async fn apply(
        &self,
        connection: &mut PgConnection,
        records: Vec<(Offset, EventRecord)>,
    ) -> Result<(), ProjectionError> {
        for (offset, record) in records {
            let at = At { offset, record: &record };
            if let Some(event) = at.event::<OpeningEvent>()? {
                opening::apply(connection, at, event).await?;
            } else if let Some(event) = at.event::<PseudonymEvent>()? {
                forgetting::apply(connection, at, event).await?;
            }
        }
        Ok(())
    }
}

fn school(at: At<'_>) -> Result<Uuid, ProjectionError> {
    at.owner().0.ok_or_else(|| at.poison("expected a school's stream"))
}

/// A word that a table has, as its vocabulary knows it.
fn word<T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>>(text: &str) -> Result<T, sqlx::Error> {
    text.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

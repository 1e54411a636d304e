//! `wardlog import register FILE`: the directory follows the government's register of schools.
//!
//! Importing says what the register says on a day, so a second import of the same file records nothing, and one that
//! was cut short is finished by importing the file again.

pub mod people;
mod register;
mod rows;

use std::io::Read;

use chrono::{DateTime, NaiveDate, Utc};
use eventlog::{ProjectionError, catch_up};
use sqlx::{Connection, PgConnection, PgPool};
use uuid::Uuid;

use crate::{DirectoryError, DirectoryView};
pub use register::Refused;
use rows::Rows;

/// Two imports at once could register one school twice.
const IMPORT_LOCK: i64 = 1_465_009_995;

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// Rows in the file, the header apart.
    pub rows: usize,
    /// Trusts that were not known.
    pub trusts_registered: usize,
    /// Trusts with another name than before.
    pub trusts_renamed: usize,
    /// Schools that were not known.
    pub schools_registered: usize,
    /// Schools of which the register says something else than before.
    pub schools_amended: usize,
    /// Schools that joined a trust.
    pub joined: usize,
    /// Schools that left a trust.
    pub left: usize,
    /// Schools of which nothing has changed.
    pub unchanged: usize,
    /// Rows of a URN that its school no longer goes by; the register keeps the row of a converted school as closed.
    pub former: usize,
    /// Rows that were not imported, in the file's order.
    pub refused: Vec<Refused>,
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Rows done.
    pub done: usize,
    /// Rows to do.
    pub total: usize,
}

/// Why an import stopped; importing the file again does what is missing.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is not a register file.
    #[error("expected a header with the columns {}", missing.join(", "))]
    Header {
        /// The columns that it lacks.
        missing: Vec<&'static str>,
    },
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    File(#[from] csv::Error),
    /// Another import is at work.
    #[error("another import is running: wait until it has ended")]
    AlreadyRunning,
    /// The directory's view cannot be brought up to date.
    #[error(transparent)]
    View(#[from] ProjectionError),
    /// An event could not be recorded.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The database refused or could not be reached.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Brings the directory to what the file says of the London day `on`.
///
/// `pool` acts as `Role::Directory` and `projections` as `Role::Projections`; `ids` makes the ids of new trusts and
/// schools. When it returns, the views show what was imported.
pub async fn import(
    pool: &PgPool,
    projections: &PgPool,
    reader: impl Read,
    on: NaiveDate,
    now: DateTime<Utc>,
    ids: &mut impl FnMut() -> Uuid,
    progress: impl FnMut(Progress),
) -> Result<Imported, ImportError> {
    let register = register::read(reader)?;
    let lock = lock(pool).await?;
    let imported = async {
        catch_up(projections, &DirectoryView).await?;
        let imported = Rows::known(pool, on, now, ids).await?.import(register, progress).await?;
        catch_up(projections, &DirectoryView).await?;
        Ok(imported)
    }
    .await;
    if let Err(error) = unlock(lock).await {
        tracing::warn!(%error, "the import's lock was not given back in order; it goes with its connection");
    }
    imported
}

/// Held by a connection of its own, outside the pool, so that it is given back however the import ends.
async fn lock(pool: &PgPool) -> Result<PgConnection, ImportError> {
    let mut connection = pool.acquire().await?.detach();
    let locked = sqlx::query_scalar!(r#"SELECT pg_try_advisory_lock($1) AS "locked!""#, IMPORT_LOCK);
    if locked.fetch_one(&mut connection).await? { Ok(connection) } else { Err(ImportError::AlreadyRunning) }
}

/// Closing alone would not do: the server notices later, and the next import would find the lock taken.
async fn unlock(mut connection: PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query_scalar!("SELECT pg_advisory_unlock($1)", IMPORT_LOCK).fetch_one(&mut connection).await?;
    connection.close().await
}

//! Whether a key file is the one that a context's keys are under, and no older copy of it.

use std::sync::Arc;

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{KeyFile, VaultError, store::blocking};

/// The key file as the store knows it.
struct Known {
    file: Uuid,
    changes: i64,
}

/// Takes the first file that is used with a context's keys for theirs, and from then on no other and no older copy of it than
/// has been seen.
pub(crate) async fn take(
    connection: &mut PgConnection,
    context: &'static str,
    keys: &Arc<KeyFile>,
) -> Result<(), VaultError> {
    let (file, _) = state(keys).await?;
    sqlx::query!(
        "INSERT INTO keys.wrapping_file (context, file, changes) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING",
        context,
        file,
    )
    .execute(&mut *connection)
    .await?;
    // Locked before the file is read: nobody can have seen a later one and said so meanwhile.
    let known =
        sqlx::query_as!(Known, "SELECT file, changes FROM keys.wrapping_file WHERE context = $1 FOR UPDATE", context);
    let changes = known.fetch_one(&mut *connection).await?.compare(keys).await?;
    sqlx::query!("UPDATE keys.wrapping_file SET changes = $2 WHERE context = $1", context, changes)
        .execute(connection)
        .await?;
    Ok(())
}

/// Refuses a file that took the place of the newest since the process started: under its keys nothing new is wrapped, and what
/// it does not open is not taken for what nothing opens any more.
pub(crate) async fn check(
    connection: &mut PgConnection,
    context: &'static str,
    keys: &Arc<KeyFile>,
) -> Result<(), VaultError> {
    let known = sqlx::query_as!(Known, "SELECT file, changes FROM keys.wrapping_file WHERE context = $1", context);
    known.fetch_one(connection).await?.compare(keys).await.map(drop)
}

impl Known {
    /// How often the file was changed by now. It is read after the store, which is told of no change before the file has it.
    async fn compare(self, keys: &Arc<KeyFile>) -> Result<i64, VaultError> {
        let (file, found) = state(keys).await?;
        if self.file != file {
            return Err(VaultError::OtherKeyFile);
        }
        if found < self.changes {
            return Err(VaultError::OlderKeyFile { found, seen: self.changes });
        }
        Ok(found)
    }
}

async fn state(keys: &Arc<KeyFile>) -> Result<(Uuid, i64), VaultError> {
    let keys = Arc::clone(keys);
    blocking(move || Ok(keys.state()?)).await
}

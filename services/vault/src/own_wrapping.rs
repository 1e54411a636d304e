//! Whether the wrapping keys are those that a context's keys are under, and no older copy of them.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{VaultError, wrapping::Wrapping};

/// The wrapping keys as the store knows them.
struct Known {
    wrapping_id: Uuid,
    changes: i64,
}

/// Takes the first wrapping keys that are used with a context's keys for theirs, and from then on no others and no older copy of
/// them than has been seen.
pub(crate) async fn take(
    connection: &mut PgConnection,
    context: &'static str,
    wrapping: &Wrapping,
) -> Result<(), VaultError> {
    wrapping.begin().await?;
    sqlx::query!(
        "INSERT INTO keys.wrapping (context, wrapping_id, changes) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING",
        context,
        wrapping.state().await?.id,
    )
    .execute(&mut *connection)
    .await?;
    // Locked before the wrapping keys are asked: nobody can have seen later ones and said so meanwhile.
    let known =
        sqlx::query_as!(Known, "SELECT wrapping_id, changes FROM keys.wrapping WHERE context = $1 FOR UPDATE", context);
    known.fetch_one(&mut *connection).await?.compare(wrapping).await?;
    tell_changes(connection, context, wrapping).await
}

/// Refuses wrapping keys that took the place of the newest since the process started: under them nothing new is wrapped, and
/// what they do not open is not taken for what nothing opens any more.
pub(crate) async fn check(
    connection: &mut PgConnection,
    context: &'static str,
    wrapping: &Wrapping,
) -> Result<(), VaultError> {
    let known = sqlx::query_as!(Known, "SELECT wrapping_id, changes FROM keys.wrapping WHERE context = $1", context);
    let known = known.fetch_optional(connection).await?.ok_or(VaultError::OtherWrapping)?;
    known.compare(wrapping).await
}

/// Tells the store how often the wrapping keys have been changed by now.
pub(crate) async fn tell_changes(
    connection: &mut PgConnection,
    context: &str,
    wrapping: &Wrapping,
) -> Result<(), VaultError> {
    let changes = wrapping.state().await?.changes;
    let told =
        sqlx::query!("UPDATE keys.wrapping SET changes = $2 WHERE context = $1 AND changes < $2", context, changes);
    Ok(told.execute(connection).await.map(drop)?)
}

impl Known {
    /// They are asked after the store, which is told of no change before they have it.
    async fn compare(self, wrapping: &Wrapping) -> Result<(), VaultError> {
        let found = wrapping.state().await?;
        match () {
            () if found.id != self.wrapping_id => Err(VaultError::OtherWrapping),
            () if found.changes < self.changes => Err(VaultError::OlderWrapping),
            () => Ok(()),
        }
    }
}

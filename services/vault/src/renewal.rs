//! Destroying keys beyond the reach of an old backup: the owner's others are wrapped anew, under the next version of the wrapping
//! key, and the versions before it are destroyed.
//!
//! With the wrapping key of today the newest key store would be lost for good, so it is not destroyed from one of before a renewal.
//! A renewal brings every row of its owner to the new version, also of what was destroyed before, and leaves one at least that
//! was. So such a store has a row of a version that the file has no more, or none that was destroyed. An older store of after the
//! last renewal cannot be told so.

use std::{collections::HashSet, sync::Arc};

use schema::DataKeyId;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    KeyFile, VaultError,
    key_file::Holder,
    own_file,
    rows::{Row, Unwrapping, bound_to, lock},
    store::blocking,
};

/// What is left of an owner's keys.
pub(crate) struct Left {
    /// How many keys were destroyed.
    pub(crate) destroyed: u64,
    /// The oldest version that is needed still; none if that cannot be told here.
    pub(crate) oldest: Option<i32>,
}

/// What is to be done with an owner's keys.
struct Decided {
    gone: Vec<Uuid>,
    oldest: Option<i32>,
    renewed: Option<Renewed>,
}

/// What a renewal writes.
struct Renewed {
    version: i32,
    keys: Vec<Uuid>,
    wrapped: Vec<Vec<u8>>,
    /// How often the file was changed by then.
    changes: i64,
}

/// Destroys keys in the store, and wraps the others anew if any of these could have been opened still. A key that nothing opens
/// any more, such as an old backup's, needs no more than its row.
pub(crate) async fn wrap_anew_without(
    connection: &mut PgConnection,
    wrapping: &Arc<KeyFile>,
    of: Holder,
    without: Vec<DataKeyId>,
) -> Result<Left, VaultError> {
    sqlx::query!("SELECT pg_advisory_xact_lock($1)", lock(of)).fetch_one(&mut *connection).await?;
    own_file::check(&mut *connection, of.context, wrapping).await?;
    let rows = sqlx::query_as!(
        Row,
        "SELECT key_id, version, wrapped FROM keys.data_key WHERE context = $1 AND owner_id = $2",
        of.context,
        of.owner,
    );
    let rows = rows.fetch_all(&mut *connection).await?;
    let keys = Arc::clone(wrapping);
    let Decided { gone, oldest, renewed } = blocking(move || decide(&keys, of, &rows, without)).await?;
    let destroyed = sqlx::query!(
        "UPDATE keys.data_key SET wrapped = NULL, destroyed_at = clock_timestamp()
         WHERE context = $1 AND owner_id = $2 AND key_id = ANY ($3)",
        of.context,
        of.owner,
        &gone,
    );
    let destroyed = destroyed.execute(&mut *connection).await?.rows_affected();
    if let Some(renewed) = renewed {
        write(connection, of, &renewed).await?;
    }
    Ok(Left { destroyed, oldest })
}

/// Which keys there are to destroy, the oldest version that is needed, and how the others are wrapped if they are to be.
fn decide(keys: &KeyFile, of: Holder, rows: &[Row], without: Vec<DataKeyId>) -> Result<Decided, VaultError> {
    let without: HashSet<DataKeyId> = without.into_iter().collect();
    let (gone, kept): (Vec<&Row>, Vec<&Row>) =
        rows.iter().filter(|row| row.wrapped.is_some()).partition(|row| without.contains(&row.id()));
    let versions = keys.versions(of)?;
    let is_older = is_older(rows, versions);
    let can_open = |row: &&Row| versions.is_some_and(|(oldest, newest)| (oldest..=newest).contains(&row.version));
    let needs_renewal = gone.iter().any(can_open);
    let ids = gone.iter().map(|row| row.key_id).collect();
    if !needs_renewal {
        let oldest = rows.iter().map(|row| row.version).min().filter(|_| !is_older);
        return Ok(Decided { gone: ids, oldest, renewed: None });
    }
    if is_older {
        return Err(VaultError::Outdated);
    }
    let (version, cipher) = keys.renew(of)?;
    let mut renewed = Renewed { version, keys: Vec::new(), wrapped: Vec::new(), changes: keys.state()?.1 };
    let mut unwrapping = Unwrapping::new(keys, of);
    for row in kept {
        let key = unwrapping.open(row)?.to_vec();
        renewed.keys.push(row.key_id);
        renewed.wrapped.push(cipher.seal(&bound_to(of, row.id()), key).map_err(|_| VaultError::Cipher)?);
    }
    Ok(Decided { gone: ids, oldest: Some(version), renewed: Some(renewed) })
}

/// Whether these rows of an owner show that the store is not the one of the wrapping keys, of which there are the versions from one
/// to another. Version 1 is there until the first renewal is over.
fn is_older(rows: &[Row], versions: Option<(i32, i32)>) -> bool {
    let Some((oldest, newest)) = versions else { return !rows.is_empty() };
    rows.iter().any(|row| row.version < oldest || newest < row.version)
        || oldest > 1 && rows.iter().all(|row| row.wrapped.is_some())
}

async fn write(connection: &mut PgConnection, of: Holder, renewed: &Renewed) -> Result<(), VaultError> {
    let written = sqlx::query!(
        "UPDATE keys.data_key k SET version = $3, wrapped = n.wrapped
         FROM unnest($4::uuid[], $5::bytea[]) n (key_id, wrapped)
         WHERE k.context = $1 AND k.owner_id = $2 AND k.key_id = n.key_id",
        of.context,
        of.owner,
        renewed.version,
        &renewed.keys,
        &renewed.wrapped,
    );
    let written = written.execute(&mut *connection).await?.rows_affected();
    // Fewer would be lost with the old version.
    if !usize::try_from(written).is_ok_and(|written| written == renewed.keys.len()) {
        return Err(VaultError::Unwrapped);
    }
    let destroyed = sqlx::query!(
        "UPDATE keys.data_key SET version = $3 WHERE context = $1 AND owner_id = $2 AND wrapped IS NULL",
        of.context,
        of.owner,
        renewed.version,
    );
    destroyed.execute(&mut *connection).await?;
    let seen = sqlx::query!(
        "UPDATE keys.wrapping_file SET changes = greatest(changes, $2) WHERE context = $1",
        of.context,
        renewed.changes,
    );
    seen.execute(connection).await?;
    Ok(())
}

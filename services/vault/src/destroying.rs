//! Destroying keys, beyond the reach of every old backup.
//!
//! The owner's other keys are wrapped under the next version of the wrapping key, and the versions before it are destroyed,
//! under which a backup has them all. In this order: the store is told of the version, the version is made, the keys are
//! wrapped under it, and once that is committed the old ones are destroyed. Cut short anywhere, it is finished by asking
//! again.

use std::{collections::HashSet, sync::Arc};

use database::transact;
use schema::DataKeyId;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    Vault, VaultError,
    holder::Holder,
    own_wrapping::tell_changes,
    store::{Store, columns},
    wrapping::{WrappedKey, Wrapping, ended},
};

impl Vault {
    /// Destroys the keys of these ids, for ever and wherever they were copied to. How many there were to destroy.
    ///
    /// Whoever asked may go meanwhile; what a crash cut short is finished by asking again, and what is finished costs a look.
    pub async fn destroy(&self, owner: Uuid, ids: &[DataKeyId]) -> Result<u64, VaultError> {
        let store = Arc::clone(self.store()?);
        let (of, ids) = (Holder { context: store.context, owner }, ids.iter().copied().map(Uuid::from).collect());
        ended(tokio::spawn(async move { store.destroy(of, ids).await }).await)
    }
}

/// What destroying came to in the store.
struct Destroyed {
    /// How many keys there were.
    number: u64,
    /// The wrapping key's versions before this one are there and wrap nothing any more.
    needed_from: Option<i32>,
}

impl Store {
    async fn destroy(&self, of: Holder, ids: HashSet<Uuid>) -> Result<u64, VaultError> {
        let Destroyed { number, needed_from } = loop {
            let (ids, wrapping) = (ids.clone(), self.wrapping.clone());
            let destroyed = transact(&self.pool, move |connection| {
                Box::pin(async move { wrap_anew_without(connection, &wrapping, of, ids).await })
            });
            match destroyed.await? {
                Some(destroyed) => break destroyed,
                None => self.announce(of).await?,
            }
        };
        if let Some(version) = needed_from {
            self.wrapping.destroy_before(of, version).await?;
            let wrapping = self.wrapping.clone();
            let told = transact(&self.pool, move |connection| {
                Box::pin(async move { tell_changes(connection, of.context, &wrapping).await })
            });
            told.await?;
        }
        Ok(number)
    }
}

/// Destroys keys in the store, and wraps the others anew if any could have been opened still. A key that nothing opens any
/// more, such as an old backup's, needs no more than its row.
///
/// Nothing, and nothing done, where the next version must be announced before.
async fn wrap_anew_without(
    connection: &mut PgConnection,
    wrapping: &Wrapping,
    of: Holder,
    without: HashSet<Uuid>,
) -> Result<Option<Destroyed>, VaultError> {
    of.lock(connection).await?;
    let key = of.wrapping_key(connection, wrapping).await?;
    let Some(versions) = key.versions else { return Ok(Some(Destroyed { number: 0, needed_from: None })) };
    let rows = sqlx::query!(
        r#"SELECT key_id, version, wrapped AS "wrapped!" FROM keys.data_key
           WHERE context = $1 AND owner_id = $2 AND wrapped IS NOT NULL"#,
        of.context,
        of.owner,
    );
    let rows = rows.fetch_all(&mut *connection).await?.into_iter();
    let rows = rows.map(|row| WrappedKey { id: row.key_id.into(), version: row.version, bytes: row.wrapped });
    let (gone, kept): (Vec<_>, Vec<_>) = rows.partition(|row| without.contains(&row.id.into()));
    let opens = |row: &WrappedKey| row.version >= versions.oldest;
    if !gone.iter().any(opens) {
        let number = destroy(connection, of, gone).await?;
        let needed_from = kept.iter().map(|row| row.version).min().unwrap_or(versions.newest);
        return Ok(Some(Destroyed { number, needed_from: Some(needed_from).filter(|from| *from > versions.oldest) }));
    }
    if !key.is_next_announced {
        return Ok(None);
    }
    let next = versions.newest + 1;
    let kept = wrapping.unwrap(of, kept).await?;
    wrapping.add(of, next).await?;
    let kept = wrapping.wrap(of, next, kept).await?;
    of.tell_used(connection, next).await?;
    tell_changes(&mut *connection, of.context, wrapping).await?;
    let number = destroy(connection, of, gone).await?;
    write(connection, of, kept, next).await?;
    Ok(Some(Destroyed { number, needed_from: Some(next) }))
}

/// Takes the bytes of keys away.
async fn destroy(connection: &mut PgConnection, of: Holder, gone: Vec<WrappedKey>) -> Result<u64, VaultError> {
    let (ids, _) = columns(gone);
    let destroyed = sqlx::query!(
        "UPDATE keys.data_key SET wrapped = NULL, destroyed_at = clock_timestamp()
         WHERE context = $1 AND owner_id = $2 AND key_id = ANY ($3)",
        of.context,
        of.owner,
        &ids,
    );
    Ok(destroyed.execute(connection).await?.rows_affected())
}

/// Writes keys as they are wrapped anew, all of them: any other would be lost with the old version.
async fn write(
    connection: &mut PgConnection,
    of: Holder,
    keys: Vec<WrappedKey>,
    version: i32,
) -> Result<(), VaultError> {
    let (ids, wrapped) = columns(keys);
    let written = sqlx::query!(
        "UPDATE keys.data_key k SET version = $3, wrapped = n.wrapped
         FROM unnest($4::uuid[], $5::bytea[]) n (key_id, wrapped)
         WHERE k.context = $1 AND k.owner_id = $2 AND k.key_id = n.key_id",
        of.context,
        of.owner,
        version,
        &ids,
        &wrapped,
    );
    let written = written.execute(connection).await?.rows_affected();
    usize::try_from(written).ok().filter(|written| *written == ids.len()).map(drop).ok_or(VaultError::Unwrapped)
}

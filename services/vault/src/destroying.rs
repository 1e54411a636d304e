//! Destroying keys, beyond the reach of every old backup.
//!
//! The owner's other keys are wrapped under the next version of the wrapping key, and the versions before it are destroyed,
//! under which a backup has them all. In this order: the store is told of the version, the version is made, the keys are
//! wrapped under it, and once that is committed the old ones are destroyed. Cut short anywhere, it is finished by asking
//! again.

use std::{collections::HashSet, sync::Arc};

use schema::DataKeyId;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    Vault, VaultError,
    holder::{Holder, Versions},
    lacking::{ids, must_have},
    own_wrapping::tell_changes,
    store::{Store, columns},
    wrapping::{WrappedKey, Wrapping, ended},
};

impl Vault {
    /// Destroys the keys of the ids `gone`, for ever and wherever they were copied to. How many there were to destroy.
    ///
    /// The others are wrapped anew, and what wrapped them is destroyed: a store that lacks another of those that are `named` by
    /// the records is not the newest, and nothing is destroyed. Whoever asked may go meanwhile; what a crash cut short is
    /// finished by asking again.
    pub async fn destroy(&self, owner: Uuid, gone: &[DataKeyId], named: &[DataKeyId]) -> Result<u64, VaultError> {
        let store = Arc::clone(self.store()?);
        let of = Holder { context: store.context, owner };
        let asked = Asked { gone: ids(gone), named: ids(named) };
        ended(tokio::spawn(async move { store.destroy(of, asked).await }).await)
    }

    /// Whether destroying the keys of these ids would find anything to do. It keeps nobody waiting.
    pub async fn has_left(&self, owner: Uuid, gone: &[DataKeyId]) -> Result<bool, VaultError> {
        let store = self.store()?;
        let (of, gone, wrapping) = (Holder { context: store.context, owner }, ids(gone), store.wrapping.clone());
        store
            .in_turn(owner, move |connection| {
                Box::pin(async move {
                    of.lock_shared(connection).await?;
                    let Wrapped { newest_to_go, oldest_to_stay, .. } = wrapped(connection, of, &gone).await?;
                    let versions = of.wrapping_key(connection, &wrapping).await?.versions;
                    let needs = |versions: Versions| oldest_to_stay.unwrap_or(versions.newest);
                    Ok(newest_to_go.is_some() || versions.is_some_and(|versions| needs(versions) > versions.oldest))
                })
            })
            .await
    }
}

/// What is asked for.
#[derive(Debug, Clone)]
struct Asked {
    gone: Vec<Uuid>,
    named: Vec<Uuid>,
}

/// What destroying came to in the store.
struct Destroyed {
    /// How many keys there were.
    number: u64,
    /// The wrapping key's versions before this one are there and wrap nothing any more.
    needed_from: Option<i32>,
}

impl Store {
    async fn destroy(&self, of: Holder, asked: Asked) -> Result<u64, VaultError> {
        let Destroyed { number, needed_from } = loop {
            let (asked, wrapping) = (asked.clone(), self.wrapping.clone());
            let destroyed = self.in_turn(of.owner, move |connection| {
                Box::pin(async move { wrap_anew_without(connection, &wrapping, of, &asked).await })
            });
            match destroyed.await? {
                Some(destroyed) => break destroyed,
                None => self.announce(of).await?,
            }
        };
        if let Some(version) = needed_from {
            let wrapping = self.wrapping.clone();
            let destroyed = self.in_turn(of.owner, move |connection| {
                Box::pin(async move { destroy_before(connection, &wrapping, of, version).await })
            });
            destroyed.await?;
        }
        Ok(number)
    }
}

/// The versions under which the owner's keys are, some of which are to go.
struct Wrapped {
    newest: Option<i32>,
    newest_to_go: Option<i32>,
    oldest_to_stay: Option<i32>,
}

/// Destroys keys in the store, and wraps the others anew if any could have been opened still. A key that nothing opens any
/// more, such as an old backup's, needs no more than its row.
///
/// Nothing, and nothing done, where the next version must be announced before.
async fn wrap_anew_without(
    connection: &mut PgConnection,
    wrapping: &Wrapping,
    of: Holder,
    Asked { gone, named }: &Asked,
) -> Result<Option<Destroyed>, VaultError> {
    of.lock(connection).await?;
    let key = of.wrapping_key(connection, wrapping).await?;
    let Some(versions) = key.versions else { return Ok(Some(Destroyed { number: 0, needed_from: None })) };
    let Wrapped { newest, newest_to_go, oldest_to_stay } = wrapped(connection, of, gone).await?;
    if newest_to_go.is_none_or(|version| version < versions.oldest) {
        let number = destroy(connection, of, gone).await?;
        let needed_from = oldest_to_stay.unwrap_or(versions.newest);
        return Ok(Some(Destroyed { number, needed_from: Some(needed_from).filter(|from| *from > versions.oldest) }));
    }
    key.must_wrap_all(oldest_to_stay)?;
    let gone_too: HashSet<&Uuid> = gone.iter().collect();
    let to_stay: Vec<Uuid> = named.iter().filter(|key| !gone_too.contains(key)).copied().collect();
    must_have(connection, of, &to_stay).await?;
    let next = match () {
        // It was made when this was cut short, and wraps nothing.
        () if !key.is_newest_used && newest < Some(versions.newest) => versions.newest,
        () if key.is_next_announced => versions.newest + 1,
        () => return Ok(None),
    };
    let kept = wrapping.unwrap(of, all_but(connection, of, gone).await?).await?;
    wrapping.add(of, next).await?;
    let kept = wrapping.wrap(of, next, kept).await?;
    of.tell_used(connection, next).await?;
    let number = destroy(connection, of, gone).await?;
    write(connection, of, kept, next).await?;
    // Last, for all other owners wait for it.
    tell_changes(connection, of.context, wrapping).await?;
    Ok(Some(Destroyed { number, needed_from: Some(next) }))
}

/// Destroys the wrapping key's versions before this one. Somebody else may have gone further meanwhile, and nobody goes back.
async fn destroy_before(
    connection: &mut PgConnection,
    wrapping: &Wrapping,
    of: Holder,
    version: i32,
) -> Result<(), VaultError> {
    of.lock(connection).await?;
    if wrapping.versions(of).await?.is_some_and(|versions| versions.oldest < version) {
        wrapping.destroy_before(of, version).await?;
    }
    tell_changes(connection, of.context, wrapping).await
}

async fn wrapped(connection: &mut PgConnection, of: Holder, gone: &[Uuid]) -> Result<Wrapped, sqlx::Error> {
    let wrapped = sqlx::query_as!(
        Wrapped,
        "SELECT max(version) newest, max(version) FILTER (WHERE key_id = ANY ($3)) newest_to_go,
                min(version) FILTER (WHERE key_id <> ALL ($3)) oldest_to_stay
         FROM keys.data_key WHERE context = $1 AND owner_id = $2 AND wrapped IS NOT NULL",
        of.context,
        of.owner,
        gone,
    );
    wrapped.fetch_one(connection).await
}

async fn all_but(connection: &mut PgConnection, of: Holder, gone: &[Uuid]) -> Result<Vec<WrappedKey>, sqlx::Error> {
    let kept = sqlx::query!(
        r#"SELECT key_id, version, wrapped AS "wrapped!" FROM keys.data_key
           WHERE context = $1 AND owner_id = $2 AND key_id <> ALL ($3) AND wrapped IS NOT NULL"#,
        of.context,
        of.owner,
        gone,
    );
    let kept = kept.fetch_all(connection).await?.into_iter();
    Ok(kept.map(|row| WrappedKey { id: row.key_id.into(), version: row.version, bytes: row.wrapped }).collect())
}

/// Takes the bytes of keys away.
async fn destroy(connection: &mut PgConnection, of: Holder, gone: &[Uuid]) -> Result<u64, VaultError> {
    let destroyed = sqlx::query!(
        "UPDATE keys.data_key SET wrapped = NULL, destroyed_at = clock_timestamp()
         WHERE context = $1 AND owner_id = $2 AND key_id = ANY ($3) AND wrapped IS NOT NULL",
        of.context,
        of.owner,
        gone,
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
    let (keys, wrapped) = columns(keys);
    let written = sqlx::query!(
        "UPDATE keys.data_key k SET version = $3, wrapped = n.wrapped
         FROM unnest($4::uuid[], $5::bytea[]) n (key_id, wrapped)
         WHERE k.context = $1 AND k.owner_id = $2 AND k.key_id = n.key_id",
        of.context,
        of.owner,
        version,
        &keys,
        &wrapped,
    );
    let written = written.execute(connection).await?.rows_affected();
    let all = usize::try_from(written).is_ok_and(|written| written == keys.len());
    if all { Ok(()) } else { Err(VaultError::Lost) }
}

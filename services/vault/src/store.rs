//! The key store: makes keys, keeps them wrapped, finds them again.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use aws_lc_rs::rand;
use database::transact;
use futures_util::future::BoxFuture;
use schema::DataKeyId;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{
    DataKey, VaultError,
    holder::Holder,
    lacking::{ids, must_have},
    own_wrapping::{self, tell_changes},
    turns::Turns,
    wrapping::{KeyBytes, WrappedKey, Wrapping, ended},
};

/// One context's keys; cheap to clone.
#[derive(Debug, Clone)]
pub struct Vault(Option<Arc<Store>>);

#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) context: &'static str,
    pub(crate) pool: PgPool,
    pub(crate) wrapping: Wrapping,
    pub(crate) turns: Turns,
}

/// What is known of a key.
#[derive(Debug)]
pub enum Found {
    /// It is there.
    Key(DataKey),
    /// It was destroyed: what it sealed is forgotten.
    Destroyed,
}

/// A key's row: no bytes if it was destroyed.
struct Row {
    key_id: Uuid,
    version: i32,
    wrapped: Option<Vec<u8>>,
}

impl Vault {
    /// The keys of a context; `pool` reaches the key store as the context's role. The first wrapping keys that are used with
    /// a context's keys are theirs from then on, and no older copy of them.
    pub async fn open(context: &'static str, pool: PgPool, wrapping: impl Into<Wrapping>) -> Result<Self, VaultError> {
        let wrapping = wrapping.into();
        let own = wrapping.clone();
        transact(&pool, move |connection| Box::pin(async move { own_wrapping::take(connection, context, &own).await }))
            .await?;
        Ok(Self(Some(Arc::new(Store { context, pool, wrapping, turns: Turns::default() }))))
    }

    /// No keys: whoever wants to seal or to open is told so.
    pub const fn none() -> Self {
        Self(None)
    }

    /// Whether there are any to be had.
    pub const fn has_keys(&self) -> bool {
        self.0.is_some()
    }

    /// The key of this id, made if there is none. When it returns, the key is durable: nothing is ever sealed under one that
    /// a crash could lose.
    pub async fn make(&self, owner: Uuid, id: DataKeyId) -> Result<DataKey, VaultError> {
        match self.make_all(owner, &[id]).await?.remove(&id) {
            Some(Found::Key(key)) => Ok(key),
            Some(Found::Destroyed) => Err(VaultError::Destroyed),
            None => Err(VaultError::Lost),
        }
    }

    /// The same of several ids at once: what is known of each, once those that never had a key have one.
    pub async fn make_all(&self, owner: Uuid, ids: &[DataKeyId]) -> Result<HashMap<DataKeyId, Found>, VaultError> {
        self.store()?.keys(owner, ids, true).await
    }

    /// What is known of these ids: of one for which no key was ever made, nothing.
    pub async fn find(&self, owner: Uuid, ids: &[DataKeyId]) -> Result<HashMap<DataKeyId, Found>, VaultError> {
        self.store()?.keys(owner, ids, false).await
    }

    /// Whether keys of an owner can be made and destroyed at the moment, or why not; `named` are those that the records name.
    pub async fn check(&self, owner: Uuid, named: &[DataKeyId]) -> Result<(), VaultError> {
        let store = self.store()?;
        let (of, named, wrapping) = (Holder { context: store.context, owner }, ids(named), store.wrapping.clone());
        store
            .in_turn(owner, move |connection| {
                Box::pin(async move {
                    of.lock_shared(connection).await?;
                    let key = of.wrapping_key(connection, &wrapping).await?;
                    key.must_wrap_all(of.oldest_wrapped(connection).await?)?;
                    must_have(connection, of, &named).await
                })
            })
            .await
    }

    pub(crate) fn store(&self) -> Result<&Arc<Store>, VaultError> {
        self.0.as_ref().ok_or(VaultError::NoKeyStore)
    }
}

impl Store {
    async fn keys(
        &self,
        owner: Uuid,
        ids: &[DataKeyId],
        may_make: bool,
    ) -> Result<HashMap<DataKeyId, Found>, VaultError> {
        let of = Holder { context: self.context, owner };
        // In one order, so that two who make the same keys do not wait for one another in a circle.
        let mut ids: Vec<Uuid> = ids.iter().copied().map(Uuid::from).collect();
        ids.sort_unstable();
        ids.dedup();
        let keys = loop {
            let (ids, wrapping) = (ids.clone(), self.wrapping.clone());
            let keys = self.in_turn(owner, move |connection| {
                Box::pin(async move { keys(connection, &wrapping, of, &ids, may_make).await })
            });
            match keys.await? {
                Some(keys) => break keys,
                None => self.announce(of).await?,
            }
        };
        let found = |id, key: Option<KeyBytes>| match key {
            Some(key) => DataKey::new(id, &key).map(Found::Key),
            None => Ok(Found::Destroyed),
        };
        keys.into_iter().map(|(id, key)| Ok((id, found(id, key)?))).collect()
    }

    /// Tells the store of the next version of a wrapping key, which may then be made.
    pub(crate) async fn announce(&self, of: Holder) -> Result<(), VaultError> {
        let wrapping = self.wrapping.clone();
        self.in_turn(of.owner, move |c| Box::pin(async move { of.announce(c, &wrapping).await })).await
    }

    /// A transaction in an owner's turn, which is over when that is, though whoever asked may have gone before.
    pub(crate) async fn in_turn<T: Send + 'static>(
        &self,
        owner: Uuid,
        work: impl for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, VaultError>> + Send + 'static,
    ) -> Result<T, VaultError> {
        let (turn, pool) = (self.turns.take(owner).await?, self.pool.clone());
        let transaction = tokio::spawn(async move {
            let done = transact(&pool, work).await;
            drop(turn);
            done
        });
        ended(transaction.await)
    }
}

/// The keys of these ids that there are; nothing, and nothing made, where the first wrapping key must be announced before.
async fn keys(
    connection: &mut PgConnection,
    wrapping: &Wrapping,
    of: Holder,
    ids: &[Uuid],
    may_make: bool,
) -> Result<Option<Vec<(DataKeyId, Option<KeyBytes>)>>, VaultError> {
    of.lock_shared(connection).await?;
    let mut found = rows(connection, of, ids).await?;
    if may_make && found.len() < ids.len() {
        let known: HashSet<Uuid> = found.iter().map(|row| row.key_id).collect();
        let new = ids.iter().copied().filter(|id| !known.contains(id)).collect();
        if !make(connection, wrapping, of, new).await? {
            return Ok(None);
        }
        // Somebody else may have made one first.
        found = rows(connection, of, ids).await?;
    }
    let (there, gone): (Vec<_>, Vec<_>) = found.into_iter().partition(|row| row.wrapped.is_some());
    let gone = gone.into_iter().map(|row| (row.key_id.into(), None));
    let there: Vec<_> = there.into_iter().filter_map(Row::wrapped).collect();
    if there.is_empty() {
        return Ok(Some(gone.collect()));
    }
    let oldest = there.iter().map(|key| key.version).min();
    match wrapping.unwrap(of, there).await {
        Ok(keys) => Ok(Some(keys.into_iter().map(|(id, key)| (id, Some(key))).chain(gone).collect())),
        // That the one is older than the other says more.
        Err(unopened @ VaultError::Unwrapped { .. }) => {
            let versions = of.wrapping_key(connection, wrapping).await?.versions;
            let is_older = versions.is_some_and(|versions| oldest < Some(versions.oldest));
            Err(if is_older { VaultError::OlderStore } else { unopened })
        }
        Err(error) => Err(error),
    }
}

async fn rows(connection: &mut PgConnection, of: Holder, ids: &[Uuid]) -> Result<Vec<Row>, sqlx::Error> {
    sqlx::query_as!(
        Row,
        "SELECT key_id, version, wrapped FROM keys.data_key
         WHERE context = $1 AND owner_id = $2 AND key_id = ANY ($3)",
        of.context,
        of.owner,
        ids,
    )
    .fetch_all(connection)
    .await
}

/// Makes the keys of these ids, but of one that somebody else has made meanwhile. False, and nothing is made, if there is
/// no wrapping key and none is announced.
async fn make(
    connection: &mut PgConnection,
    wrapping: &Wrapping,
    of: Holder,
    new: Vec<Uuid>,
) -> Result<bool, VaultError> {
    let key = of.wrapping_key(connection, wrapping).await?;
    // What is sealed under a key of an older store is lost once the newest is back.
    key.must_wrap_all(of.oldest_wrapped(connection).await?)?;
    let version = match key.newest() {
        0 if !key.is_next_announced => return Ok(false),
        0 => {
            wrapping.add(of, 1).await?;
            tell_changes(&mut *connection, of.context, wrapping).await?;
            1
        }
        newest => newest,
    };
    if version != key.newest() || !key.is_newest_used {
        of.tell_used(connection, version).await?;
    }
    let fresh = |id: Uuid| {
        let mut key = [0; 32];
        rand::fill(&mut key).map(|()| (id.into(), key)).map_err(|_| VaultError::Cipher)
    };
    let keys = new.into_iter().map(fresh).collect::<Result<_, _>>()?;
    let (ids, wrapped) = columns(wrapping.wrap(of, version, keys).await?);
    let made = sqlx::query!(
        "INSERT INTO keys.data_key (key_id, context, owner_id, version, wrapped)
         SELECT n.key_id, $1, $2, $3, n.wrapped FROM unnest($4::uuid[], $5::bytea[]) n (key_id, wrapped)
         ON CONFLICT (context, owner_id, key_id) DO NOTHING",
        of.context,
        of.owner,
        version,
        &ids,
        &wrapped,
    );
    made.execute(connection).await?;
    Ok(true)
}

/// Ids and bytes of wrapped keys, as SQL takes them.
pub(crate) fn columns(keys: Vec<WrappedKey>) -> (Vec<Uuid>, Vec<Vec<u8>>) {
    keys.into_iter().map(|key| (Uuid::from(key.id), key.bytes)).unzip()
}

impl Row {
    fn wrapped(self) -> Option<WrappedKey> {
        Some(WrappedKey { id: self.key_id.into(), version: self.version, bytes: self.wrapped? })
    }
}

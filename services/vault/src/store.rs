//! The key store: makes keys, keeps them wrapped, finds them again.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use aws_lc_rs::rand;
use database::transact;
use schema::DataKeyId;
use sqlx::{PgConnection, PgPool};
use tokio::task::{JoinError, spawn_blocking};
use uuid::Uuid;

use crate::{
    DataKey, KeyFile, KeyFileError,
    key_file::Holder,
    own_file,
    renewal::{Left, wrap_anew_without},
    rows::{Row, Unwrapping, bound_to, lock},
};

/// Why a key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// This process was given no key store.
    #[error("this process has no key store: give VAULT_DATABASE_URL")]
    NoKeyStore,
    /// It was destroyed: what it sealed is forgotten.
    #[error("the key was destroyed")]
    Destroyed,
    /// The store has no such key.
    #[error("the key store lacks a key: is it the one that this installation was filled with?")]
    Lost,
    /// The store's keys of this context are under those of another file.
    #[error("the wrapping keys are not those of the key store: bring the file here that it was filled with")]
    OtherKeyFile,
    /// The file is from before a change that the store has seen.
    #[error(
        "the wrapping keys are an older copy ({found} changes) than the key store has been used with ({seen}): bring the newest \
         wrapping.keys; where that is lost for good, README, Backups, says what to do"
    )]
    OlderKeyFile {
        /// How often the file was changed.
        found: i64,
        /// How often the one was that the store was used with.
        seen: i64,
    },
    /// A wrapped key does not open.
    #[error("a key of the store does not open under its wrapping key")]
    Unwrapped,
    /// The store is from before a wrapping key was renewed.
    #[error(
        "the key store is an older one than the wrapping keys: restore its newest dump, until then no key is destroyed"
    )]
    Outdated,
    /// The wrapping keys cannot be used.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The key store refused or could not be reached.
    #[error("the key store: {0}")]
    Database(#[from] sqlx::Error),
    /// The cipher refused.
    #[error("the cipher refused to work")]
    Cipher,
}

/// One context's keys; cheap to clone.
#[derive(Debug, Clone)]
pub struct Vault(Option<Arc<Store>>);

#[derive(Debug)]
struct Store {
    context: &'static str,
    pool: PgPool,
    wrapping: Arc<KeyFile>,
}

/// What is known of a key.
#[derive(Debug)]
pub enum Found {
    /// It is there.
    Key(DataKey),
    /// It was destroyed: what it sealed is forgotten.
    Destroyed,
}

impl Vault {
    /// The keys of a context; `pool` reaches the key store as the context's role. The first file that is used with a
    /// context's keys is theirs from then on, and no older copy of it than has been seen.
    pub async fn open(context: &'static str, pool: PgPool, wrapping: Arc<KeyFile>) -> Result<Self, VaultError> {
        let keys = Arc::clone(&wrapping);
        transact(&pool, move |connection| Box::pin(async move { own_file::take(connection, context, &keys).await }))
            .await?;
        Ok(Self(Some(Arc::new(Store { context, pool, wrapping }))))
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
        self.keys(owner, ids, true).await
    }

    /// What is known of these ids: of one for which no key was ever made, nothing.
    pub async fn find(&self, owner: Uuid, ids: &[DataKeyId]) -> Result<HashMap<DataKeyId, Found>, VaultError> {
        self.keys(owner, ids, false).await
    }

    async fn keys(
        &self,
        owner: Uuid,
        ids: &[DataKeyId],
        may_make: bool,
    ) -> Result<HashMap<DataKeyId, Found>, VaultError> {
        let store = self.store()?;
        let (of, wrapping) = (Holder { context: store.context, owner }, Arc::clone(&store.wrapping));
        // In one order, so that two who make the same keys do not wait for one another in a circle.
        let mut ids: Vec<Uuid> = ids.iter().copied().map(Uuid::from).collect();
        ids.sort_unstable();
        ids.dedup();
        let keys: Vec<(DataKeyId, Option<[u8; 32]>)> = transact(&store.pool, move |connection| {
            Box::pin(async move {
                // Whoever wraps anew waits for those who wrap or read, and they for it: between a row and its wrapping key,
                // and between a version and what is wrapped under it, nobody destroys either.
                sqlx::query!("SELECT pg_advisory_xact_lock_shared($1)", lock(of)).fetch_one(&mut *connection).await?;
                let mut rows = rows(&mut *connection, of, &ids).await?;
                if may_make && rows.len() < ids.len() {
                    let known: HashSet<Uuid> = rows.iter().map(|row| row.key_id).collect();
                    let new = ids.iter().copied().filter(|id| !known.contains(id)).collect();
                    make(&mut *connection, &wrapping, of, new).await?;
                    // Somebody else may have made one first.
                    rows = self::rows(connection, of, &ids).await?;
                }
                blocking(move || {
                    let mut wrapped = Unwrapping::new(&wrapping, of);
                    let mut key = |row: &Row| row.wrapped.as_ref().map(|_| wrapped.open(row)).transpose();
                    rows.iter().map(|row| Ok((row.id(), key(row)?))).collect()
                })
                .await
            })
        })
        .await?;
        let found = |id, key: Option<[u8; 32]>| match key {
            Some(key) => DataKey::new(id, &key).map(Found::Key),
            None => Ok(Found::Destroyed),
        };
        keys.into_iter().map(|(id, key)| Ok((id, found(id, key)?))).collect()
    }

    /// Destroys the keys of these ids, for ever and wherever they were copied to: the owner's other keys are wrapped anew,
    /// and the wrapping key under which an old backup has them all is destroyed. How many there were to destroy.
    ///
    /// Whoever asked may go meanwhile; what a crash cut short is finished by asking again, and what is finished costs a look.
    pub async fn destroy(&self, owner: Uuid, ids: &[DataKeyId]) -> Result<u64, VaultError> {
        let store = self.store()?;
        let (holder, wrapping) = (Holder { context: store.context, owner }, Arc::clone(&store.wrapping));
        let (pool, ids) = (store.pool.clone(), ids.to_vec());
        let both = tokio::spawn(async move {
            let keys = Arc::clone(&wrapping);
            let wrapped = transact(&pool, move |connection| {
                Box::pin(async move { wrap_anew_without(connection, &keys, holder, ids).await })
            });
            let Left { destroyed, oldest } = wrapped.await?;
            if let Some(oldest) = oldest {
                blocking(move || Ok(wrapping.destroy_before(holder, oldest)?)).await?;
            }
            Ok(destroyed)
        });
        ended(both.await)
    }

    fn store(&self) -> Result<&Store, VaultError> {
        self.0.as_deref().ok_or(VaultError::NoKeyStore)
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

/// Makes the keys of these ids, but of one that somebody else has made meanwhile.
async fn make(
    connection: &mut PgConnection,
    wrapping: &Arc<KeyFile>,
    of: Holder,
    new: Vec<Uuid>,
) -> Result<(), VaultError> {
    own_file::check(&mut *connection, of.context, wrapping).await?;
    let keys = Arc::clone(wrapping);
    let (version, new, wrapped) = blocking(move || {
        let (version, cipher) = keys.newest(of)?;
        let mut wrapped = Vec::with_capacity(new.len());
        for &id in &new {
            let mut key = vec![0; 32];
            rand::fill(&mut key).map_err(|_| VaultError::Cipher)?;
            wrapped.push(cipher.seal(&bound_to(of, id.into()), key).map_err(|_| VaultError::Cipher)?);
        }
        Ok((version, new, wrapped))
    })
    .await?;
    sqlx::query!(
        "INSERT INTO keys.data_key (key_id, context, owner_id, version, wrapped)
         SELECT n.key_id, $1, $2, $3, n.wrapped FROM unnest($4::uuid[], $5::bytea[]) n (key_id, wrapped)
         ON CONFLICT (context, owner_id, key_id) DO NOTHING",
        of.context,
        of.owner,
        version,
        &new,
        &wrapped,
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(VaultError::from)
}

/// Runs what reads or writes the key file where it holds nobody up.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, VaultError> + Send + 'static,
) -> Result<T, VaultError> {
    ended(spawn_blocking(work).await)
}

/// What a task came to.
fn ended<T>(outcome: Result<Result<T, VaultError>, JoinError>) -> Result<T, VaultError> {
    match outcome {
        Ok(outcome) => outcome,
        Err(died) => match died.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(VaultError::Database(sqlx::Error::WorkerCrashed)),
        },
    }
}

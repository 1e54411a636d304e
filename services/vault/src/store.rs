//! The key store: makes keys, keeps them wrapped, finds them again, destroys them.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    sync::Arc,
};

use aws_lc_rs::rand;
use database::transact;
use schema::DataKeyId;
use sqlx::{PgConnection, PgPool};
use tokio::task::{JoinError, spawn_blocking};
use uuid::Uuid;

use crate::{DataKey, KeyFile, KeyFileError, aead::Aead, key_file::Holder};

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
    /// context's keys is theirs from then on.
    pub async fn open(context: &'static str, pool: PgPool, wrapping: Arc<KeyFile>) -> Result<Self, VaultError> {
        let file = wrapping.id()?;
        let own = transact(&pool, move |connection| {
            Box::pin(async move {
                let first = sqlx::query!(
                    "INSERT INTO keys.wrapping_file (context, file) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                    context,
                    file,
                );
                first.execute(&mut *connection).await?;
                sqlx::query_scalar!("SELECT file FROM keys.wrapping_file WHERE context = $1", context)
                    .fetch_one(connection)
                    .await
            })
        });
        if own.await? != file {
            return Err(VaultError::OtherKeyFile);
        }
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
            let Wrapped { destroyed, oldest } = wrapped.await?;
            blocking(move || Ok(wrapping.destroy_before(holder, oldest)?)).await?;
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

/// How an owner's remaining keys are wrapped.
struct Wrapped {
    /// How many keys were destroyed.
    destroyed: u64,
    /// The oldest version that still wraps any; none if there are none.
    oldest: Option<i32>,
}

/// Destroys keys in the store, and wraps the others anew if any could have been opened still. A key that nothing opens any
/// more, such as an old backup's, needs no more than its row.
///
/// Where some of the others cannot be opened, the store is not the newest that there was: with the wrapping key of today
/// the newest would be lost for good, and so nothing is done.
async fn wrap_anew_without(
    connection: &mut PgConnection,
    wrapping: &Arc<KeyFile>,
    of: Holder,
    without: Vec<DataKeyId>,
) -> Result<Wrapped, VaultError> {
    sqlx::query!("SELECT pg_advisory_xact_lock($1)", lock(of)).fetch_one(&mut *connection).await?;
    let rows = sqlx::query_as!(
        Row,
        "SELECT key_id, version, wrapped FROM keys.data_key
         WHERE context = $1 AND owner_id = $2 AND wrapped IS NOT NULL",
        of.context,
        of.owner,
    );
    let rows = rows.fetch_all(&mut *connection).await?;
    let without: HashSet<DataKeyId> = without.into_iter().collect();
    let (gone, kept): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| without.contains(&row.id()));
    let ids: Vec<Uuid> = gone.iter().map(|row| row.key_id).collect();
    let keys = Arc::clone(wrapping);
    let (version, anew, wrapped) = blocking(move || {
        let mut unwrapping = Unwrapping::new(&keys, of);
        let (gone, kept) = (unwrapping.open_all(&gone)?, unwrapping.open_all(&kept)?);
        if gone.opened.is_empty() {
            return Ok((kept.opened.iter().map(|(row, _)| row.version).min(), Vec::new(), Vec::new()));
        }
        if kept.lacking {
            return Err(VaultError::Outdated);
        }
        let (version, cipher) = keys.renew(of)?;
        let mut anew = (Vec::with_capacity(kept.opened.len()), Vec::with_capacity(kept.opened.len()));
        for (row, key) in kept.opened {
            anew.0.push(row.key_id);
            anew.1.push(cipher.seal(&bound_to(of, row.id()), key.to_vec()).map_err(|_| VaultError::Cipher)?);
        }
        Ok((Some(version), anew.0, anew.1))
    })
    .await?;
    let destroyed = sqlx::query!(
        "UPDATE keys.data_key SET wrapped = NULL, destroyed_at = clock_timestamp()
         WHERE context = $1 AND owner_id = $2 AND key_id = ANY ($3)",
        of.context,
        of.owner,
        &ids,
    );
    let destroyed = destroyed.execute(&mut *connection).await?.rows_affected();
    let written = sqlx::query!(
        "UPDATE keys.data_key k SET version = $3, wrapped = n.wrapped
         FROM unnest($4::uuid[], $5::bytea[]) n (key_id, wrapped)
         WHERE k.context = $1 AND k.owner_id = $2 AND k.key_id = n.key_id",
        of.context,
        of.owner,
        version,
        &anew,
        &wrapped,
    );
    let written = written.execute(connection).await?.rows_affected();
    // Fewer would be lost with the old version.
    if usize::try_from(written).is_ok_and(|written| written == anew.len()) {
        Ok(Wrapped { destroyed, oldest: version })
    } else {
        Err(VaultError::Unwrapped)
    }
}

struct Row {
    key_id: Uuid,
    version: i32,
    wrapped: Option<Vec<u8>>,
}

impl Row {
    fn id(&self) -> DataKeyId {
        self.key_id.into()
    }
}

/// Opens wrapped keys. Each version of the wrapping key is looked for once: the file is not asked for every key.
struct Unwrapping<'k> {
    keys: &'k KeyFile,
    of: Holder,
    versions: HashMap<i32, Aead>,
}

/// Some rows' keys.
struct OpenedRows<'r> {
    opened: Vec<(&'r Row, [u8; 32])>,
    /// Whether there are others, whose version the file does not have.
    lacking: bool,
}

impl<'k> Unwrapping<'k> {
    fn new(keys: &'k KeyFile, of: Holder) -> Self {
        Self { keys, of, versions: HashMap::new() }
    }

    fn open_all<'r>(&mut self, rows: &'r [Row]) -> Result<OpenedRows<'r>, VaultError> {
        let mut all = OpenedRows { opened: Vec::with_capacity(rows.len()), lacking: false };
        for row in rows {
            match self.open(row) {
                Err(VaultError::KeyFile(KeyFileError::Lacking { .. })) => all.lacking = true,
                key => all.opened.push((row, key?)),
            }
        }
        Ok(all)
    }

    fn open(&mut self, row: &Row) -> Result<[u8; 32], VaultError> {
        let wrapped = row.wrapped.as_deref().ok_or(VaultError::Destroyed)?;
        let cipher = match self.versions.entry(row.version) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(self.keys.version(self.of, row.version)?),
        };
        let key = cipher.open(&bound_to(self.of, row.id()), wrapped).map_err(|_| VaultError::Unwrapped)?;
        key.try_into().map_err(|_| VaultError::Unwrapped)
    }
}

/// The additional data of a wrapped key: moved to another row, it does not open.
fn bound_to(of: Holder, id: DataKeyId) -> Vec<u8> {
    [b"wardlog wrapped 1".as_slice(), of.owner.as_bytes(), Uuid::from(id).as_bytes(), of.context.as_bytes()].concat()
}

/// Another for each context: whoever wraps one's keys anew holds up no other.
fn lock(of: Holder) -> i64 {
    let mut hash = blake3::Hasher::new_derive_key("Wardlog 2026 locks of a holder's keys");
    hash.update(of.owner.as_bytes()).update(of.context.as_bytes());
    let mut lock = [0; 8];
    hash.finalize_xof().fill(&mut lock);
    i64::from_le_bytes(lock)
}

/// Runs what reads or writes the key file where it holds nobody up.
async fn blocking<T: Send + 'static>(
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_context_and_each_owner_has_a_lock_of_its_own() {
        let of = |context, owner| lock(Holder { context, owner: Uuid::from_u128(owner) });
        assert_eq!(of("directory", 1), of("directory", 1));
        assert_ne!(of("directory", 1), of("filtering", 1));
        assert_ne!(of("directory", 1), of("directory", 2));
    }
}

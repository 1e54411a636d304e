//! What wraps the keys of the store, a wrapping key for each holder, and is in no database.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use schema::DataKeyId;
use tokio::task::{JoinError, spawn_blocking};
use uuid::Uuid;

use crate::{
    KeyFile, VaultError,
    aead::Aead,
    holder::{Holder, Versions},
    key_file::First,
};

/// The bytes of a data key.
pub(crate) type KeyBytes = [u8; 32];

/// Where the wrapping keys are; cheap to clone.
#[derive(Debug, Clone)]
pub enum Wrapping {
    /// In a file.
    File(Arc<KeyFile>),
}

impl From<Arc<KeyFile>> for Wrapping {
    fn from(file: Arc<KeyFile>) -> Self {
        Self::File(file)
    }
}

/// A data key under a version of its wrapping key.
#[derive(Debug, Clone)]
pub(crate) struct WrappedKey {
    pub(crate) id: DataKeyId,
    pub(crate) version: i32,
    pub(crate) bytes: Vec<u8>,
}

impl Wrapping {
    /// Which wrapping keys they are, and how often they were changed.
    pub(crate) async fn first(&self) -> Result<First, VaultError> {
        let Self::File(file) = self.clone();
        blocking(move || Ok(file.first()?)).await
    }

    /// Which versions of a wrapping key there are; none of one that was never made.
    pub(crate) async fn versions(&self, of: Holder) -> Result<Option<Versions>, VaultError> {
        let Self::File(file) = self.clone();
        blocking(move || Ok(file.versions(of)?)).await
    }

    /// Makes the version after the newest, unless it is there.
    pub(crate) async fn add(&self, of: Holder, version: i32) -> Result<(), VaultError> {
        let Self::File(file) = self.clone();
        blocking(move || Ok(file.add(of, version)?)).await
    }

    /// Destroys every version before this one, for ever.
    pub(crate) async fn destroy_before(&self, of: Holder, version: i32) -> Result<(), VaultError> {
        let Self::File(file) = self.clone();
        blocking(move || Ok(file.destroy_before(of, version)?)).await
    }

    /// Keys under a version, in their order.
    pub(crate) async fn wrap(
        &self,
        of: Holder,
        version: i32,
        keys: Vec<(DataKeyId, KeyBytes)>,
    ) -> Result<Vec<WrappedKey>, VaultError> {
        let Self::File(file) = self.clone();
        blocking(move || {
            let cipher = file.version(of, version)?.ok_or(VaultError::Unwrapped)?;
            let wrap = |(id, key): (DataKeyId, KeyBytes)| {
                let bytes = cipher.seal(&bound_to(of, id), key.to_vec()).map_err(|_| VaultError::Cipher)?;
                Ok(WrappedKey { id, version, bytes })
            };
            keys.into_iter().map(wrap).collect()
        })
        .await
    }

    /// Keys as they were before they were wrapped, in their order.
    pub(crate) async fn unwrap(
        &self,
        of: Holder,
        wrapped: Vec<WrappedKey>,
    ) -> Result<Vec<(DataKeyId, KeyBytes)>, VaultError> {
        let Self::File(file) = self.clone();
        blocking(move || {
            // Each version is looked for once: the file is not asked for every key.
            let mut versions: HashMap<i32, Aead> = HashMap::new();
            let mut unwrap = |wrapped: WrappedKey| {
                let cipher = match versions.entry(wrapped.version) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(unknown) => {
                        unknown.insert(file.version(of, wrapped.version)?.ok_or(VaultError::Unwrapped)?)
                    }
                };
                let opened = cipher.open(&bound_to(of, wrapped.id), &wrapped.bytes).ok();
                Ok((wrapped.id, opened.and_then(|key| key.try_into().ok()).ok_or(VaultError::Unwrapped)?))
            };
            wrapped.into_iter().map(&mut unwrap).collect()
        })
        .await
    }
}

/// The additional data of a wrapped key: moved to another row, it does not open.
fn bound_to(of: Holder, id: DataKeyId) -> Vec<u8> {
    [b"wardlog wrapped 1".as_slice(), of.owner.as_bytes(), Uuid::from(id).as_bytes(), of.context.as_bytes()].concat()
}

/// Runs what reads or writes the key file where it holds nobody up.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, VaultError> + Send + 'static,
) -> Result<T, VaultError> {
    ended(spawn_blocking(work).await)
}

/// What a task came to.
pub(crate) fn ended<T>(outcome: Result<Result<T, VaultError>, JoinError>) -> Result<T, VaultError> {
    match outcome {
        Ok(outcome) => outcome,
        Err(died) => match died.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(VaultError::Database(sqlx::Error::WorkerCrashed)),
        },
    }
}

//! What wraps the keys of the store, a wrapping key for each holder, and is in no database.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use schema::DataKeyId;
use tokio::task::{JoinError, spawn_blocking};
use uuid::Uuid;

use crate::{
    KeyFile, Transit, VaultError,
    aead::Aead,
    holder::{Holder, Versions},
};

/// The bytes of a data key.
pub(crate) type KeyBytes = [u8; 32];

/// Where the wrapping keys are; cheap to clone.
#[derive(Debug, Clone)]
pub enum Wrapping {
    /// In a file.
    File(Arc<KeyFile>),
    /// In HashiCorp Vault.
    Transit(Arc<Transit>),
}

impl From<Arc<KeyFile>> for Wrapping {
    fn from(file: Arc<KeyFile>) -> Self {
        Self::File(file)
    }
}

impl From<Arc<Transit>> for Wrapping {
    fn from(transit: Arc<Transit>) -> Self {
        Self::Transit(transit)
    }
}

/// Which wrapping keys they are of all that there are, and of what time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) id: Uuid,
    /// How often they were changed; a copy from before has a lower number.
    pub(crate) changes: i64,
}

/// A data key under a version of its wrapping key.
#[derive(Debug, Clone)]
pub(crate) struct WrappedKey {
    pub(crate) id: DataKeyId,
    pub(crate) version: i32,
    pub(crate) bytes: Vec<u8>,
}

impl Wrapping {
    /// Before they are used for the first time.
    pub(crate) async fn begin(&self) -> Result<(), VaultError> {
        match self {
            Self::File(_) => Ok(()),
            Self::Transit(transit) => transit.begin().await,
        }
    }

    pub(crate) async fn state(&self) -> Result<State, VaultError> {
        match self {
            Self::File(file) => with(file, |file| Ok(file.state()?)).await,
            Self::Transit(transit) => transit.state().await,
        }
    }

    /// Whose wrapping keys of a context there are, as far as they tell.
    pub(crate) async fn owners(&self, context: &'static str) -> Result<Vec<Uuid>, VaultError> {
        match self {
            Self::File(file) => with(file, move |file| Ok(file.owners(context)?)).await,
            Self::Transit(_) => Ok(Vec::new()),
        }
    }

    /// Which versions of a wrapping key there are; none of one that was never made.
    pub(crate) async fn versions(&self, of: Holder) -> Result<Option<Versions>, VaultError> {
        match self {
            Self::File(file) => with(file, move |file| Ok(file.versions(of)?)).await,
            Self::Transit(transit) => transit.versions(of).await,
        }
    }

    /// Makes the version after the newest, unless it is there.
    pub(crate) async fn add(&self, of: Holder, version: i32) -> Result<(), VaultError> {
        match self {
            Self::File(file) => with(file, move |file| Ok(file.add(of, version)?)).await,
            Self::Transit(transit) => transit.add(of, version).await,
        }
    }

    /// Destroys every version before this one, for ever.
    pub(crate) async fn destroy_before(&self, of: Holder, version: i32) -> Result<(), VaultError> {
        match self {
            Self::File(file) => with(file, move |file| Ok(file.destroy_before(of, version)?)).await,
            Self::Transit(transit) => transit.destroy_before(of, version).await,
        }
    }

    /// Keys under a version that is there, in their order.
    pub(crate) async fn wrap(
        &self,
        of: Holder,
        version: i32,
        keys: Vec<(DataKeyId, KeyBytes)>,
    ) -> Result<Vec<WrappedKey>, VaultError> {
        let file = match self {
            Self::File(file) => file,
            Self::Transit(transit) => return transit.wrap(of, version, &keys).await,
        };
        with(file, move |file| {
            let cipher = file.version(of, version)?.ok_or(VaultError::OlderWrapping)?;
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
        let file = match self {
            Self::File(file) => file,
            Self::Transit(transit) => return transit.unwrap(of, &wrapped).await,
        };
        with(file, move |file| {
            // Each version is looked for once: the file is not asked for every key.
            let mut versions: HashMap<i32, Aead> = HashMap::new();
            let unwrap = |wrapped: WrappedKey| {
                let unopened = VaultError::Unwrapped { owner: of.owner, key: wrapped.id };
                let cipher = match versions.entry(wrapped.version) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(unknown) => unknown.insert(match file.version(of, wrapped.version)? {
                        Some(cipher) => cipher,
                        None => return Err(unopened),
                    }),
                };
                let opened = cipher.open(&bound_to(of, wrapped.id), &wrapped.bytes).ok();
                Ok((wrapped.id, opened.and_then(|key| key.try_into().ok()).ok_or(unopened)?))
            };
            wrapped.into_iter().map(unwrap).collect()
        })
        .await
    }
}

/// The additional data of a wrapped key: moved to another row, it does not open.
pub(crate) fn bound_to(of: Holder, id: DataKeyId) -> Vec<u8> {
    [b"wardlog wrapped 1".as_slice(), of.owner.as_bytes(), Uuid::from(id).as_bytes(), of.context.as_bytes()].concat()
}

/// Reads or writes the key file where that holds nobody up.
async fn with<T: Send + 'static>(
    file: &Arc<KeyFile>,
    work: impl FnOnce(&KeyFile) -> Result<T, VaultError> + Send + 'static,
) -> Result<T, VaultError> {
    let file = Arc::clone(file);
    ended(spawn_blocking(move || work(&file)).await)
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

//! Why a key cannot be had.

use schema::DataKeyId;
use uuid::Uuid;

use crate::{KeyFileError, TransitError};

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
    /// The store lacks keys that the records name.
    #[error(
        "the key store lacks {0} keys that the records name: restore its newest dump, until then no key of this school or \
         trust is destroyed; where they are lost for good, `wardlog give-up-keys` says so"
    )]
    Lacking(usize),
    /// The store's keys of this context are under other wrapping keys.
    #[error(
        "the wrapping keys are not those of the key store: bring those here that it was filled with; where they are lost for \
         good, or were never to be used, README, Backups, says what to do"
    )]
    OtherWrapping,
    /// A wrapped key does not open.
    #[error("the key {key} of {owner} does not open under its wrapping key: README, Backups, says what to do")]
    Unwrapped {
        /// Whose it is.
        owner: Uuid,
        /// Which; where the engine does not say, the first of those that it was asked for.
        key: DataKeyId,
    },
    /// The store is older than the wrapping keys.
    #[error(
        "the key store is older than the wrapping keys: restore its newest dump, until then no key of this school or trust is \
         made or destroyed; where it is lost for good, README, Backups, says what to do"
    )]
    OlderStore,
    /// The wrapping keys are older than the store.
    #[error(
        "the wrapping keys are an older copy than the key store has been used with: bring their newest back, until then no key \
         is made or destroyed; where it is lost for good, README, Backups, says what to do"
    )]
    OlderWrapping,
    /// The wrapping keys cannot be used.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// Nor those of a key service.
    #[error(transparent)]
    Transit(#[from] TransitError),
    /// The key store refused or could not be reached.
    #[error("the key store: {0}")]
    Database(sqlx::Error),
    /// Others wait for keys of the same school or trust, and have for long.
    #[error("too many wait for keys of this school or trust: try again in a while")]
    Busy,
    /// The cipher refused.
    #[error("the cipher refused to work")]
    Cipher,
}

/// By hand, for its text says all that it was made of.
impl From<sqlx::Error> for VaultError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl VaultError {
    /// Whether nothing can be had of the store or the engine at the moment, whosever it is.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Transit(error) => {
                matches!(error, TransitError::Unreachable(_) | TransitError::Sealed | TransitError::Setting { .. })
            }
            Self::Database(error) => matches!(error, sqlx::Error::PoolTimedOut | sqlx::Error::Io(_)),
            _ => false,
        }
    }
}

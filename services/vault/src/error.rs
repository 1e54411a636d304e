//! Why a key cannot be had.

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
    /// The store's keys of this context are under other wrapping keys.
    #[error(
        "the wrapping keys are not those of the key store: bring those here that it was filled with; where they are lost for \
         good, or were never to be used, README, Backups, says what to do"
    )]
    OtherWrapping,
    /// A wrapped key does not open.
    #[error("a key of the store does not open under its wrapping key")]
    Unwrapped,
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

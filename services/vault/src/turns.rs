//! Whose turn it is: a school that waits for its keys, or has very many, keeps no other from theirs.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use uuid::Uuid;

use crate::VaultError;

/// How many connections to the key store one owner may have at once.
const AT_ONCE: usize = 2;

/// For how long somebody waits for their turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// The turns of each owner that ever took one.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashMap<Uuid, Arc<Semaphore>>>);

impl Turns {
    /// Waits until it is the owner's turn again; it ends when what comes back is dropped. Nobody takes another within one.
    pub(crate) async fn take(&self, owner: Uuid) -> Result<OwnedSemaphorePermit, VaultError> {
        let turns = Arc::clone(
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(owner)
                .or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE))),
        );
        // Nobody closes one.
        timeout(PATIENCE, turns.acquire_owned()).await.ok().and_then(Result::ok).ok_or(VaultError::Busy)
    }
}

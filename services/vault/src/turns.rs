//! Whose turn it is: a school that waits for its keys, or has very many, keeps no other from theirs.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

/// How many connections to the key store one owner may have at once.
const AT_ONCE: usize = 2;

/// The turns of each owner that ever took one.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashMap<Uuid, Arc<Semaphore>>>);

impl Turns {
    /// Waits until it is the owner's turn again; it ends when what comes back is dropped. Nobody takes another within one.
    pub(crate) async fn take(&self, owner: Uuid) -> Option<OwnedSemaphorePermit> {
        let turns = Arc::clone(
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(owner)
                .or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE))),
        );
        // Nobody closes one.
        turns.acquire_owned().await.ok()
    }
}

//! What is known of keys: bounded, and short enough that a revocation holds within seconds.

use std::time::{Duration, Instant};

use quick_cache::sync::Cache;

use super::KeyHash;

/// How long an answer of the view is trusted. With a projection's lag it must stay below 5 seconds.
const TRUSTED: Duration = Duration::from_secs(2);

/// How many keys are remembered, known and unknown each: unknown ones have a cache of their own, so that a flood of
/// them cannot push the known ones out.
const REMEMBERED: usize = 20_000;

/// Remembers for some seconds whose a key is.
#[derive(Debug)]
pub struct KnownKeys<T> {
    known: Cache<KeyHash, (T, Instant)>,
    unknown: Cache<KeyHash, Instant>,
}

impl<T> Default for KnownKeys<T>
where
    T: Clone,
{
    fn default() -> Self {
        Self { known: Cache::new(REMEMBERED), unknown: Cache::new(REMEMBERED) }
    }
}

impl<T: Clone> KnownKeys<T> {
    /// Whose the key of this hash is: as it was found within the last seconds, or as `find` says now; a revoked key is
    /// nobody's.
    ///
    /// `now` is the caller's monotonic clock: an answer counts as old as the question was.
    pub async fn owner<E>(
        &self,
        hash: KeyHash,
        now: Instant,
        find: impl AsyncFnOnce(KeyHash) -> Result<Option<T>, E>,
    ) -> Result<Option<T>, E> {
        let trusted = |asked: Instant| now.saturating_duration_since(asked) < TRUSTED;
        if let Some((owner, asked)) = self.known.get(&hash)
            && trusted(asked)
        {
            return Ok(Some(owner));
        }
        if self.unknown.get(&hash).is_some_and(trusted) {
            return Ok(None);
        }
        let found = find(hash).await?;
        if let Some(owner) = &found {
            self.known.insert(hash, (owner.clone(), now));
        } else {
            self.known.remove(&hash);
            self.unknown.insert(hash, now);
        }
        Ok(found)
    }
}

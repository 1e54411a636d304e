//! An issuer's keys as last fetched. What callers send cannot make us fetch more often than the interval; whoever shows a key that
//! was not known then waits until it is asked for again, for the issuer may have begun to use it since.

use std::{
    path::Path,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::DecodingKey;
use reqwest::{Client, Url};
use tokio::{
    io::AsyncReadExt,
    sync::{Mutex, OwnedMutexGuard, Semaphore},
    task::JoinHandle,
    time::Instant,
};

use super::{KeySource, SignatureAlgorithm, TokenError, keys::KeySet};

/// The least time between two fetches from one issuer, successful or not.
pub const REFETCH_INTERVAL: TimeDelta = TimeDelta::seconds(2);

/// How many callers wait for keys at once; the next one is asked to come again.
const WAITING: usize = 1_000;

/// Keys older than this are fetched anew on their next use, so that a withdrawn key ends.
pub const MAX_KEYS_AGE: TimeDelta = TimeDelta::minutes(5);

/// Keys older than this are not believed any more, though they cannot be fetched anew.
pub const MAX_UNRENEWED: TimeDelta = TimeDelta::hours(1);

/// A fetch that takes longer has failed.
pub const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

const MAX_BYTES: usize = 256 * 1024;

#[derive(Debug)]
pub(super) struct KeyCache {
    source: KeySource,
    client: Client,
    current: RwLock<Option<Arc<Fetched>>>,
    /// When a fetch was last begun; the lock is held while one is under way.
    begun: Arc<Mutex<Option<DateTime<Utc>>>>,
    waiting: Semaphore,
}

#[derive(Debug)]
struct Fetched {
    keys: KeySet,
    at: DateTime<Utc>,
}

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("the issuer's keys could not be fetched: {0}")]
    Http(reqwest::Error),
    #[error("the issuer's keys could not be read from their file: {0}")]
    File(#[from] std::io::Error),
    #[error("expected a JWK set of at most {MAX_BYTES} bytes")]
    TooLarge,
    #[error("expected a JWK set")]
    Malformed,
}

impl KeyCache {
    pub(super) fn new(source: KeySource, client: Client) -> Self {
        Self { source, client, current: RwLock::new(None), begun: Arc::default(), waiting: Semaphore::new(WAITING) }
    }

    /// The key of this name and type, fetched anew when the name is unknown.
    pub(super) async fn find(
        self: &Arc<Self>,
        key_id: &str,
        algorithm: SignatureAlgorithm,
        now: DateTime<Utc>,
    ) -> Result<DecodingKey, TokenError> {
        if let Some(fetched) = self.current()
            && now - fetched.at <= MAX_UNRENEWED
            && let Some(key) = fetched.keys.find(key_id, algorithm)?
        {
            if now - fetched.at > MAX_KEYS_AGE
                && let Ok(begun) = Arc::clone(&self.begun).try_lock_owned()
                && begun.is_none_or(|last| now - last >= REFETCH_INTERVAL)
            {
                self.begin(begun, now, now);
            }
            return Ok(key);
        }
        let _waits = self.waiting.try_acquire().map_err(|_| TokenError::KeysUnavailable)?;
        self.fetch(now).await;
        let fetched = self.current().filter(|fetched| now - fetched.at <= MAX_UNRENEWED);
        fetched.ok_or(TokenError::KeysUnavailable)?.keys.find(key_id, algorithm)?.ok_or(TokenError::UnknownKey)
    }

    /// Fetches if nothing was fetched yet; whether there is something now.
    pub(super) async fn load(self: &Arc<Self>, now: DateTime<Utc>) -> bool {
        if self.current().is_none() {
            self.fetch(now).await;
        }
        self.current().is_some()
    }

    fn current(&self) -> Option<Arc<Fetched>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a fetch that began no earlier than `asked`: one under way, or one of its own once the interval is over.
    async fn fetch(self: &Arc<Self>, asked: DateTime<Utc>) {
        let waits = Instant::now();
        let begun = Arc::clone(&self.begun).lock_owned().await;
        let now = asked + TimeDelta::from_std(waits.elapsed()).unwrap_or_default();
        // A clock that was put back says nothing of what was first.
        if begun.is_some_and(|last| (asked..now + REFETCH_INTERVAL).contains(&last)) {
            return;
        }
        let last = begun.filter(|last| (now - *last).abs() < REFETCH_INTERVAL);
        if self.begin(begun, last.map_or(now, |last| last + REFETCH_INTERVAL), now).await.is_err() {
            tracing::error!("fetching an issuer's keys ended abnormally");
        }
    }

    /// The fetch, at an instant that is now or later, runs on a task of its own: a caller that goes away must not be able to stop
    /// it for the others.
    fn begin(
        self: &Arc<Self>,
        mut begun: OwnedMutexGuard<Option<DateTime<Utc>>>,
        at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> JoinHandle<()> {
        let cache = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep((at - now).to_std().unwrap_or_default()).await;
            *begun = Some(at);
            match cache.source.fetch(&cache.client).await {
                Ok(keys) => {
                    let fetched = Some(Arc::new(Fetched { keys, at }));
                    *cache.current.write().unwrap_or_else(PoisonError::into_inner) = fetched;
                }
                Err(error) => tracing::warn!(%error, "keeping the issuer's keys as they are"),
            }
            drop(begun);
        })
    }
}

impl KeySource {
    async fn fetch(&self, client: &Client) -> Result<KeySet, FetchError> {
        let bytes = match self {
            Self::Url(url) => download(client, url.as_url()).await?,
            Self::File(path) => read(path).await?,
        };
        KeySet::parse(&bytes).map_err(|_| FetchError::Malformed)
    }
}

async fn download(client: &Client, url: &Url) -> Result<Vec<u8>, FetchError> {
    let mut response = client.get(url.clone()).send().await?.error_for_status()?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(FetchError::Malformed);
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if bytes.len() + chunk.len() > MAX_BYTES {
            return Err(FetchError::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

async fn read(path: &Path) -> Result<Vec<u8>, FetchError> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
    tokio::fs::File::open(path).await?.take(limit + 1).read_to_end(&mut bytes).await?;
    if bytes.len() > MAX_BYTES { Err(FetchError::TooLarge) } else { Ok(bytes) }
}

impl From<reqwest::Error> for FetchError {
    /// The URL is left out: the operator knows it, and it may hold a secret.
    fn from(error: reqwest::Error) -> Self {
        Self::Http(error.without_url())
    }
}

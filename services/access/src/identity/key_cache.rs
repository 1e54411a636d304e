//! An issuer's keys as last fetched. What callers send cannot make us fetch more often than the interval.

use std::{
    path::Path,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::DecodingKey;
use reqwest::{Client, Url};
use tokio::{io::AsyncReadExt, sync::Mutex, sync::OwnedMutexGuard, task::JoinHandle};

use super::{KeySource, SignatureAlgorithm, TokenError, keys::KeySet};

/// The least time between two fetches from one issuer, successful or not.
pub const REFETCH_INTERVAL: TimeDelta = TimeDelta::seconds(10);

/// Keys older than this are fetched anew on their next use, so that a withdrawn key ends.
pub const MAX_KEYS_AGE: TimeDelta = TimeDelta::minutes(5);

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
        Self { source, client, current: RwLock::new(None), begun: Arc::default() }
    }

    /// The key of this name and type, fetching anew (within the interval) when the name is unknown.
    pub(super) async fn find(
        self: &Arc<Self>,
        key_id: &str,
        algorithm: SignatureAlgorithm,
        now: DateTime<Utc>,
    ) -> Result<DecodingKey, TokenError> {
        if let Some(fetched) = self.current()
            && let Some(key) = fetched.keys.find(key_id, algorithm)?
        {
            if now - fetched.at > MAX_KEYS_AGE
                && let Ok(begun) = Arc::clone(&self.begun).try_lock_owned()
            {
                self.fetch_unless_recent(begun, now);
            }
            return Ok(key);
        }
        self.fetch(now).await;
        let fetched = self.current().ok_or(TokenError::KeysUnavailable)?;
        fetched.keys.find(key_id, algorithm)?.ok_or(TokenError::UnknownKey)
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

    /// Waits for the fetch under way, or for one of its own.
    async fn fetch(self: &Arc<Self>, now: DateTime<Utc>) {
        let begun = Arc::clone(&self.begun).lock_owned().await;
        if let Some(fetch) = self.fetch_unless_recent(begun, now)
            && fetch.await.is_err()
        {
            tracing::error!("fetching an issuer's keys ended abnormally");
        }
    }

    /// The fetch runs on a task of its own: a caller that goes away must not be able to stop it for the others.
    fn fetch_unless_recent(
        self: &Arc<Self>,
        mut begun: OwnedMutexGuard<Option<DateTime<Utc>>>,
        now: DateTime<Utc>,
    ) -> Option<JoinHandle<()>> {
        if begun.is_some_and(|last| (now - last).abs() < REFETCH_INTERVAL) {
            return None;
        }
        *begun = Some(now);
        let cache = Arc::clone(self);
        Some(tokio::spawn(async move {
            match cache.source.fetch(&cache.client).await {
                Ok(keys) => {
                    let fetched = Some(Arc::new(Fetched { keys, at: now }));
                    *cache.current.write().unwrap_or_else(PoisonError::into_inner) = fetched;
                }
                Err(error) => tracing::warn!(%error, "keeping the issuer's keys as they are"),
            }
            drop(begun);
        }))
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

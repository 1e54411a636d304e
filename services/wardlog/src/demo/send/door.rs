//! A sender at the door, as a school's filter is one: a batch is sent until the door has answered for it.

use std::time::{Duration, Instant};

use access::IngestKey;
use anyhow::{Context, Result, bail, ensure};
use reqwest::{
    Response, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER},
};
use serde::Deserialize;

/// For how long a batch is sent again before the sender gives up.
const PATIENCE: Duration = Duration::from_mins(1);

/// For how long a batch may take to be counted.
const COUNTING: Duration = Duration::from_mins(1);

/// How often the door is asked whether a batch has been counted.
const POLL: Duration = Duration::from_millis(50);

/// One source at the door.
#[derive(Clone)]
pub struct DoorClient {
    http: reqwest::Client,
    base: String,
    key: String,
}

/// A batch.
pub struct Batch<'a> {
    /// Its id.
    pub id: &'a str,
    /// Below `/v1/`: `filter-events`, or `filter-logs/` and a format.
    pub path: &'a str,
    /// The body's media type.
    pub media_type: &'static str,
    /// The body, compressed with zstd.
    pub zstd: Vec<u8>,
}

#[derive(Deserialize)]
struct Answer {
    accepted: u64,
    rejected: Vec<serde_json::Value>,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Events counted.
    pub counted: u64,
    /// Events that had been counted before.
    pub duplicates: u64,
}

#[derive(Deserialize)]
struct Status {
    counted: Option<u64>,
    duplicates: Option<u64>,
}

impl DoorClient {
    /// The source that `key` belongs to, at the door of `base` (`http://…`).
    pub fn new(http: reqwest::Client, base: &str, key: &IngestKey) -> Self {
        Self { http, base: base.to_owned(), key: key.reveal() }
    }

    /// Sends a batch until it is stored, and tells how many of its events were.
    ///
    /// Where the door says 429 or 503, or nothing at all, the same batch goes again under the same id. A line that the
    /// door does not take is an error: nothing that this program sends should be refused.
    pub async fn send(&self, batch: &Batch<'_>) -> Result<u64> {
        let began = Instant::now();
        loop {
            let wait = match self.post(batch).await {
                Ok(answer) if answer.status() == StatusCode::ACCEPTED => {
                    let answer: Answer = answer.json().await.context("the door's answer is not what it promises")?;
                    if let Some(first) = answer.rejected.first() {
                        bail!(
                            "batch {}: the door refused {} lines, the first: {first}",
                            batch.id,
                            answer.rejected.len()
                        );
                    }
                    return Ok(answer.accepted);
                }
                Ok(busy)
                    if matches!(busy.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) =>
                {
                    retry_after(&busy)
                }
                Ok(refused) => {
                    bail!("batch {}: the door answered {}: {}", batch.id, refused.status(), refused.text().await?)
                }
                Err(error) if began.elapsed() > PATIENCE => return Err(error).context("the door cannot be reached"),
                // What became of the batch is not known; its id makes sending it again safe.
                Err(_) => Duration::from_secs(1),
            };
            if began.elapsed() + wait > PATIENCE {
                bail!("batch {}: the door was too busy for {} seconds", batch.id, PATIENCE.as_secs());
            }
            tokio::time::sleep(wait).await;
        }
    }

    async fn post(&self, batch: &Batch<'_>) -> reqwest::Result<Response> {
        self.http
            .post(format!("{}/v1/{}", self.base, batch.path))
            .bearer_auth(&self.key)
            .header("Idempotency-Key", batch.id)
            .header(CONTENT_TYPE, batch.media_type)
            .header(CONTENT_ENCODING, "zstd")
            .body(batch.zstd.clone())
            .send()
            .await
    }

    /// Waits until a batch has been counted; anything but `expected` is an error.
    pub async fn ensure_counted(&self, id: &str, expected: Counted) -> Result<()> {
        let found = self.counted(id).await?;
        ensure!(found == expected, "batch {id}: expected {expected:?}, found {found:?}");
        Ok(())
    }

    async fn counted(&self, id: &str) -> Result<Counted> {
        let began = Instant::now();
        while began.elapsed() < COUNTING {
            let url = format!("{}/v1/batches/{id}", self.base);
            let answer =
                self.http.get(url).bearer_auth(&self.key).send().await.context("the door cannot be reached")?;
            let answer = answer.error_for_status().with_context(|| format!("batch {id}"))?;
            if let Status { counted: Some(counted), duplicates: Some(duplicates) } = answer.json().await? {
                return Ok(Counted { counted, duplicates });
            }
            tokio::time::sleep(POLL).await;
        }
        bail!("batch {id} was not counted within {} seconds: is the role projections running?", COUNTING.as_secs())
    }
}

fn retry_after(busy: &Response) -> Duration {
    let seconds = busy.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(1))
}

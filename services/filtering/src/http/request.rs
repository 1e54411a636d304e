//! What a request must say before its body is read, and reading the body within its limits.

use std::time::Duration;

use ::web::{ErrorCode, Problem};
use actix_web::{
    http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap},
    web::{BytesMut, Payload},
};
use futures_util::StreamExt;
use schema::CommandId;

use crate::body::{Encoding, INFLATED, WIRE};

/// A body that takes longer to arrive is given up.
const PATIENCE: Duration = Duration::from_mins(1);

/// What even the smallest request is charged for: its answer may be larger than itself.
const LEAST: usize = 256 * 1024;

/// The batch id, from `Idempotency-Key`.
pub(super) fn batch_id(headers: &HeaderMap) -> Result<CommandId, Problem> {
    let wrong = || {
        Problem::new(ErrorCode::BadRequest)
            .detail("expected an Idempotency-Key of 1 to 128 visible ASCII characters: the batch's id")
            .member("field", "Idempotency-Key")
    };
    headers
        .get("Idempotency-Key")
        .and_then(|value| value.to_str().ok())
        .and_then(|id| id.parse().ok())
        .ok_or_else(wrong)
}

/// The media type without its parameters, lower-case.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The body's encoding on the wire.
pub(super) fn encoding(headers: &HeaderMap) -> Result<Encoding, Problem> {
    match headers
        .get(CONTENT_ENCODING)
        .map(|value| value.to_str().unwrap_or("?").trim().to_ascii_lowercase())
        .as_deref()
    {
        None | Some("identity") => Ok(Encoding::Identity),
        Some("gzip" | "x-gzip") => Ok(Encoding::Gzip),
        Some("zstd") => Ok(Encoding::Zstd),
        Some(_) => Err(Problem::new(ErrorCode::UnsupportedMediaType)
            .detail("expected Content-Encoding identity, gzip or zstd")
            .member("field", "Content-Encoding")),
    }
}

/// The memory that a request may come to need; a body that is announced too large is refused here.
pub(super) fn needs(headers: &HeaderMap, encoding: Encoding) -> Result<usize, Problem> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|n| n.parse().ok());
    let wire = announced.unwrap_or(WIRE);
    if wire > WIRE {
        return Err(too_large());
    }
    Ok(match encoding {
        // The body, and what is parsed out of it.
        Encoding::Identity => (wire * 3).max(LEAST),
        Encoding::Gzip | Encoding::Zstd => (wire * 120).clamp(4 * LEAST, INFLATED * 2),
    })
}

/// Reads the body.
pub(super) async fn read(mut payload: Payload) -> Result<BytesMut, Problem> {
    let read = async {
        let mut body = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| too_slow())?;
            if body.len() + chunk.len() > WIRE {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap_or_else(|_| Err(too_slow()))
}

/// Not the sender's fault for good: it still has its file, and may send it again.
fn too_slow() -> Problem {
    Problem::new(ErrorCode::Unavailable).detail("expected the whole body within 60 seconds").retry_after(5)
}

fn too_large() -> Problem {
    Problem::new(ErrorCode::PayloadTooLarge).detail("expected a body of at most 8 MiB on the wire")
}

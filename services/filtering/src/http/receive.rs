//! `POST /v1/filter-events` and `POST /v1/filter-logs/{format}`.

use std::time::Instant;

use ::web::{ErrorCode, Problem, clock, problem::ProblemDetails};
use actix_web::{HttpRequest, HttpResponse, web};
use eventlog::telemetry::WriterError;
use schema::CommandId;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Door, request, unavailable};
use crate::{
    Busy, IngestError, Rejected, Sender, Shape, Taken,
    body::{self, BodyError},
};

/// An event as `POST /v1/filter-events` takes it; members beyond these are ignored.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the wire for the OpenAPI file; `json` reads it without copying")]
pub(super) struct WireEvent {
    /// The sender's id, unique within the source; an id sent again within 8 days counts once.
    #[schema(max_length = 128)]
    id: Option<String>,
    /// RFC 3339 with an offset; at most 8 days back and 1 hour ahead.
    time: String,
    /// allowed, blocked, warned, overridden, captured or `auth_challenge`.
    action: String,
    /// The URL; `url` or `host` is required. Only its host is kept.
    #[schema(max_length = 8192)]
    url: Option<String>,
    /// The host.
    #[schema(max_length = 253)]
    host: Option<String>,
    /// The filter's own category labels.
    #[schema(max_items = 16)]
    category: Option<Vec<String>>,
    /// The user's name; replaced by a pseudonym before anything is stored.
    user: Option<String>,
    /// learner, staff, guest or unknown.
    group: Option<String>,
    /// The device's name; replaced by a pseudonym.
    device: Option<String>,
    /// The client's address; replaced by a pseudonym.
    address: Option<String>,
    /// Not kept.
    search: Option<String>,
    /// The filter policy that applied.
    policy: Option<String>,
}

/// What became of the lines of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Answer {
    /// The batch's id.
    batch: String,
    /// Events that are stored.
    accepted: i32,
    /// Lines that are not, by number.
    rejected: Vec<Rejected>,
}

/// Takes filter events as NDJSON or as a JSON array, plain, gzip or zstd.
#[utoipa::path(
    post, path = "/v1/filter-events",
    params(("Idempotency-Key" = String, Header, description = "The batch's id, 1 to 128 visible ASCII characters")),
    request_body(content((WireEvent = "application/x-ndjson"), (Vec<WireEvent> = "application/json"))),
    responses(
        (status = 202, description = "Stored; the lines listed are not", body = Answer),
        (status = 400, description = "The request is not well formed", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "No valid ingest key", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "The batch id was used for another body", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "Another kind of body, or another encoding", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "No line could be accepted; the list says why", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 429, description = "This source sends too much at once; see Retry-After", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "Send the same batch again; see Retry-After", body = ProblemDetails, content_type = "application/problem+json"),
    )
)]
pub(super) async fn events(
    door: web::Data<Door>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let shape = match request::media_type(request.headers()).as_str() {
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Some(Shape::Ndjson),
        "application/json" => Some(Shape::JsonArray),
        _ => None,
    };
    receive(&door, &request, payload, shape, "expected Content-Type application/x-ndjson or application/json").await
}

/// Takes a filter's own log lines.
#[utoipa::path(
    post, path = "/v1/filter-logs/{format}",
    params(
        ("format" = String, Path, description = "squid or e2guardian"),
        ("Idempotency-Key" = String, Header, description = "The batch's id, 1 to 128 visible ASCII characters"),
    ),
    request_body(content = String, content_type = "text/plain"),
    responses(
        (status = 202, description = "Stored; the lines listed are not", body = Answer),
        (status = 404, description = "No such format", body = ProblemDetails, content_type = "application/problem+json"),
        (status = "default", description = "As for /v1/filter-events", body = ProblemDetails, content_type = "application/problem+json"),
    )
)]
pub(super) async fn logs(
    door: web::Data<Door>,
    format: web::Path<String>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let Ok(format) = format.parse() else {
        door.source(request.headers()).await?;
        return Err(Problem::new(ErrorCode::NotFound).detail("expected the format squid or e2guardian"));
    };
    let shape = (request::media_type(request.headers()) == "text/plain").then_some(Shape::Lines(format));
    receive(&door, &request, payload, shape, "expected Content-Type text/plain").await
}

/// Authenticates, admits, and only then reads.
async fn receive(
    door: &Door,
    request: &HttpRequest,
    payload: web::Payload,
    shape: Option<Shape>,
    expected: &'static str,
) -> Result<HttpResponse, Problem> {
    let headers = request.headers();
    let source = door.source(headers).await?;
    let shape = shape.ok_or_else(|| {
        Problem::new(ErrorCode::UnsupportedMediaType).detail(expected).member("field", "Content-Type")
    })?;
    let batch_id = request::batch_id(headers)?;
    let encoding = request::encoding(headers)?;
    let ticket =
        door.admission.admit(source.source, request::needs(headers, encoding)?, Instant::now()).map_err(busy)?;
    let wire = request::read(payload).await?;
    // The key may have been revoked while the body came.
    let source = door.source(headers).await?;
    let body = body::inflate(&wire, encoding).map_err(refused)?;
    let sender = Sender {
        school: source.school,
        partition: source.partition,
        source: source.source,
        vocabulary: source.vocabulary,
    };
    let taken = door.pipeline.take(sender, batch_id.clone(), &body, shape, clock::now()).await.map_err(failed)?;
    drop(ticket);
    answer(&batch_id, taken)
}

fn answer(batch_id: &CommandId, taken: Taken) -> Result<HttpResponse, Problem> {
    let rejected: Vec<Rejected> = taken.rejected.into_iter().map(|line| Rejected { hash: None, ..line }).collect();
    if taken.accepted == 0 && !rejected.is_empty() {
        return Err(Problem::new(ErrorCode::Unprocessable)
            .member("batch", batch_id.as_str())
            .member("accepted", 0)
            .member("rejected", serde_json::to_value(rejected).unwrap_or_default()));
    }
    Ok(HttpResponse::Accepted().json(Answer { batch: batch_id.to_string(), accepted: taken.accepted, rejected }))
}

fn busy(busy: Busy) -> Problem {
    let (code, seconds) = match busy {
        Busy::Source { retry_after } => (ErrorCode::TooManyRequests, retry_after),
        Busy::Everyone { retry_after } => (ErrorCode::Unavailable, retry_after),
    };
    Problem::new(code).retry_after(u32::try_from(seconds).unwrap_or(60))
}

fn refused(error: BodyError) -> Problem {
    let code = match error {
        BodyError::TooLarge | BodyError::TooMany => ErrorCode::PayloadTooLarge,
        BodyError::Encoding | BodyError::NotAnArray | BodyError::Empty => ErrorCode::BadRequest,
    };
    Problem::new(code).detail(error.to_string())
}

fn failed(error: IngestError) -> Problem {
    match error {
        IngestError::Body(error) => refused(error),
        IngestError::BatchIdReused => Problem::new(ErrorCode::Conflict)
            .detail("expected a new Idempotency-Key: this one was sent before with another body")
            .member("field", "Idempotency-Key"),
        IngestError::Writer(WriterError::Busy | WriterError::Unavailable) => unavailable(),
        IngestError::Pseudonym(error) => {
            tracing::error!(%error, "cannot pseudonymise a batch");
            unavailable()
        }
        IngestError::Vault(error) => {
            tracing::error!(%error, "cannot seal a batch");
            unavailable()
        }
        IngestError::Record(error) => {
            tracing::error!(%error, "cannot encode a batch");
            Problem::new(ErrorCode::Internal)
        }
    }
}

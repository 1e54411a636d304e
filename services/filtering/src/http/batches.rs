//! `GET /v1/batches/{id}`: what became of a batch, for the source that sent it.

use ::web::{ErrorCode, Problem, problem::ProblemDetails};
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use eventlog::telemetry;
use schema::CommandId;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Door, unavailable};
use crate::{Rejected, views::counts};

/// A batch.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BatchStatus {
    /// Its id.
    batch: String,
    /// When it was stored.
    received_at: DateTime<Utc>,
    /// Events that are stored.
    accepted: i32,
    /// Lines that are not.
    rejected: Vec<Rejected>,
    /// Events counted; null until they have been.
    counted: Option<i32>,
    /// Events whose id had been seen before; null until they have been counted.
    duplicates: Option<i32>,
}

/// Tells what was stored, counted and found a duplicate.
#[utoipa::path(
    get, path = "/v1/batches/{id}",
    params(("id" = String, Path, description = "The batch's id, as sent in Idempotency-Key")),
    responses(
        (status = 200, description = "The batch", body = BatchStatus),
        (status = 401, description = "No valid ingest key", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "This source has sent no such batch", body = ProblemDetails, content_type = "application/problem+json"),
    )
)]
pub(super) async fn one(
    door: web::Data<Door>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let source = door.source(request.headers()).await?;
    let absent = || Problem::new(ErrorCode::NotFound);
    let batch: CommandId = id.parse().map_err(|_| absent())?;
    let failed = |error: sqlx::Error| {
        tracing::error!(%error, "cannot look up a batch");
        unavailable()
    };
    let stored = telemetry::answer(&door.pool, source.source, &batch).await.map_err(failed)?.ok_or_else(absent)?;
    let mut connection = door.pool.acquire().await.map_err(failed)?;
    let outcome = counts::batch_outcome(&mut connection, source.source, &batch).await.map_err(failed)?;
    let rejected: Vec<Rejected> = serde_json::from_value(stored.rejected).unwrap_or_default();
    Ok(HttpResponse::Ok().json(BatchStatus {
        batch: batch.to_string(),
        received_at: stored.received_at,
        accepted: stored.accepted,
        rejected: rejected.into_iter().map(|line| Rejected { hash: None, ..line }).collect(),
        counted: outcome.map(|outcome| outcome.counted),
        duplicates: outcome.map(|outcome| outcome.duplicates),
    }))
}

//! The door: filter events and raw filter logs in, and what became of them.

mod batches;
mod receive;
mod request;

use std::{sync::Arc, time::Instant};

use access::{KeyRing, KnownSource};
use actix_web::{
    http::header::{AUTHORIZATION, HeaderMap},
    web::{self, Data, ServiceConfig},
};
use sqlx::PgPool;
use utoipa::OpenApi;
use web_edge::{ErrorCode, Problem, problem::method_not_allowed};

use crate::{Admission, Pipeline};
use ::web as web_edge;

/// Everything that the door needs.
#[derive(Clone)]
pub struct Door {
    pipeline: Pipeline,
    keys: Arc<KeyRing>,
    admission: Admission,
    pool: PgPool,
}

impl Door {
    /// A door over a pool of the role `Filtering`, which holds at most `budget` bytes of requests in memory.
    pub fn new(pool: PgPool, pipeline: Pipeline, budget: usize) -> Self {
        let keys = Arc::new(KeyRing::new(pool.clone()));
        Self { pipeline, keys, admission: Admission::new(budget, Instant::now()), pool }
    }

    /// Whose request it is, from its ingest key; anything wrong with the key has one answer.
    async fn source(&self, headers: &HeaderMap) -> Result<KnownSource, Problem> {
        let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match self.keys.source_of(shown, Instant::now()).await {
            Ok(Some(source)) => Ok(source),
            Ok(None) => Err(Problem::new(ErrorCode::Unauthenticated).detail("expected Authorization: Bearer wlk_…")),
            Err(error) => {
                tracing::error!(%error, "cannot look up an ingest key");
                Err(unavailable())
            }
        }
    }
}

/// The log, or what stands before it, cannot be reached: the sender still has its file.
fn unavailable() -> Problem {
    Problem::new(ErrorCode::Unavailable).retry_after(5)
}

/// Mounts the door.
pub fn routes(cfg: &mut ServiceConfig, door: Door) {
    let post = |path, route| web::resource(path).route(route).default_service(method_not_allowed("POST"));
    let get = |path, route| web::resource(path).route(route).default_service(method_not_allowed("GET"));
    cfg.app_data(Data::new(door))
        .service(post("/v1/filter-events", web::post().to(receive::events)))
        .service(post("/v1/filter-logs/{format}", web::post().to(receive::logs)))
        .service(get("/v1/batches/{id}", web::get().to(batches::one)));
}

/// The door's description, as written to `schema/openapi/door.json`.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Description::openapi()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Wardlog door",
        description = "Where a school's filters send what they saw. Every request carries an ingest key of one source \
                       of one school. A 2xx means that the events are durable; send the same batch id again until there is one."
    ),
    paths(receive::events, receive::logs, batches::one),
    components(schemas(
        receive::Answer,
        receive::WireEvent,
        batches::BatchStatus,
        crate::Rejected,
        web_edge::problem::ProblemDetails
    ))
)]
struct Description;

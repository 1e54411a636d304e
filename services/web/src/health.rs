//! Whether the process lives, and whether it can do its work now.

use std::time::Duration;

use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, HeaderValue},
    web::{self, Data, ServiceConfig},
};
use futures_util::future::{BoxFuture, FutureExt, join_all};
use serde_json::json;

use crate::{ErrorCode, Problem, problem::method_not_allowed};

/// A check that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(2);

struct Check {
    name: &'static str,
    passes: Box<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>,
}

/// What must hold for the process to be sent requests.
#[derive(Default)]
pub struct Readiness {
    checks: Vec<Check>,
}

impl Readiness {
    /// Adds a check; `name` is shown to whoever asks, so it names a part of the system and nothing else.
    #[must_use]
    pub fn with<F>(mut self, name: &'static str, passes: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = bool> + Send + 'static,
    {
        self.checks.push(Check { name, passes: Box::new(move || passes().boxed()) });
        self
    }

    /// The names of the checks that do not pass now.
    async fn failing(&self) -> Vec<&'static str> {
        let outcomes = self.checks.iter().map(|check| async {
            let passed = tokio::time::timeout(PATIENCE, (check.passes)()).await == Ok(true);
            (!passed).then_some(check.name)
        });
        join_all(outcomes).await.into_iter().flatten().collect()
    }
}

/// Mounts `/health/live` and `/health/ready`.
pub fn routes(cfg: &mut ServiceConfig, readiness: Data<Readiness>) {
    let resource = |path, route| web::resource(path).route(route).default_service(method_not_allowed("GET"));
    cfg.service(resource("/health/live", web::get().to(async || well())));
    cfg.service(resource("/health/ready", web::get().to(ready)).app_data(readiness));
}

fn well() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .json(json!({ "status": "ok" }))
}

async fn ready(readiness: Data<Readiness>) -> Result<HttpResponse, Problem> {
    let failing = readiness.failing().await;
    if failing.is_empty() { Ok(well()) } else { Err(Problem::new(ErrorCode::Unavailable).member("failing", failing)) }
}

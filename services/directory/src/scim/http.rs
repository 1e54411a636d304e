//! The public door of directories that provision: whose key it is, and what is asked.

mod about;
mod answer;
mod groups;
mod users;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use ::web::{clock, command::Means};
use access::{KeyHash, KnownKeys, ScimKey};
use actix_web::{
    HttpRequest, Resource, Route,
    http::header::{AUTHORIZATION, CONTENT_TYPE},
    web::{self, Data, Payload, ServiceConfig},
};
use eventlog::Wake;
use schema::KeyId;
use serde_json::Value;
use utoipa::OpenApi;

use super::{
    caller::Caller,
    error::{ErrorBody, ScimError, ScimType},
    group::GroupResource,
    user::UserResource,
};
use crate::{domain::workplace::Workplace, views::scim_key};

/// Where it is.
const ROOT: &str = "/scim/v2";

/// The largest body; a group of thousands fits.
const LARGEST: usize = 1024 * 1024;

/// A body that takes longer to arrive is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Everything that the door needs; cheap to clone.
#[derive(Debug, Clone)]
pub struct Scim {
    pub(super) means: Means,
    pub(super) wake: Wake,
    keys: Arc<KnownKeys<(KeyId, Workplace)>>,
}

impl Scim {
    /// With the means of the role `Directory`; `wake` wakes those who follow the domain log in this process.
    pub fn new(means: Means, wake: Wake) -> Self {
        Self { means, wake, keys: Arc::default() }
    }

    /// Whose request it is; anything wrong with the key has one answer.
    async fn caller(&self, request: &HttpRequest) -> Result<Caller<'_>, ScimError> {
        let mut headers = request.headers().get_all(AUTHORIZATION);
        let shown = headers.next().filter(|_| headers.next().is_none()).and_then(|value| value.to_str().ok());
        let shown = shown.and_then(ScimKey::of_bearer).ok_or_else(ScimError::unauthenticated)?.hash();
        let (key, at) = self.holder(shown).await?;
        let reached_at = request.connection_info();
        let base = format!("{}://{}{ROOT}", reached_at.scheme(), reached_at.host());
        Ok(Caller { scim: self, shown, key, at, now: clock::now(), correlation: clock::ordered_id(), base })
    }

    /// Which key it is, and whose, unless it is revoked.
    pub(super) async fn holder(&self, shown: KeyHash) -> Result<(KeyId, Workplace), ScimError> {
        let look = async |hash| scim_key::holder(&mut *self.means.pool.acquire().await?, hash).await;
        let holder: Result<_, sqlx::Error> = self.keys.owner(shown, Instant::now(), look).await;
        holder?.ok_or_else(ScimError::unauthenticated)
    }
}

/// Whose request it is, and its body, of which nothing was read before that was known. It is asked again once the body is there:
/// the key may have been revoked while it came.
async fn told<'s>(scim: &'s Scim, request: &HttpRequest, payload: Payload) -> Result<(Caller<'s>, Value), ScimError> {
    scim.caller(request).await?;
    let body = body(request, payload).await?;
    Ok((scim.caller(request).await?, body))
}

async fn body(request: &HttpRequest, payload: Payload) -> Result<Value, ScimError> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !["application/scim+json", "application/json"].iter().any(|known| kind.eq_ignore_ascii_case(known)) {
        return Err(ScimError::media_type());
    }
    let read = tokio::time::timeout(PATIENCE, payload.to_bytes_limited(LARGEST)).await;
    let body = read.map_err(|_| ScimError::unavailable())?.map_err(|_| ScimError::too_large())?;
    let body = body.map_err(|_| ScimError::unavailable())?;
    serde_json::from_slice(&body).map_err(|_| ScimError::wrong(ScimType::InvalidSyntax, "expected a body of JSON"))
}

/// Mounts the door.
pub fn routes(cfg: &mut ServiceConfig, scim: Scim) {
    let resource = |path: &str, methods: &'static str, routes: Vec<Route>| -> Resource {
        let resource = routes.into_iter().fold(web::resource(path), Resource::route);
        resource.default_service(web::to(move || async move { Err::<String, _>(ScimError::method(methods)) }))
    };
    let all = web::scope(ROOT)
        .app_data(Data::new(scim))
        .service(resource("/Users", "GET, POST", vec![web::get().to(users::list), web::post().to(users::create)]))
        .service(resource(
            "/Users/{id}",
            "GET, PUT, PATCH, DELETE",
            vec![
                web::get().to(users::one),
                web::put().to(users::replace),
                web::patch().to(users::change),
                web::delete().to(users::delete),
            ],
        ))
        .service(resource("/Groups", "GET, POST", vec![web::get().to(groups::list), web::post().to(groups::create)]))
        .service(resource(
            "/Groups/{id}",
            "GET, PUT, PATCH, DELETE",
            vec![
                web::get().to(groups::one),
                web::put().to(groups::replace),
                web::patch().to(groups::change),
                web::delete().to(groups::empty),
            ],
        ))
        .service(resource("/ServiceProviderConfig", "GET", vec![web::get().to(about::service_provider_config)]))
        .service(resource("/ResourceTypes", "GET", vec![web::get().to(about::resource_types)]))
        .service(resource("/Schemas", "GET", vec![web::get().to(about::schemas)]))
        .default_service(web::to(|| async { Err::<String, _>(ScimError::not_found()) }));
    cfg.service(all);
}

/// The door's description, as written to `schema/openapi/scim.json`.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Description::openapi()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Wardlog SCIM",
        description = "Where a school's or trust's own directory says who works there (SCIM 2.0: RFC 7643, RFC 7644). Every \
                       request carries a SCIM key of the school or trust, and speaks of its people alone. A user is \
                       somebody's account, a group is a role."
    ),
    paths(
        users::list,
        users::create,
        users::one,
        users::replace,
        users::change,
        users::delete,
        groups::list,
        groups::create,
        groups::one,
        groups::replace,
        groups::change,
        groups::empty,
        about::service_provider_config,
        about::resource_types,
        about::schemas,
    ),
    components(schemas(UserResource, GroupResource, ErrorBody, answer::Patch))
)]
struct Description;

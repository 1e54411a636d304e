//! The HTTP edge of the public schema: `POST /graphql`, by the GraphQL-over-HTTP specification.

mod accept;
mod body;
mod reply;
mod variables;

use std::time::Instant;

use ::web::{
    ErrorCode, Problem, bearer, clock, graphql::Correlation, problem::method_not_allowed, read_token::ReadTokens,
};
use access::{Caller, Roles, Verifier};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Data, Payload, ServiceConfig},
};
use async_graphql::{EmptySubscription, ObjectType, Request, Response, Schema, Value};

use crate::after::After;
pub use body::MAX_BODY_BYTES;

/// The request's extension that holds the token of a command which the answer must show.
const AFTER: &str = "after";

/// Mounts `/graphql`. A resolver finds the [`access::Caller`] in its context.
///
/// What can be told from the headers is told before the body is read, and the token first.
pub fn routes<Q, M>(
    cfg: &mut ServiceConfig,
    schema: Schema<Q, M, EmptySubscription>,
    verifier: Verifier,
    roles: Roles,
    tokens: ReadTokens,
) where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
{
    cfg.service(
        web::resource("/graphql")
            .app_data(Data::new(schema))
            .app_data(Data::new(verifier))
            .app_data(Data::new(roles))
            .app_data(Data::new(tokens))
            .route(web::post().to(answer::<Q, M>))
            .default_service(method_not_allowed("POST")),
    );
}

async fn answer<Q, M>(
    request: HttpRequest,
    payload: Payload,
    schema: Data<Schema<Q, M, EmptySubscription>>,
    verifier: Data<Verifier>,
    roles: Data<Roles>,
    tokens: Data<ReadTokens>,
) -> Result<HttpResponse, Problem>
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
{
    let caller = caller(&request, &verifier, &roles).await?;
    body::check_kind(request.headers())?;
    let media_type = accept::negotiate(&request)?;
    let body = body::read(request.headers(), payload).await?;
    let mut request = body::parse(&body)?.data(caller).data(Correlation(clock::ordered_id()));
    if let Some(after) = after(&mut request, &tokens)? {
        request = request.data(after);
    }
    let response = match variables::check(&mut request) {
        Ok(()) => schema.execute(request).await,
        Err(error) => Response::from_errors(vec![error]),
    };
    Ok(reply::reply(response, media_type))
}

/// Who asks, and in which roles: by their token, or by what is recorded of them.
async fn caller(request: &HttpRequest, verifier: &Verifier, roles: &Roles) -> Result<Caller, Problem> {
    let now = clock::now();
    let mut caller = bearer::caller(request.headers(), verifier, now).await?;
    if verifier.asks_the_record(&caller) {
        let held = roles.of(&caller, schema::london_day(now), Instant::now()).await;
        caller.roles = held.map_err(|error| {
            tracing::error!(%error, "the caller's roles cannot be read");
            Problem::new(ErrorCode::Unavailable).retry_after(1)
        })?;
    }
    Ok(caller)
}

/// What the answer must show, if the request says so.
fn after(request: &mut Request, tokens: &ReadTokens) -> Result<Option<After>, Problem> {
    let position = match request.extensions.remove(AFTER) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(token)) => tokens.open(&token),
        Some(_) => None,
    };
    let refused = || Problem::new(ErrorCode::BadRequest).detail("expected extensions.after to be a mutation's token");
    Ok(Some(After::new(position.ok_or_else(refused)?)))
}

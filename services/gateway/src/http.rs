//! The HTTP edge of the public schema: `POST /graphql`, by the GraphQL-over-HTTP specification.

mod accept;
mod body;
mod reply;
mod variables;

use ::web::{Problem, bearer, clock, problem::method_not_allowed};
use access::Verifier;
use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Data, Payload, ServiceConfig},
};
use async_graphql::{EmptyMutation, EmptySubscription, ObjectType, Response, Schema};

pub use body::MAX_BODY_BYTES;

/// Mounts `/graphql`. A resolver finds the [`access::Caller`] in its context.
///
/// What can be told from the headers is told before the body is read, and the token first.
pub fn routes<Q>(cfg: &mut ServiceConfig, schema: Schema<Q, EmptyMutation, EmptySubscription>, verifier: Verifier)
where
    Q: ObjectType + 'static,
{
    cfg.service(
        web::resource("/graphql")
            .app_data(Data::new(schema))
            .app_data(Data::new(verifier))
            .route(web::post().to(answer::<Q>))
            .default_service(method_not_allowed("POST")),
    );
}

async fn answer<Q>(
    request: HttpRequest,
    payload: Payload,
    schema: Data<Schema<Q, EmptyMutation, EmptySubscription>>,
    verifier: Data<Verifier>,
) -> Result<HttpResponse, Problem>
where
    Q: ObjectType + 'static,
{
    let caller = bearer::caller(request.headers(), &verifier, clock::now()).await?;
    body::check_kind(request.headers())?;
    let media_type = accept::negotiate(&request)?;
    let body = body::read(request.headers(), payload).await?;
    let mut request = body::parse(&body)?.data(caller);
    let response = match variables::check(&mut request) {
        Ok(()) => schema.execute(request).await,
        Err(error) => Response::from_errors(vec![error]),
    };
    Ok(reply::reply(response, media_type))
}

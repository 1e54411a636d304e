//! The HTTP edge of the public schema: `POST /graphql`, by the GraphQL-over-HTTP specification.

mod accept;
mod body;
mod reply;
mod shape;
mod size;
mod variables;

use ::web::{
    Calling, ErrorCode, Problem, clock, graphql::Correlation, problem::method_not_allowed, read_token::ReadTokens,
    steps,
};
use access::{Roles, Verifier};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Data, Payload, ServiceConfig},
};
use async_graphql::{EmptySubscription, ObjectType, Request, Response, Schema, Value};
use tokio::time::Instant;

use self::shape::{Shape, Types};
use crate::{after::After, schema::ListsOfMatters};
pub use body::MAX_BODY_BYTES;

/// The request's extension that holds the token of a command which the answer must show.
const AFTER: &str = "after";

/// Mounts `/graphql`. A resolver finds the [`access::Caller`] in its context, and the [`Calling`] that tells who they are later on.
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
            .app_data(Data::new(Types::of(&schema.sdl())))
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
    types: Data<Types>,
) -> Result<HttpResponse, Problem>
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
{
    let calling = Calling::new(request.headers(), &verifier, &roles)?;
    calling.now().await?;
    body::check_kind(request.headers())?;
    let media_type = accept::negotiate(&request)?;
    let body = body::read(request.headers(), payload).await?;
    // Whoever it was when the body began to come may be nobody any more.
    let caller = calling.now().await?;
    let mut request = body::parse(&body)?.data(caller).data(calling).data(Correlation(clock::ordered_id()));
    if let Some(after) = after(&mut request, &tokens)? {
        request = request.data(after);
    }
    let (began, lists) = (Instant::now(), ListsOfMatters::default());
    request = request.data(lists.clone());
    let checked = size::check(&mut request)
        .and_then(|()| variables::complete(&mut request))
        .and_then(|()| size::check_variables(&request));
    let response = match checked.and_then(|()| Shape::of(&types, &mut request)) {
        Ok(Some(shape)) => shape.give(schema.execute(request).await),
        Ok(None) => schema.execute(request).await,
        Err(error) => Response::from_errors(vec![error]),
    };
    steps::whole(began, lists.number()).await;
    Ok(reply::reply(response, media_type))
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

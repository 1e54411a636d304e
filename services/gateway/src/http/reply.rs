//! The response's status and body.

use ::web::ErrorCode;
use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
};
use async_graphql::{Response, ServerError, Value};
use serde_json::json;

use super::accept::MediaType;

/// Writes the response. A request that was not executed (it does not parse, or is not valid) is 400 in the newer media
/// type and 200 in the older; one that was executed is 200 in both, with or without errors in fields.
pub(super) fn reply(response: Response, media_type: MediaType) -> HttpResponse {
    let executed = was_executed(&response);
    let status = match media_type {
        MediaType::GraphqlResponse if !executed => StatusCode::BAD_REQUEST,
        MediaType::GraphqlResponse | MediaType::Json => StatusCode::OK,
    };
    let mut reply = HttpResponse::build(status);
    reply
        .insert_header((CONTENT_TYPE, format!("{}; charset=utf-8", media_type.essence())))
        .insert_header((CACHE_CONTROL, "no-store"));
    if executed {
        reply.json(response)
    } else {
        let errors: Vec<_> = response.errors.into_iter().map(with_code).collect();
        reply.json(json!({ "errors": errors }))
    }
}

/// Whether the document got as far as its fields: an error before that has no path, and then there is no `data` entry
/// (GraphQL, section 7.1).
pub(super) fn was_executed(response: &Response) -> bool {
    response.data != Value::Null || response.errors.iter().any(|error| !error.path.is_empty())
}

fn with_code(mut error: ServerError) -> ServerError {
    let extensions = error.extensions.get_or_insert_default();
    if extensions.get("code").is_none() {
        extensions.set("code", ErrorCode::BadRequest.graphql());
    }
    error
}

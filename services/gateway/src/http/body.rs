//! The request's body: bounded, of the one kind that is read, and well formed.

use std::time::Duration;

use ::web::{ErrorCode, Problem};
use actix_web::{
    http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap},
    mime::{self, Mime},
    web::{Bytes, Payload},
};
use async_graphql::{Request, Variables};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The largest body that is read.
pub const MAX_BODY_BYTES: usize = 256 * 1024;

/// A body that takes longer to arrive is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// A GraphQL-over-HTTP request; members of other names are ignored, as the specification asks.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    query: String,
    operation_name: Option<String>,
    variables: Option<Map<String, Value>>,
    extensions: Option<Map<String, Value>>,
}

/// Refuses anything but uncompressed JSON in UTF-8.
pub(super) fn check_kind(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()?.parse::<Mime>().ok());
    let json = kind.is_some_and(|kind| {
        kind.essence_str() == "application/json" && kind.get_param(mime::CHARSET).is_none_or(|set| set == mime::UTF_8)
    });
    if json && !headers.contains_key(CONTENT_ENCODING) {
        Ok(())
    } else {
        Err(Problem::new(ErrorCode::UnsupportedMediaType).detail("expected uncompressed application/json in utf-8"))
    }
}

/// Reads the body, no further than the limit; not at all if it says itself that it is larger.
pub(super) async fn read(headers: &HeaderMap, payload: Payload) -> Result<Bytes, Problem> {
    let too_large = || Problem::new(ErrorCode::PayloadTooLarge).detail("expected a body of at most 256 KiB");
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > MAX_BODY_BYTES) {
        return Err(too_large());
    }
    let cut_short =
        || Problem::new(ErrorCode::BadRequest).detail("expected the body to arrive whole, within 10 seconds");
    let read = tokio::time::timeout(PATIENCE, payload.to_bytes_limited(MAX_BODY_BYTES));
    let body = read.await.map_err(|_| cut_short())?.map_err(|_| too_large())?;
    body.map_err(|_| cut_short())
}

/// The request that the body holds. A list of requests is refused: batches would go round the limits of one.
pub(super) fn parse(body: &[u8]) -> Result<Request, Problem> {
    let refused = |detail| Problem::new(ErrorCode::BadRequest).detail(detail);
    let object: Map<String, Value> = serde_json::from_slice(body).map_err(|_| refused("expected one JSON object"))?;
    let parameters: Parameters = serde_json::from_value(Value::Object(object)).map_err(|_| {
        refused("expected query as a string, operationName as a string or null, variables and extensions as an object or null")
    })?;
    let mut request = Request::new(parameters.query);
    request.operation_name = parameters.operation_name;
    request.variables = Variables::from_json(parameters.variables.unwrap_or_default().into());
    for (name, value) in parameters.extensions.unwrap_or_default() {
        let value = async_graphql::Value::from_json(value).map_err(|_| refused("expected extensions to be JSON"))?;
        request.extensions.insert(name, value);
    }
    Ok(request)
}

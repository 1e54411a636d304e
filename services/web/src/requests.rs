//! One span and one line for every request: method, route, status, duration. No path, query, header or body, for those
//! can hold personal data.

use std::time::Instant;

use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{Method, StatusCode},
    middleware::Next,
};
use tracing::{Instrument, Span, field::Empty};

use crate::trace_context;

/// Middleware: traces the request. Register it last, so that it sees the answer as the client does.
pub async fn trace<B: MessageBody>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, Error> {
    trace_as(request, next, |_, _| ()).await
}

/// The same for a listener whose clients are our own: the request belongs to the trace that they say it does.
pub async fn trace_on<B: MessageBody>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, Error> {
    trace_as(request, next, |span, request| trace_context::join(span, request.headers())).await
}

async fn trace_as<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
    join: impl FnOnce(&Span, &ServiceRequest),
) -> Result<ServiceResponse<B>, Error> {
    let started = Instant::now();
    let method = known_method(request.method());
    let route = request.match_pattern().unwrap_or_else(|| "unmatched".to_owned());
    let span = tracing::info_span!(
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
    );
    join(&span, &request);
    let outcome = next.call(request).instrument(span.clone()).await;
    let status = match &outcome {
        Ok(response) => response.status(),
        Err(error) => error.as_response_error().status_code(),
    };
    span.record("http.response.status_code", status.as_u16());
    span.in_scope(|| report(&route, status, started));
    outcome
}

fn report(route: &str, status: StatusCode, started: Instant) {
    let seconds = started.elapsed().as_secs_f64();
    if status.is_server_error() {
        tracing::error!(status = status.as_u16(), seconds, "failed");
    } else if route.starts_with("/health/") {
        tracing::debug!(status = status.as_u16(), seconds, "answered");
    } else {
        tracing::info!(status = status.as_u16(), seconds, "answered");
    }
}

/// The method, unless the client made one up: that would be a text of its own in our log.
fn known_method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "_OTHER",
    }
}

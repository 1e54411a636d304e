//! W3C trace context between our own processes. A stranger's is not believed: it could tie its requests to another's.

use std::collections::HashMap;

use actix_web::http::header::{HeaderMap, HeaderName};
use opentelemetry::{
    propagation::{Extractor, TextMapPropagator},
    trace::TraceContextExt,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The header (<https://www.w3.org/TR/trace-context/>).
pub const TRACEPARENT: &str = "traceparent";

/// The current span as a `traceparent`; none unless spans are exported.
pub fn current() -> Option<String> {
    let mut headers = HashMap::new();
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut headers);
    headers.remove(TRACEPARENT)
}

/// The `traceparent` of a request, if it is a well-formed one.
pub fn received(headers: &HeaderMap) -> Option<String> {
    let context = TraceContextPropagator::new().extract(&Headers(headers));
    if !context.span().span_context().is_valid() {
        return None;
    }
    let mut rewritten = HashMap::new();
    TraceContextPropagator::new().inject_context(&context, &mut rewritten);
    rewritten.remove(TRACEPARENT)
}

/// Makes the request's span, before it is entered, a child of the one that its `traceparent` names.
pub(crate) fn join(span: &Span, headers: &HeaderMap) {
    // It fails where no span is exported, and then there is nothing to join.
    let _ = span.set_parent(TraceContextPropagator::new().extract(&Headers(headers)));
}

struct Headers<'h>(&'h HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn received_of(text: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static(TRACEPARENT), HeaderValue::from_str(text).unwrap());
        received(&headers)
    }

    #[test]
    fn a_traceparent_is_kept_if_it_is_one() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(received_of(good).as_deref(), Some(good));
        for wrong in ["", "00", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "jones@school.example"] {
            assert_eq!(received_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn without_an_exporter_there_is_no_trace_to_go_on_with() {
        assert_eq!(current(), None);
    }
}

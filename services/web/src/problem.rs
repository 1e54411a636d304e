//! Failures as RFC 9457 problem details: one shape for every answer that is not a success.

mod code;

use std::borrow::Cow;

use actix_web::{
    Error, HttpResponse, ResponseError, Route,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    middleware::Next,
    web,
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

pub use code::ErrorCode;

/// The media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// A failed request, as the client is told of it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", code.title())]
pub struct Problem {
    code: ErrorCode,
    detail: Option<Cow<'static, str>>,
    retry_after: Option<u32>,
    allow: Option<HeaderValue>,
    members: Vec<(String, Value)>,
}

/// The body of a problem (RFC 9457, section 3).
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemDetails {
    /// What kind of problem this is, relative to the service.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words, always the same.
    pub title: String,
    /// The HTTP status again.
    pub status: u16,
    /// What was wrong this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Members that this kind of problem adds.
    #[serde(flatten)]
    pub members: Map<String, Value>,
}

impl Problem {
    /// A problem of this kind.
    pub fn new(code: ErrorCode) -> Self {
        Self { code, detail: None, retry_after: None, allow: None, members: Vec::new() }
    }

    /// Says what was wrong this time; never with personal data.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Asks the client to come again after so many seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Names the methods that are allowed, such as `GET, POST`.
    #[must_use]
    pub fn allow(mut self, methods: &'static str) -> Self {
        self.allow = Some(HeaderValue::from_static(methods));
        self
    }

    /// Adds a member to the body.
    #[must_use]
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.push((name.to_owned(), value.into()));
        self
    }

    /// Which kind of problem it is.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    fn body(&self) -> ProblemDetails {
        ProblemDetails {
            kind: self.code.type_reference().to_owned(),
            title: self.code.title().to_owned(),
            status: self.code.status().as_u16(),
            detail: self.detail.as_deref().map(str::to_owned),
            members: self.members.iter().cloned().collect(),
        }
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if self.code == ErrorCode::Unauthenticated {
            response.insert_header((WWW_AUTHENTICATE, "Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            response.insert_header((RETRY_AFTER, seconds));
        }
        if let Some(methods) = &self.allow {
            response.insert_header((ALLOW, methods.clone()));
        }
        response.insert_header((CONTENT_TYPE, PROBLEM_JSON)).json(self.body())
    }
}

/// The rest of a resource: any other method is answered with 405 and the methods that there are.
pub fn method_not_allowed(methods: &'static str) -> Route {
    web::to(move || async move { Err::<HttpResponse, _>(Problem::new(ErrorCode::MethodNotAllowed).allow(methods)) })
}

/// Middleware: a failure that the HTTP library answers by itself, in plain text or with nothing, becomes a problem too.
pub async fn complete<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let response = match next.call(request).await {
        Ok(response) => response,
        Err(error) if error.as_error::<Problem>().is_some() => return Err(error),
        Err(error) => return Err(Problem::new(ErrorCode::of_status(error.as_response_error().status_code())).into()),
    };
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || has_json(&response) {
        return Ok(response.map_into_left_body());
    }
    let allow = response.headers().get(ALLOW).cloned();
    let problem = Problem { allow, ..Problem::new(ErrorCode::of_status(status)) };
    let (request, _) = response.into_parts();
    Ok(ServiceResponse::new(request, problem.error_response()).map_into_right_body())
}

fn has_json<B>(response: &ServiceResponse<B>) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/") && kind.contains("json"))
}

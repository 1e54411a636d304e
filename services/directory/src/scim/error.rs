//! Failures as SCIM says them (RFC 7644, section 3.12): the field and the reason, and never the value.

use std::borrow::Cow;

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};
use eventlog::{CommandError, StreamError};
use serde::Serialize;
use utoipa::ToSchema;
use vault::VaultError;
use web::command::Refusal;

/// The media type of every body.
pub(super) const SCIM_JSON: &str = "application/scim+json";

/// What kind of failure it is, beyond its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum ScimType {
    /// The filter is of a kind that is not read here.
    InvalidFilter,
    /// The path of a change names nothing that could be.
    InvalidPath,
    /// The body is not what such a request has.
    InvalidSyntax,
    /// A value is missing or not of its kind.
    InvalidValue,
    /// What is so already cannot be changed in this way.
    Mutability,
    /// Another one has it.
    Uniqueness,
}

/// A failed request, as the directory that sent it is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub(super) struct ScimError {
    status: StatusCode,
    scim_type: Option<ScimType>,
    detail: Cow<'static, str>,
    allow: Option<&'static str>,
}

/// The body of a failure.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ErrorBody {
    /// `urn:ietf:params:scim:api:messages:2.0:Error`.
    schemas: [&'static str; 1],
    /// The HTTP status again, as a text.
    status: String,
    /// What kind it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    scim_type: Option<ScimType>,
    /// The field, and what was expected of it.
    detail: String,
}

impl ScimError {
    fn new(status: StatusCode, scim_type: Option<ScimType>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, scim_type, detail: detail.into(), allow: None }
    }

    /// 400 of this kind.
    pub(super) fn wrong(scim_type: ScimType, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Some(scim_type), detail)
    }

    /// 400: a value is missing or not of its kind.
    pub(super) fn value(field: &str, expected: impl std::fmt::Display) -> Self {
        Self::wrong(ScimType::InvalidValue, format!("{field}: {expected}"))
    }

    /// 409: another one has it.
    pub(super) fn taken(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, Some(ScimType::Uniqueness), detail)
    }

    /// 401, whatever is wrong with the key.
    pub(super) fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, None, "expected Authorization: Bearer wls_…")
    }

    /// 404: there is no such thing, or it is another's.
    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, None, "there is no such resource")
    }

    /// 405, with the methods that there are.
    pub(super) fn method(allow: &'static str) -> Self {
        let detail = "the resource does not have this method";
        Self { allow: Some(allow), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, None, detail) }
    }

    pub(super) fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, None, "expected a body of at most 1 MiB")
    }

    pub(super) fn media_type() -> Self {
        let detail = "Content-Type: expected application/scim+json or application/json";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, None, detail)
    }

    /// 503: the same request may succeed in a moment.
    pub(super) fn unavailable() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, None, "not now: send the request again")
    }

    fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, None, "the service failed")
    }

    /// Of a command that was not carried out.
    pub(super) fn of_command<R: Refusal>(error: CommandError<R>) -> Self {
        match error {
            CommandError::Refused(refusal) => match refusal.rule() {
                None => Self::not_found(),
                Some(rule) => Self::refused(rule.reason, rule.field, &refusal),
            },
            CommandError::Unknown => Self::not_found(),
            CommandError::Contended | CommandError::CommandIdReused => Self::unavailable(),
            CommandError::Unreadable(error) => error.into(),
            CommandError::Unprepared(error) => {
                tracing::error!(%error, "a command was not carried out, or not to its end");
                Self::unavailable()
            }
            CommandError::Database(error) => error.into(),
        }
    }

    /// By a rule of the record; its words name nobody.
    pub(super) fn refused(reason: &str, field: Option<&str>, why: &impl std::fmt::Display) -> Self {
        let detail = field.map_or_else(|| why.to_string(), |field| format!("{field}: {why}"));
        match reason {
            "USER_NAME_TAKEN" | "HELD_BY_ANOTHER" => Self::taken(detail),
            "OVERTAKEN" | "HOLDS_SOLE_ROLE" => Self::new(StatusCode::CONFLICT, None, detail),
            "HAS_LEFT" => Self::wrong(ScimType::Mutability, detail),
            _ => Self::wrong(ScimType::InvalidValue, detail),
        }
    }
}

impl From<sqlx::Error> for ScimError {
    fn from(error: sqlx::Error) -> Self {
        tracing::error!(%error, "a directory's request was not carried out, or its outcome is unknown");
        Self::unavailable()
    }
}

impl From<StreamError> for ScimError {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Database(error) => error.into(),
            StreamError::Decode { .. } => {
                tracing::error!(%error, "a record cannot be read");
                Self::internal()
            }
        }
    }
}

impl From<VaultError> for ScimError {
    fn from(error: VaultError) -> Self {
        tracing::error!(%error, "the keys of accounts cannot be had");
        Self::unavailable()
    }
}

impl ResponseError for ScimError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        match self.status {
            StatusCode::UNAUTHORIZED => drop(response.insert_header((WWW_AUTHENTICATE, "Bearer"))),
            StatusCode::SERVICE_UNAVAILABLE => drop(response.insert_header((RETRY_AFTER, 5))),
            _ => {}
        }
        if let Some(methods) = self.allow {
            response.insert_header((ALLOW, methods));
        }
        response.insert_header((CONTENT_TYPE, SCIM_JSON)).json(ErrorBody {
            schemas: ["urn:ietf:params:scim:api:messages:2.0:Error"],
            status: self.status.as_u16().to_string(),
            scim_type: self.scim_type,
            detail: self.detail.clone().into_owned(),
        })
    }
}

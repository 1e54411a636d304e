//! The closed set of ways in which a request can fail.

use actix_web::http::StatusCode;

/// Why a request failed, in the words that clients may rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// 400: the request is not well formed.
    BadRequest,
    /// 401: no token, or none that is accepted.
    Unauthenticated,
    /// 404: there is no such thing, or none that the caller may know of.
    NotFound,
    /// 405: the resource does not have this method.
    MethodNotAllowed,
    /// 406: no representation that the client accepts.
    NotAcceptable,
    /// 409: the request contradicts what was said before.
    Conflict,
    /// 413: the body is too large.
    PayloadTooLarge,
    /// 415: the body is of a kind that is not read here.
    UnsupportedMediaType,
    /// 422: well formed, and nothing in it could be accepted.
    Unprocessable,
    /// 429: this client has sent too much for now.
    TooManyRequests,
    /// 500: a fault of ours.
    Internal,
    /// 503: not now.
    Unavailable,
}

impl ErrorCode {
    /// Every code.
    pub const ALL: [Self; 12] = [
        Self::BadRequest,
        Self::Unauthenticated,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::NotAcceptable,
        Self::Conflict,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::Unprocessable,
        Self::TooManyRequests,
        Self::Internal,
        Self::Unavailable,
    ];

    /// The HTTP status.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::Conflict => StatusCode::CONFLICT,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The code in GraphQL's `extensions.code`.
    pub const fn graphql(self) -> &'static str {
        match self {
            Self::BadRequest => "BAD_REQUEST",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::NotFound => "NOT_FOUND",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::NotAcceptable => "NOT_ACCEPTABLE",
            Self::Conflict => "CONFLICT",
            Self::PayloadTooLarge => "PAYLOAD_TOO_LARGE",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::Unprocessable => "UNPROCESSABLE",
            Self::TooManyRequests => "TOO_MANY_REQUESTS",
            Self::Internal => "INTERNAL",
            Self::Unavailable => "UNAVAILABLE",
        }
    }

    /// The `type` of the problem: a reference relative to the service, such as `/problems/not-found`.
    pub const fn type_reference(self) -> &'static str {
        match self {
            Self::BadRequest => "/problems/bad-request",
            Self::Unauthenticated => "/problems/unauthenticated",
            Self::NotFound => "/problems/not-found",
            Self::MethodNotAllowed => "/problems/method-not-allowed",
            Self::NotAcceptable => "/problems/not-acceptable",
            Self::Conflict => "/problems/conflict",
            Self::PayloadTooLarge => "/problems/payload-too-large",
            Self::UnsupportedMediaType => "/problems/unsupported-media-type",
            Self::Unprocessable => "/problems/unprocessable",
            Self::TooManyRequests => "/problems/too-many-requests",
            Self::Internal => "/problems/internal",
            Self::Unavailable => "/problems/unavailable",
        }
    }

    /// The `title` of the problem; the same every time.
    pub const fn title(self) -> &'static str {
        match self {
            Self::BadRequest => "The request is not well formed",
            Self::Unauthenticated => "A valid token is required",
            Self::NotFound => "There is nothing here",
            Self::MethodNotAllowed => "The method is not allowed here",
            Self::NotAcceptable => "No acceptable representation",
            Self::Conflict => "The request contradicts an earlier one",
            Self::PayloadTooLarge => "The body is too large",
            Self::UnsupportedMediaType => "The kind of body is not read here",
            Self::Unprocessable => "Nothing in the request could be accepted",
            Self::TooManyRequests => "Too many requests",
            Self::Internal => "The service failed",
            Self::Unavailable => "The service is unavailable for now",
        }
    }

    /// The code for a status that the HTTP library chose by itself.
    pub fn of_status(status: StatusCode) -> Self {
        let general = if status.is_client_error() { Self::BadRequest } else { Self::Internal };
        Self::ALL.into_iter().find(|code| code.status() == status).unwrap_or(general)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_has_a_status_a_type_and_a_graphql_word_of_its_own() {
        let statuses: HashSet<_> = ErrorCode::ALL.iter().map(|code| code.status()).collect();
        let types: HashSet<_> = ErrorCode::ALL.iter().map(|code| code.type_reference()).collect();
        assert_eq!((statuses.len(), types.len()), (12, 12));
        for code in ErrorCode::ALL {
            let word = code.graphql().to_lowercase().replace('_', "-");
            assert_eq!(code.type_reference(), format!("/problems/{word}"));
        }
    }

    #[test]
    fn a_status_without_a_code_falls_to_the_general_one_of_its_class() {
        assert_eq!(ErrorCode::of_status(StatusCode::CONFLICT), ErrorCode::Conflict);
        assert_eq!(ErrorCode::of_status(StatusCode::IM_A_TEAPOT), ErrorCode::BadRequest);
        assert_eq!(ErrorCode::of_status(StatusCode::BAD_GATEWAY), ErrorCode::Internal);
    }
}

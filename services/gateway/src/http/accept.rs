//! Which of the two media types a client is answered in.

use ::web::{ErrorCode, Problem};
use actix_web::{
    HttpMessage,
    http::header::{ACCEPT, Accept, Header, Quality},
    mime::{self, Mime},
};

/// A media type for GraphQL responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MediaType {
    /// `application/graphql-response+json`: the status tells whether the request was executed.
    GraphqlResponse,
    /// `application/json`, for older clients: the status is 200 for every well-formed request.
    Json,
}

impl MediaType {
    /// The type and subtype.
    pub(super) const fn essence(self) -> &'static str {
        match self {
            Self::GraphqlResponse => "application/graphql-response+json",
            Self::Json => "application/json",
        }
    }
}

/// The type that the client prefers; the newer one if it does not care, or does not say.
pub(super) fn negotiate(request: &impl HttpMessage) -> Result<MediaType, Problem> {
    if !request.headers().contains_key(ACCEPT) {
        return Ok(MediaType::GraphqlResponse);
    }
    let refused = || {
        let detail = "expected application/graphql-response+json or application/json to be accepted";
        Problem::new(ErrorCode::NotAcceptable).detail(detail)
    };
    let accept = Accept::parse(request).map_err(|_| refused())?;
    let newer = quality(&accept, MediaType::GraphqlResponse);
    let older = quality(&accept, MediaType::Json);
    match (newer, older) {
        (Quality::ZERO, Quality::ZERO) => Err(refused()),
        (newer, older) if newer >= older => Ok(MediaType::GraphqlResponse),
        _ => Ok(MediaType::Json),
    }
}

/// The quality of the most specific range that takes in the type (RFC 9110, section 12.5.1); zero if none does.
fn quality(accept: &Accept, media_type: MediaType) -> Quality {
    let matching = accept.iter().filter_map(|range| Some((specificity(&range.item, media_type)?, range.quality)));
    matching.max_by_key(|(specificity, _)| *specificity).map_or(Quality::ZERO, |(_, quality)| quality)
}

fn specificity(range: &Mime, media_type: MediaType) -> Option<u8> {
    let utf8 = range.get_param(mime::CHARSET).is_none_or(|charset| charset == mime::UTF_8);
    match range.essence_str() {
        _ if !utf8 => None,
        "*/*" => Some(0),
        "application/*" => Some(1),
        exact => (exact == media_type.essence()).then_some(2),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn the_type_that_a_client_prefers_is_chosen_and_the_newer_one_if_it_has_no_preference() {
        let newer = Some(MediaType::GraphqlResponse);
        let older = Some(MediaType::Json);
        for (accept, expected) in [
            ("application/graphql-response+json", newer),
            ("application/json", older),
            ("application/json; charset=utf-8", older),
            ("*/*", newer),
            ("application/*", newer),
            ("application/graphql-response+json, application/json;q=0.9", newer),
            ("application/graphql-response+json;q=0.5, application/json", older),
            ("application/json, */*;q=0.1", older),
            ("application/graphql-response+json;q=0, */*", older),
            ("text/html, application/xhtml+xml, */*;q=0.8", newer),
            ("text/html", None),
            ("application/json;q=0", None),
            ("application/json; charset=utf-16", None),
            ("application/xml, text/*", None),
        ] {
            let request = TestRequest::default().insert_header((ACCEPT, accept)).to_http_request();
            assert_eq!(negotiate(&request).ok(), expected, "{accept}");
        }
        assert_eq!(negotiate(&TestRequest::default().to_http_request()).ok(), newer);
    }
}

//! Bearer tokens in requests (RFC 6750, section 2.1).

use access::{Caller, TokenError, Verifier};
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use chrono::{DateTime, Utc};

use crate::{ErrorCode, Problem};

/// The token of the one `Authorization: Bearer …` header; `None` if there is none, or more than one header.
pub fn token(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(AUTHORIZATION);
    let (Some(only), None) = (all.next(), all.next()) else { return None };
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Who is calling. Whatever is wrong with the token, the answer is the same; our log has the fact. While the issuer's keys cannot
/// be had, nobody knows whether anything is.
pub async fn caller(headers: &HeaderMap, verifier: &Verifier, now: DateTime<Utc>) -> Result<Caller, Problem> {
    let token = token(headers).ok_or_else(|| Problem::new(ErrorCode::Unauthenticated))?;
    verified(token, verifier, now).await
}

/// Whose token it is.
pub(crate) async fn verified(token: &str, verifier: &Verifier, now: DateTime<Utc>) -> Result<Caller, Problem> {
    verifier.verify(token, now).await.map_err(|error| {
        tracing::info!(reason = %error, "token refused");
        match error {
            // It may be a good one.
            TokenError::KeysUnavailable => Problem::new(ErrorCode::Unavailable).retry_after(2),
            _ => Problem::new(ErrorCode::Unauthenticated),
        }
    })
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn the_scheme_is_read_in_any_case() {
        for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER a.b.c"] {
            assert_eq!(token(&headers(&[value])), Some("a.b.c"), "{value}");
        }
    }

    #[test]
    fn anything_but_one_bearer_token_is_none() {
        let wrong: &[&[&str]] =
            &[&[], &["Bearer"], &["Bearer "], &["Basic YTpi"], &["a.b.c"], &["Bearer a", "Bearer b"]];
        for values in wrong {
            assert_eq!(token(&headers(values)), None, "{values:?}");
        }
    }
}

//! Whoever sends a request: who they are and what they may is asked again for as long as the request lasts.

use std::{fmt, time::Instant};

use access::{Caller, Roles, Verifier};
use actix_web::http::header::HeaderMap;
use schema::london_day;

use crate::{ErrorCode, Problem, bearer, clock};

/// A request's token, and who believes it. A body may be long in coming, and one document tell many things: meanwhile the token
/// ends, and roles do.
#[derive(Clone)]
pub struct Calling {
    token: String,
    verifier: Verifier,
    roles: Roles,
}

impl Calling {
    /// By the request's one bearer token.
    pub fn new(headers: &HeaderMap, verifier: &Verifier, roles: &Roles) -> Result<Self, Problem> {
        let token = bearer::token(headers).ok_or_else(|| Problem::new(ErrorCode::Unauthenticated))?;
        Ok(Self { token: token.to_owned(), verifier: verifier.clone(), roles: roles.clone() })
    }

    /// Who it is now, and in which roles: as the token says, where its issuer is trusted with that, or as is recorded.
    pub async fn now(&self) -> Result<Caller, Problem> {
        let now = clock::now();
        let mut caller = bearer::verified(&self.token, &self.verifier, now).await?;
        if self.verifier.asks_the_record(&caller) {
            let held = self.roles.of(&caller, london_day(now), Instant::now()).await;
            caller.roles = held.map_err(|error| {
                tracing::error!(%error, "the caller's roles cannot be read");
                Problem::new(ErrorCode::Unavailable).retry_after(1)
            })?;
        }
        Ok(caller)
    }
}

impl fmt::Debug for Calling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Calling(…)")
    }
}

//! What a token says of its bearer, and whether it holds.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::{
    LEEWAY_SECONDS, SecondFactor, TokenError,
    token::{json_object, said},
};
use crate::{Caller, HeldRoles, IssuerName};

/// How many roles a token may list: it has to stay shorter than what is read of one.
const MOST_ROLES: usize = 80;

/// The claims that we read, as they stand. `null` counts as absent, where absent is refused or says nothing in the bearer's
/// favour; `nbf` may be absent and not `null`.
#[derive(Deserialize)]
pub(super) struct Claims {
    iss: Option<Value>,
    sub: Option<Value>,
    aud: Option<Value>,
    exp: Option<Value>,
    iat: Option<Value>,
    #[serde(default, deserialize_with = "said")]
    nbf: Option<Value>,
    act: Option<Value>,
    acr: Option<Value>,
    auth_time: Option<Value>,
    wardlog_roles: Option<Value>,
}

impl Claims {
    pub(super) fn parse(payload: &[u8]) -> Result<Self, TokenError> {
        json_object(payload)
    }

    /// Whose keys the signature is to be checked with.
    pub(super) fn issuer(&self) -> Result<IssuerName, TokenError> {
        text("iss", self.iss.as_ref())?.parse().map_err(|_| TokenError::MalformedClaim("iss"))
    }

    /// The caller, if every claim holds at `now`. The signature must have been checked before.
    pub(super) fn check(
        &self,
        issuer: IssuerName,
        audience: &str,
        (states_roles, second_factor): (bool, Option<&SecondFactor>),
        now: DateTime<Utc>,
    ) -> Result<Caller, TokenError> {
        if !names_us(self.aud.as_ref(), audience)? {
            return Err(TokenError::WrongAudience);
        }
        self.check_times(now)?;
        let subject = text("sub", self.sub.as_ref())?.parse().map_err(|_| TokenError::MalformedClaim("sub"))?;
        let roles = if states_roles { self.roles()? } else { HeldRoles::default() };
        let second_factor = second_factor.is_some_and(|expected| self.shows(expected, now));
        Ok(Caller { subject, issuer, roles, second_factor })
    }

    /// Whether the bearer has shown a second factor, and lately; what is missing or malformed shows none.
    fn shows(&self, expected: &SecondFactor, now: DateTime<Utc>) -> bool {
        let named = self.acr.as_ref().and_then(Value::as_str);
        let shown = instant("auth_time", self.auth_time.as_ref()).ok().flatten();
        let (leeway, lasts) = (TimeDelta::seconds(LEEWAY_SECONDS), TimeDelta::minutes(expected.minutes.into()));
        named.is_some_and(|named| expected.acr.iter().any(|acr| acr == named))
            && shown.is_some_and(|shown| shown <= now + leeway && now - leeway < shown + lasts)
    }

    /// Whether `issuer` says itself that it acts for the subject (RFC 8693, section 4.1), and for no longer than `lifetime`.
    pub(super) fn check_exchange(&self, issuer: &IssuerName, lifetime: TimeDelta) -> Result<(), TokenError> {
        let actor = self.act.as_ref().ok_or(TokenError::MissingClaim("act"))?.get("sub").and_then(Value::as_str);
        if actor != Some(issuer.as_str()) {
            return Err(TokenError::MalformedClaim("act"));
        }
        match (instant("iat", self.iat.as_ref())?, instant("exp", self.exp.as_ref())?) {
            (Some(from), Some(until)) if until - from <= lifetime => Ok(()),
            _ => Err(TokenError::LivesTooLong),
        }
    }

    fn check_times(&self, now: DateTime<Utc>) -> Result<(), TokenError> {
        let leeway = TimeDelta::seconds(LEEWAY_SECONDS);
        let expires = instant("exp", self.exp.as_ref())?.ok_or(TokenError::MissingClaim("exp"))?;
        let issued = instant("iat", self.iat.as_ref())?.ok_or(TokenError::MissingClaim("iat"))?;
        let not_before = instant("nbf", self.nbf.as_ref())?;
        if now - leeway >= expires {
            return Err(TokenError::Expired);
        }
        if issued > now + leeway {
            return Err(TokenError::IssuedInTheFuture);
        }
        if not_before.is_some_and(|start| start > now + leeway) {
            return Err(TokenError::NotYetValid);
        }
        Ok(())
    }

    /// A list of at most [`MOST_ROLES`]; an empty one is nothing.
    fn roles(&self) -> Result<HeldRoles, TokenError> {
        let claim = "wardlog_roles";
        let malformed = || TokenError::MalformedClaim(claim);
        let listed = self.wardlog_roles.as_ref().ok_or(TokenError::MissingClaim(claim))?.as_array();
        let listed = listed.filter(|listed| listed.len() <= MOST_ROLES).ok_or_else(malformed)?;
        listed.iter().map(|one| one.as_str().and_then(|one| one.parse().ok()).ok_or_else(malformed)).collect()
    }
}

fn text<'v>(claim: &'static str, value: Option<&'v Value>) -> Result<&'v str, TokenError> {
    value.ok_or(TokenError::MissingClaim(claim))?.as_str().ok_or(TokenError::MalformedClaim(claim))
}

/// `aud` is one name or a list of them (RFC 7519, section 4.1.3).
fn names_us(aud: Option<&Value>, audience: &str) -> Result<bool, TokenError> {
    match aud.ok_or(TokenError::MissingClaim("aud"))? {
        Value::String(one) => Ok(one == audience),
        Value::Array(many) if many.iter().all(Value::is_string) => Ok(many.iter().any(|one| one == audience)),
        _ => Err(TokenError::MalformedClaim("aud")),
    }
}

/// A `NumericDate` (RFC 7519, section 2): seconds since 1970, possibly with a fraction, which is dropped.
fn instant(claim: &'static str, value: Option<&Value>) -> Result<Option<DateTime<Utc>>, TokenError> {
    let Some(value) = value else { return Ok(None) };
    let whole = || value.as_u64();
    let fraction = || value.as_f64().and_then(|f| Duration::try_from_secs_f64(f).ok()).map(|since| since.as_secs());
    whole()
        .or_else(fraction)
        .and_then(|seconds| i64::try_from(seconds).ok())
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
        .map(Some)
        .ok_or(TokenError::MalformedClaim(claim))
}

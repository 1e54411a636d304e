//! Callers' tokens: signed JWTs (RFC 7519, hardened as RFC 8725 asks) of the issuers that the operator trusts.
//!
//! A token is refused for one fact, a [`TokenError`], which is for the log; a caller is told only that it was refused.

mod claims;
mod config;
mod error;
mod key_cache;
mod keys;
#[cfg(test)]
mod rfc7520;
mod token;

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use reqwest::redirect;

pub use config::{ConfigError, IssuerConfig, JwksUrl, KeySource, SecondFactor, SignatureAlgorithm};
pub use error::TokenError;
pub use key_cache::{FETCH_TIMEOUT, MAX_KEYS_AGE, MAX_UNRENEWED, REFETCH_INTERVAL};
pub use token::MAX_TOKEN_BYTES;

use crate::{Caller, IssuerName, exchange};
use claims::Claims;
use key_cache::KeyCache;
use token::Token;

/// How far an issuer's clock may be from ours, in seconds.
pub const LEEWAY_SECONDS: i64 = 30;

/// Verifies tokens of the trusted issuers; cheap to clone.
#[derive(Debug, Clone)]
pub struct Verifier {
    issuers: Arc<HashMap<IssuerName, Trusted>>,
    exchanged: bool,
}

#[derive(Debug)]
struct Trusted {
    audience: String,
    algorithms: Vec<SignatureAlgorithm>,
    keys: Arc<KeyCache>,
    states_roles: bool,
    second_factor: Option<SecondFactor>,
}

impl Verifier {
    /// Trusts these issuers; their keys are fetched when first needed, or by [`Self::load_keys`].
    pub fn new(configs: Vec<IssuerConfig>) -> Result<Self, ConfigError> {
        Self::fetching_with(reqwest::Client::builder(), configs)
    }

    fn fetching_with(client: reqwest::ClientBuilder, configs: Vec<IssuerConfig>) -> Result<Self, ConfigError> {
        // A redirect could lead from HTTPS to HTTP, or to a host that nobody chose to trust.
        let client = client
            .timeout(FETCH_TIMEOUT)
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|_| ConfigError::HttpClient)?;
        let mut issuers = HashMap::new();
        for config in configs {
            config.check()?;
            let keys = Arc::new(KeyCache::new(config.jwks, client.clone()));
            let IssuerConfig { audience, algorithms, states_roles, second_factor, .. } = config;
            let trusted = Trusted { audience, algorithms, keys, states_roles, second_factor };
            if issuers.insert(config.issuer, trusted).is_some() {
                return Err(ConfigError::IssuerTwice);
            }
        }
        if issuers.is_empty() {
            return Err(ConfigError::NoIssuer);
        }
        Ok(Self { issuers: Arc::new(issuers), exchanged: false })
    }

    /// Trusts tokens that the gateway has exchanged callers' for, meant for `service`; see [`crate::Exchange`].
    pub fn of_exchanged(service: &str, jwks: KeySource) -> Result<Self, ConfigError> {
        let gateway = IssuerConfig {
            issuer: IssuerName::gateway(),
            audience: service.to_owned(),
            algorithms: vec![SignatureAlgorithm::EdDSA],
            jwks,
            states_roles: true,
            second_factor: Some(exchange::second_factor()),
        };
        // Never by a proxy, who could say that other keys are the gateway's.
        Ok(Self { exchanged: true, ..Self::fetching_with(reqwest::Client::builder().no_proxy(), vec![gateway])? })
    }

    /// Fetches the keys of every issuer that has none yet; `false` if some issuer still has none.
    pub async fn load_keys(&self, now: DateTime<Utc>) -> bool {
        let mut all = true;
        for trusted in self.issuers.values() {
            all &= trusted.keys.load(now).await;
        }
        all
    }

    /// Who sent this token, if it is one of ours and holds at `now`.
    pub async fn verify(&self, text: &str, now: DateTime<Utc>) -> Result<Caller, TokenError> {
        let token = Token::parse(text)?;
        let claims = Claims::parse(token.unverified_payload())?;
        let issuer = claims.issuer()?;
        let trusted = self.issuers.get(&issuer).ok_or(TokenError::UnknownIssuer)?;
        if !trusted.algorithms.contains(&token.algorithm) {
            return Err(TokenError::AlgorithmNotAllowed);
        }
        let key = trusted.keys.find(&token.key_id, token.algorithm, now).await?;
        token.check_signature(&key)?;
        if self.exchanged {
            claims.check_exchange(&issuer, exchange::LIFETIME)?;
        }
        let second_factor = trusted.second_factor.as_ref();
        claims.check(issuer, &trusted.audience, (trusted.states_roles, second_factor), now)
    }

    /// Whether the roles that a caller holds come from the record and not from the token.
    pub fn asks_the_record(&self, caller: &Caller) -> bool {
        self.issuers.get(&caller.issuer).is_none_or(|trusted| !trusted.states_roles)
    }
}

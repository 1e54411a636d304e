//! The token exchange (RFC 8693): for a caller's token the gateway sends one of its own to the service that it asks.
//!
//! The service learns what the caller may and a name of our own for it. Who somebody is at the issuer goes no further
//! than the gateway, and a token that leaks from a service is good for nothing but that service, for a minute.

use std::fmt;

use aws_lc_rs::{error::Unspecified, signature::Ed25519KeyPair};
use chrono::{DateTime, TimeDelta, Utc};
use schema::people::LoginName;
use serde_json::json;

use crate::{
    Caller, IssuerName, Subject,
    identity::SecondFactor,
    signing::{self, Signer},
};

/// How long an exchanged token holds.
pub const LIFETIME: TimeDelta = TimeDelta::seconds(60);

/// The `acr` with which the gateway says that a caller has shown a second factor.
const SECOND_FACTOR: &str = "second-factor";

/// How an exchanged token says so: for as long as it holds.
pub(crate) fn second_factor() -> SecondFactor {
    SecondFactor { acr: vec![SECOND_FACTOR.to_owned()], minutes: 1 }
}

/// The gateway's secret, 256 random bits: everything that it signs or hashes with is derived from it.
#[derive(Clone)]
pub struct GatewaySecret([u8; 32]);

/// Exchanges callers' tokens.
#[derive(Debug)]
pub struct Exchange {
    signer: Signer,
    names: Names,
}

/// The key under which callers are given names of our own.
struct Names([u8; 32]);

impl GatewaySecret {
    /// From 256 random bits.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A key for one purpose, which is the only one with this name.
    pub fn key(&self, purpose: &str) -> [u8; 32] {
        blake3::derive_key(purpose, &self.0)
    }
}

impl Exchange {
    /// With keys derived from the secret.
    pub fn new(secret: &GatewaySecret) -> Result<Self, Unspecified> {
        let seed = secret.key("Wardlog 2026 signatures of exchanged tokens");
        let signer = Signer::new(Ed25519KeyPair::from_seed_unchecked(&seed)?)?;
        Ok(Self { signer, names: Names(secret.key("Wardlog 2026 names of callers")) })
    }

    /// The public half of the key, as a JWK set.
    pub fn jwks(&self) -> &str {
        self.signer.jwks()
    }

    /// The services' own name for who logs in at an issuer as a subject.
    pub fn login(&self, issuer: &IssuerName, subject: &Subject) -> LoginName {
        self.names.of(issuer, subject)
    }

    /// A token with which the gateway acts for `caller` at `service`, from `now` on.
    pub fn exchange(&self, caller: &Caller, service: &str, now: DateTime<Utc>) -> String {
        let gateway = IssuerName::gateway();
        let mut claims = json!({
            "iss": gateway.as_str(),
            "aud": service,
            "sub": self.names.of(&caller.issuer, &caller.subject).as_str(),
            "act": { "sub": gateway.as_str() },
            "iat": now.timestamp(),
            "exp": (now + LIFETIME).timestamp(),
        });
        if caller.second_factor {
            claims["acr"] = json!(SECOND_FACTOR);
            claims["auth_time"] = json!(now.timestamp());
        }
        signing::state(&mut claims, &caller.roles);
        self.signer.sign(&claims)
    }
}

impl Names {
    /// Always the same for the same person of the same issuer, and no way back without the key: 32 hex digits.
    fn of(&self, issuer: &IssuerName, subject: &Subject) -> LoginName {
        let mut hash = blake3::Hasher::new_keyed(&self.0);
        let issuer = issuer.as_str().as_bytes();
        hash.update(&(issuer.len() as u64).to_le_bytes()).update(issuer).update(subject.as_str().as_bytes());
        let mut name = [0; 16];
        hash.finalize_xof().fill(&mut name);
        name.into()
    }
}

impl fmt::Debug for GatewaySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GatewaySecret")
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names")
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::{HeldRole, TokenError, Verifier, identity::KeySource};

    /// A JWK set in a file, removed at the end.
    struct Keys(PathBuf);

    impl Keys {
        fn of(exchange: &Exchange) -> Self {
            let path = std::env::temp_dir().join(format!("wardlog-exchange-{:016x}", rand::random::<u64>()));
            std::fs::write(&path, exchange.jwks()).unwrap();
            Self(path)
        }

        fn verifier(&self, service: &str) -> Verifier {
            Verifier::of_exchanged(service, KeySource::File(self.0.clone())).unwrap()
        }
    }

    impl Drop for Keys {
        fn drop(&mut self) {
            std::fs::remove_file(&self.0).unwrap();
        }
    }

    fn exchange(secret: u8) -> Exchange {
        Exchange::new(&GatewaySecret::new([secret; 32])).unwrap()
    }

    fn caller(subject: &str, issuer: &str) -> Caller {
        let roles = HeldRole::dsl(uuid::Uuid::from_u128(2).into()).into();
        Caller { subject: subject.parse().unwrap(), issuer: issuer.parse().unwrap(), roles, second_factor: false }
    }

    fn now() -> DateTime<Utc> {
        "2026-11-20T09:00:00Z".parse().unwrap()
    }

    #[tokio::test]
    async fn the_service_learns_what_the_caller_may_and_a_name_of_our_own() {
        let exchange = exchange(1);
        let keys = Keys::of(&exchange);
        let jones = caller("jones@school.example", "https://id.example");
        let token = exchange.exchange(&jones, "directory", now());
        let known = keys.verifier("directory").verify(&token, now()).await.unwrap();
        assert_eq!(known.roles, jones.roles);
        assert_eq!(known.subject.as_str().len(), 32);
        assert!(!known.second_factor);
        let stronger = exchange.exchange(&Caller { second_factor: true, ..jones.clone() }, "directory", now());
        assert!(keys.verifier("directory").verify(&stronger, now()).await.unwrap().second_factor);
        let payload = data_encoding::BASE64URL_NOPAD.decode(token.split('.').nth(1).unwrap().as_bytes()).unwrap();
        assert!(!String::from_utf8(payload).unwrap().contains("jones"));
    }

    #[tokio::test]
    async fn a_caller_keeps_its_name_and_another_issuers_or_another_installations_has_another() {
        let name = |exchange: &Exchange, caller: &Caller| exchange.names.of(&caller.issuer, &caller.subject);
        let jones = caller("jones", "https://id.example");
        let one = name(&exchange(1), &jones);
        assert_eq!(name(&exchange(1), &jones), one);
        assert_ne!(name(&exchange(1), &caller("jones", "https://it.example")), one);
        assert_ne!(name(&exchange(1), &caller("smith", "https://id.example")), one);
        assert_ne!(name(&exchange(2), &jones), one);
        let (a, b) = (caller("b", "https://id.examplea"), caller("ab", "https://id.example"));
        assert_ne!(name(&exchange(1), &a), name(&exchange(1), &b));
    }

    #[tokio::test]
    async fn it_holds_for_one_service_and_one_minute() {
        let exchange = exchange(1);
        let keys = Keys::of(&exchange);
        let token = exchange.exchange(&caller("u-1", "https://id.example"), "directory", now());
        let verify = async |service, at| keys.verifier(service).verify(&token, at).await.map(|_| ());
        assert_eq!(verify("incidents", now()).await, Err(TokenError::WrongAudience));
        assert_eq!(verify("directory", now() + TimeDelta::seconds(60)).await, Ok(()), "our clocks may differ by 30 s");
        assert_eq!(verify("directory", now() + TimeDelta::seconds(90)).await, Err(TokenError::Expired));
    }

    #[tokio::test]
    async fn a_token_that_nobody_exchanged_is_refused() {
        let (exchange, stranger) = (exchange(1), exchange(2));
        let keys = Keys::of(&exchange);
        let good = json!({ "iss": "wardlog-gateway", "aud": "directory", "sub": "u", "act": { "sub": "wardlog-gateway" },
                           "iat": now().timestamp(), "exp": now().timestamp() + 60, "wardlog_roles": [] });
        let verify = async |claims| keys.verifier("directory").verify(&exchange.signer.sign(&claims), now()).await;
        assert!(verify(good.clone()).await.is_ok());
        let with = |name: &str, value| {
            let mut claims = good.clone();
            claims[name] = value;
            claims
        };
        let refused = [
            (with("act", json!(null)), TokenError::MissingClaim("act")),
            (with("act", json!("wardlog-gateway")), TokenError::MalformedClaim("act")),
            (with("act", json!({ "sub": "somebody" })), TokenError::MalformedClaim("act")),
            (with("exp", json!(now().timestamp() + 61)), TokenError::LivesTooLong),
            (with("iss", json!("https://id.example")), TokenError::UnknownIssuer),
        ];
        for (claims, error) in refused {
            assert_eq!(verify(claims).await.unwrap_err(), error);
        }
        let strangers = stranger.exchange(&caller("u-1", "https://id.example"), "directory", now());
        assert_eq!(keys.verifier("directory").verify(&strangers, now()).await.unwrap_err(), TokenError::UnknownKey);
    }
}

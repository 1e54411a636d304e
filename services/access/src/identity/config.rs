//! The issuers that an operator trusts.

use std::path::PathBuf;

use reqwest::Url;
use schema::IdError;
use serde::Deserialize;

use crate::IssuerName;

/// One trusted issuer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// The exact text of `iss` in its tokens.
    pub issuer: IssuerName,
    /// What `aud` must name in tokens meant for us.
    pub audience: String,
    /// The algorithms that it signs with; any other is refused, whatever its keys are.
    pub algorithms: Vec<SignatureAlgorithm>,
    /// Where its public keys are.
    pub jwks: KeySource,
    /// Whether it is trusted to say which roles its bearers hold (`wardlog_roles`), beside who they are. Without it, that is
    /// what is recorded of them.
    #[serde(default)]
    pub states_roles: bool,
    /// How its tokens say that the bearer has shown a second factor (R220). Without it none of them does.
    #[serde(default)]
    pub second_factor: Option<SecondFactor>,
}

/// What a token says of a bearer who has shown a second factor (OIDC Core 1.0, section 2: `acr` and `auth_time`).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecondFactor {
    /// The values of `acr` that stand for it.
    pub acr: Vec<String>,
    /// For how many minutes after `auth_time` it counts: a working day unless said otherwise.
    #[serde(default = "working_day")]
    pub minutes: u32,
}

const fn working_day() -> u32 {
    10 * 60
}

/// A signature algorithm for tokens; there is no symmetric one, and no `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
pub enum SignatureAlgorithm {
    /// Ed25519 (RFC 8037).
    EdDSA,
    /// ECDSA over P-256 with SHA-256.
    ES256,
    /// RSA PKCS#1 v1.5 with SHA-256, keys of 2048 to 8192 bits.
    RS256,
}

/// Where an issuer's JWK set (RFC 7517) is.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeySource {
    /// It is fetched; redirects are not followed.
    Url(JwksUrl),
    /// It is read from a file.
    File(PathBuf),
}

/// An `https` URL, or an `http` one for an issuer within the operator's own network.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct JwksUrl(Url);

impl TryFrom<String> for JwksUrl {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
        url.map(Self).ok_or(IdError { expected: "an http or https URL" })
    }
}

impl JwksUrl {
    pub(super) fn as_url(&self) -> &Url {
        &self.0
    }
}

/// Why a list of issuers cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The list is empty: nobody could ever be let in.
    #[error("expected at least one issuer")]
    NoIssuer,
    /// Two entries are of the same issuer.
    #[error("expected each issuer once")]
    IssuerTwice,
    /// An issuer may sign with nothing.
    #[error("expected at least one algorithm for each issuer")]
    NoAlgorithm,
    /// The audience is empty.
    #[error("expected an audience for each issuer")]
    NoAudience,
    /// No `acr` stands for a second factor.
    #[error("expected at least one acr for a second factor")]
    NoAcr,
    /// The TLS library did not start.
    #[error("expected an HTTP client with TLS")]
    HttpClient,
}

impl IssuerConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.algorithms.is_empty() {
            return Err(ConfigError::NoAlgorithm);
        }
        if self.audience.is_empty() {
            return Err(ConfigError::NoAudience);
        }
        if self.second_factor.as_ref().is_some_and(|second_factor| second_factor.acr.is_empty()) {
            return Err(ConfigError::NoAcr);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Verifier;

    fn config(text: &str) -> Result<IssuerConfig, serde_json::Error> {
        serde_json::from_str(text)
    }

    const GOOD: &str = r#"{"issuer":"https://id.example","audience":"wardlog","algorithms":["EdDSA","ES256","RS256"],
                           "jwks":{"url":"https://id.example/jwks.json"}}"#;

    #[test]
    fn an_issuer_is_configured_by_name_audience_algorithms_and_key_source() {
        let read = config(GOOD).unwrap();
        assert_eq!(read.algorithms.len(), 3);
        assert!(config(&GOOD.replace(r#""url":"https://id.example/jwks.json""#, r#""file":"/etc/jwks.json""#)).is_ok());
        let read = config(&GOOD.replace(r#""jwks""#, r#""second_factor":{"acr":["mfa"]},"jwks""#)).unwrap();
        assert_eq!(read.second_factor.unwrap().minutes, 600, "unless said otherwise");
    }

    #[test]
    fn a_configuration_that_would_weaken_verification_is_refused() {
        for (from, to) in [("EdDSA", "HS256"), ("EdDSA", "none"), ("https://id.example/jwks", "ftp://id.example/jwks")]
        {
            assert!(config(&GOOD.replace(from, to)).is_err(), "{to}");
        }
        let error = |change: fn(&mut IssuerConfig)| {
            let mut changed = config(GOOD).unwrap();
            change(&mut changed);
            Verifier::new(vec![changed]).unwrap_err()
        };
        assert_eq!(error(|c| c.algorithms.clear()), ConfigError::NoAlgorithm);
        assert_eq!(error(|c| c.audience.clear()), ConfigError::NoAudience);
        let nothing = |c: &mut IssuerConfig| c.second_factor = Some(SecondFactor { acr: vec![], minutes: 1 });
        assert_eq!(error(nothing), ConfigError::NoAcr);
        assert_eq!(Verifier::new(vec![]).unwrap_err(), ConfigError::NoIssuer);
        assert_eq!(Verifier::new(vec![config(GOOD).unwrap(); 2]).unwrap_err(), ConfigError::IssuerTwice);
    }
}

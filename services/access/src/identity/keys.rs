//! An issuer's public keys: the part of a JWK set (RFC 7517) that can verify tokens.

use std::collections::HashMap;

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{
    DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

use super::{SignatureAlgorithm, TokenError};

/// Keys beyond this number are not kept.
const MAX_KEYS: usize = 100;

/// Public keys by name; a name may stand for one key of each type.
#[derive(Debug, Default)]
pub(super) struct KeySet(HashMap<String, Vec<(SignatureAlgorithm, DecodingKey)>>);

#[derive(Deserialize)]
struct Published {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a JWK set; a key that we cannot use, of whatever shape, is passed over and does not spoil the others.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let published: Published = serde_json::from_slice(bytes)?;
        let mut keys = Self::default();
        let usable = published.keys.into_iter().filter_map(|key| usable(serde_json::from_value(key).ok()?));
        for (key_id, algorithm, key) in usable.take(MAX_KEYS) {
            let named = keys.0.entry(key_id).or_default();
            if named.iter().all(|(other, _)| *other != algorithm) {
                named.push((algorithm, key));
            }
        }
        Ok(keys)
    }

    /// The key of this name and type; `None` if the name is unknown.
    pub(super) fn find(&self, key_id: &str, algorithm: SignatureAlgorithm) -> Result<Option<DecodingKey>, TokenError> {
        let Some(named) = self.0.get(key_id) else { return Ok(None) };
        let key = named.iter().find(|(of, _)| *of == algorithm).ok_or(TokenError::KeyOfOtherType)?;
        Ok(Some(key.1.clone()))
    }
}

/// A named key for signatures whose type, size and declared use all agree.
fn usable(jwk: Jwk) -> Option<(String, SignatureAlgorithm, DecodingKey)> {
    let algorithm = algorithm_of(&jwk.algorithm)?;
    let declared = match algorithm {
        SignatureAlgorithm::EdDSA => KeyAlgorithm::EdDSA,
        SignatureAlgorithm::ES256 => KeyAlgorithm::ES256,
        SignatureAlgorithm::RS256 => KeyAlgorithm::RS256,
    };
    let for_signatures = jwk.common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature)
        && jwk.common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify))
        && jwk.common.key_algorithm.is_none_or(|one| one == declared);
    if !for_signatures {
        return None;
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    Some((jwk.common.key_id?, algorithm, key))
}

fn algorithm_of(parameters: &AlgorithmParameters) -> Option<SignatureAlgorithm> {
    let bytes = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).ok();
    match parameters {
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            (bytes(&key.x)?.len() == 32).then_some(SignatureAlgorithm::EdDSA)
        }
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (bytes(&key.x)?.len() == 32 && bytes(&key.y)?.len() == 32).then_some(SignatureAlgorithm::ES256)
        }
        AlgorithmParameters::RSA(key) => {
            let modulus = bytes(&key.n)?;
            (256..=1024).contains(&modulus.len()).then_some(SignatureAlgorithm::RS256)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn parse(keys: &Value) -> KeySet {
        KeySet::parse(&serde_json::to_vec(&json!({ "keys": keys })).unwrap()).unwrap()
    }

    fn finds(keys: &Value) -> bool {
        parse(keys).find("k", SignatureAlgorithm::EdDSA).unwrap().is_some()
    }

    #[test]
    fn an_ed25519_key_for_signatures_is_found_by_its_name() {
        assert!(finds(&json!([{ "kty": "OKP", "crv": "Ed25519", "x": X, "kid": "k", "use": "sig", "alg": "EdDSA" }])));
        assert!(finds(&json!([{ "kty": "OKP", "crv": "Ed25519", "x": X, "kid": "k" }])));
    }

    #[test]
    fn keys_that_we_cannot_use_are_passed_over_and_spoil_nothing() {
        let good = json!({ "kty": "OKP", "crv": "Ed25519", "x": X, "kid": "k" });
        for odd in [
            json!({ "kty": "OKP", "crv": "Ed25519", "x": X }),
            json!({ "kty": "OKP", "crv": "Ed25519", "x": X, "kid": "k", "use": "enc" }),
            json!({ "kty": "OKP", "crv": "Ed25519", "x": X, "kid": "k", "key_ops": ["sign"] }),
            json!({ "kty": "OKP", "crv": "Ed25519", "x": X, "kid": "k", "alg": "RS256" }),
            json!({ "kty": "OKP", "crv": "X25519", "x": X, "kid": "k" }),
            json!({ "kty": "OKP", "crv": "P-256", "x": X, "kid": "k" }),
            json!({ "kty": "OKP", "crv": "Ed25519", "x": "AAAA", "kid": "k" }),
            json!({ "kty": "oct", "k": X, "kid": "k" }),
            json!({ "kty": "EC", "crv": "P-384", "x": X, "y": X, "kid": "k" }),
            json!({ "kty": "RSA", "n": X, "e": "AQAB", "kid": "k" }),
            json!({ "kty": "AKP", "pub": X, "kid": "k" }),
            json!("nonsense"),
        ] {
            assert!(parse(&json!([odd])).find("k", SignatureAlgorithm::EdDSA).unwrap().is_none(), "{odd}");
            assert!(finds(&json!([odd, good])), "{odd}");
        }
    }

    #[test]
    fn keys_of_two_types_may_have_one_name() {
        let ed = json!({ "kty": "OKP", "crv": "Ed25519", "x": X, "kid": "k" });
        let ec = json!({ "kty": "EC", "crv": "P-256", "x": X, "y": X, "kid": "k" });
        for keys in [json!([ed, ec]), json!([ec, ed])] {
            let keys = parse(&keys);
            for algorithm in [SignatureAlgorithm::EdDSA, SignatureAlgorithm::ES256] {
                assert!(keys.find("k", algorithm).unwrap().is_some(), "{algorithm:?}");
            }
        }
    }

    #[test]
    fn a_key_of_p256_has_both_its_coordinates_whole() {
        let found = |x: &str, y: &str| {
            let keys = parse(&json!([{ "kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": "k" }]));
            keys.find("k", SignatureAlgorithm::ES256).unwrap().is_some()
        };
        assert!(found(X, X));
        for (x, y) in [(X, "AAAA"), ("AAAA", X)] {
            assert!(!found(x, y), "{x} {y}");
        }
    }

    #[test]
    fn a_key_found_under_the_name_but_of_another_type_is_an_error() {
        let keys = parse(&json!([{ "kty": "OKP", "crv": "Ed25519", "x": X, "kid": "k" }]));
        assert_eq!(keys.find("k", SignatureAlgorithm::ES256).unwrap_err(), TokenError::KeyOfOtherType);
    }
}

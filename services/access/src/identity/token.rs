//! A compact JWS (RFC 7515, section 7.1), taken apart and checked against a key.

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::{Deserialize, de::DeserializeOwned, de::IgnoredAny};

use super::{SignatureAlgorithm, TokenError};

/// The longest token that is read.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// A token whose parts are well formed; nothing it says is believed before its signature is.
#[derive(Debug)]
pub(super) struct Token<'t> {
    pub(super) algorithm: SignatureAlgorithm,
    pub(super) key_id: String,
    payload: Vec<u8>,
    signed: &'t str,
    signature: &'t str,
}

/// What we read of a header. Keys that a header brings along (`jwk`, `jku`, `x5c`, `x5u`) are never looked at.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<IgnoredAny>,
}

impl<'t> Token<'t> {
    pub(super) fn parse(text: &'t str) -> Result<Self, TokenError> {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLong);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        let payload = decode(payload)?;
        decode(signature)?;
        let header: Header = json_object(&decode(header)?)?;
        if header.crit.is_some() {
            return Err(TokenError::CriticalHeader);
        }
        if !header.typ.as_deref().is_none_or(is_access_token) {
            return Err(TokenError::WrongType);
        }
        let algorithm = match header.alg.as_str() {
            "EdDSA" => SignatureAlgorithm::EdDSA,
            "ES256" => SignatureAlgorithm::ES256,
            "RS256" => SignatureAlgorithm::RS256,
            _ => return Err(TokenError::UnsupportedAlgorithm),
        };
        let key_id = header.kid.ok_or(TokenError::MissingKeyId)?;
        Ok(Self { algorithm, key_id, payload, signed, signature })
    }

    /// The payload's bytes, of which only the issuer's name may be used before the signature is checked.
    pub(super) fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    pub(super) fn check_signature(&self, key: &DecodingKey) -> Result<(), TokenError> {
        let algorithm = match self.algorithm {
            SignatureAlgorithm::EdDSA => Algorithm::EdDSA,
            SignatureAlgorithm::ES256 => Algorithm::ES256,
            SignatureAlgorithm::RS256 => Algorithm::RS256,
        };
        match crypto::verify(self.signature, self.signed.as_bytes(), key, algorithm) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(TokenError::BadSignature),
        }
    }
}

/// Whether `typ` names an access token or says no more than that it is a JWT (RFC 9068, section 4).
fn is_access_token(typ: &str) -> bool {
    ["JWT", "at+jwt", "application/at+jwt"].iter().any(|known| known.eq_ignore_ascii_case(typ))
}

fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|_| TokenError::Malformed)
}

/// Reads a JSON object; serde would take an array for a struct too, and a member said twice is an error.
pub(super) fn json_object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, TokenError> {
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(TokenError::Malformed);
    }
    serde_json::from_slice(bytes).map_err(|_| TokenError::Malformed)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::identity::keys::KeySet;

    fn rfc7520(text: &str) -> (Value, String) {
        let vector: Value = serde_json::from_str(text).unwrap();
        (vector["input"]["key"].clone(), vector["output"]["compact"].as_str().unwrap().to_owned())
    }

    #[test]
    fn the_rs256_example_of_rfc_7520_verifies_and_does_not_with_one_bit_changed() {
        let (key, compact) = rfc7520(include_str!("../../tests/data/rfc7520_4_1.rsa_v15_signature.json"));
        let keys = KeySet::parse(&serde_json::to_vec(&serde_json::json!({ "keys": [key] })).unwrap()).unwrap();
        let token = Token::parse(&compact).unwrap();
        let key = keys.find(&token.key_id, token.algorithm).unwrap().unwrap();
        assert_eq!(token.check_signature(&key), Ok(()));
        assert!(std::str::from_utf8(token.unverified_payload()).unwrap().starts_with("It’s a dangerous business"));

        // `SXTi…` decodes to the payload; another first letter is another payload.
        let changed = compact.replacen(".SXTi", ".TXTi", 1);
        assert_eq!(Token::parse(&changed).unwrap().check_signature(&key), Err(TokenError::BadSignature));
    }

    #[test]
    fn the_es512_example_of_rfc_7520_is_refused_and_its_key_unused() {
        let (key, compact) = rfc7520(include_str!("../../tests/data/rfc7520_4_3.ecdsa_signature.json"));
        assert_eq!(Token::parse(&compact).unwrap_err(), TokenError::UnsupportedAlgorithm);
        let keys = KeySet::parse(&serde_json::to_vec(&serde_json::json!({ "keys": [key] })).unwrap()).unwrap();
        let found = keys.find("bilbo.baggins@hobbiton.example", SignatureAlgorithm::ES256).map(|key| key.is_some());
        assert_eq!(found, Ok(false));
    }
}

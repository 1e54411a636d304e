//! A compact JWS (RFC 7515, section 7.1), taken apart and checked against a key.

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny},
};

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
    #[serde(default, deserialize_with = "said")]
    typ: Option<String>,
    #[serde(default, deserialize_with = "said")]
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

/// What a member says, even if that is `null`; without it, `null` counts as a member that is not there.
pub(super) fn said<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// Reads a JSON object in UTF-8 (RFC 7519, section 7.2); serde would take an array for a struct too, and look at no text
/// that is not read. A member that is read and said twice is an error.
pub(super) fn json_object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, TokenError> {
    let text = std::str::from_utf8(bytes).map_err(|_| TokenError::Malformed)?;
    if !text.trim_ascii_start().starts_with('{') {
        return Err(TokenError::Malformed);
    }
    serde_json::from_str(text).map_err(|_| TokenError::Malformed)
}

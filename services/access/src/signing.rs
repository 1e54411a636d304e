//! Signing tokens: an Ed25519 key, its name, and its public half for those who verify.

use aws_lc_rs::{
    error::Unspecified,
    signature::{Ed25519KeyPair, KeyPair},
};
use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{Jwk, PublicKeyUse, ThumbprintHash},
};
use serde_json::{Value, json};

use crate::HeldRoles;

/// Signs tokens with one key.
#[derive(Debug)]
pub(crate) struct Signer {
    key_id: String,
    key: Ed25519KeyPair,
    jwks: String,
}

impl Signer {
    /// Signs with this key, under its thumbprint (RFC 7638) as name.
    pub(crate) fn new(key: Ed25519KeyPair) -> Result<Self, Unspecified> {
        let public = DecodingKey::from_ed_der(key.public_key().as_ref());
        let mut public = Jwk::from_decoding_key(&public, Some(Algorithm::EdDSA)).map_err(|_| Unspecified)?;
        let key_id = public.thumbprint(ThumbprintHash::SHA256).map_err(|_| Unspecified)?;
        public.common.key_id = Some(key_id.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self { key_id, key, jwks: json!({ "keys": [public] }).to_string() })
    }

    /// The public half as a JWK set (RFC 7517).
    pub(crate) fn jwks(&self) -> &str {
        &self.jwks
    }

    /// A token that says `claims`.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": "EdDSA", "typ": "JWT", "kid": self.key_id });
        let encode = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        let signed = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let signature = self.key.sign(signed.as_bytes());
        format!("{signed}.{}", encode(signature.as_ref()))
    }
}

/// Says in `claims` which roles the bearer holds.
pub(crate) fn state(claims: &mut Value, roles: &HeldRoles) {
    claims["wardlog_roles"] = roles.iter().map(|role| role.to_string()).collect();
}

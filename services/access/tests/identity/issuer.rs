//! Issuers with real keys, whose tokens can be made wrong in every part.

use std::{fs, path::PathBuf};

use access::{Verifier, identity::IssuerConfig};
use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256},
};
use chrono::{DateTime, Utc};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde_json::{Value, json};

pub const TRUST: &str = "0190a000-0000-7000-8000-000000000001";
pub const SCHOOL: &str = "0190a000-0000-7000-8000-000000000002";

/// The time of every test, unless it says otherwise.
pub fn now() -> DateTime<Utc> {
    "2026-11-20T09:00:00Z".parse().unwrap()
}

pub fn base64url(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

pub enum Key {
    Ed(Ed25519KeyPair),
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl Key {
    pub fn ed() -> Self {
        Self::Ed(Ed25519KeyPair::generate().unwrap())
    }

    pub fn ec() -> Self {
        Self::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub fn rsa() -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::Ed(_) => "EdDSA",
            Self::Ec(_) => "ES256",
            Self::Rsa(_) => "RS256",
        }
    }

    pub fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Ed(key) => {
                let x = base64url(key.public_key().as_ref());
                json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x })
            }
            Self::Ec(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "kid": kid, "x": base64url(x), "y": base64url(y) })
            }
            Self::Rsa(key) => {
                let public = key.public_key();
                let n = base64url(public.modulus().big_endian_without_leading_zero());
                json!({ "kty": "RSA", "kid": kid, "n": n, "e": base64url(public.exponent().big_endian_without_leading_zero()) })
            }
        }
    }

    /// The key as a JWK that says something else of it, or more.
    pub fn published(&self, kid: &str, says: &Value) -> Value {
        let mut jwk = self.jwk(kid);
        for (name, value) in says.as_object().unwrap() {
            jwk[name] = value.clone();
        }
        jwk
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Ed(key) => key.sign(message).as_ref().to_vec(),
            Self::Ec(key) => key.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
        }
    }

    /// Signs whatever texts it is given as header and payload.
    pub fn token(&self, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", base64url(header.as_bytes()), base64url(payload.as_bytes()));
        let signature = base64url(&self.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// A token with a proper header that names the key `kid`.
    pub fn mint(&self, kid: &str, claims: &Value) -> String {
        let header = json!({ "alg": self.algorithm(), "typ": "JWT", "kid": kid });
        self.token(&header.to_string(), &claims.to_string())
    }
}

/// The claims of a good token of `https://id.example`, issued a minute ago for ten minutes.
pub fn claims() -> Value {
    json!({
        "iss": "https://id.example", "aud": "wardlog", "sub": "u-17",
        "iat": now().timestamp() - 60, "exp": now().timestamp() + 540,
        "wardlog_roles": [format!("dsl@school:{SCHOOL}")],
    })
}

/// Good claims with some of them set otherwise; `null` removes one.
pub fn claims_with(changes: Value) -> Value {
    let mut claims = claims();
    let members = claims.as_object_mut().unwrap();
    let Value::Object(changes) = changes else { unreachable!("changes are an object") };
    for (name, value) in changes {
        if value.is_null() {
            members.remove(&name)
        } else {
            members.insert(name, value)
        };
    }
    claims
}

/// Good claims with one set to this value, even to `null`.
pub fn claims_but(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

/// The bytes of a token's signature.
pub fn signature_of(token: &str) -> Vec<u8> {
    BASE64URL_NOPAD.decode(token.rsplit_once('.').unwrap().1.as_bytes()).unwrap()
}

/// The order of the group of P-256 (FIPS 186-5), in hexadecimal.
pub const ORDER_OF_P256: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

/// A file of its own with this JWK set.
pub fn jwks_file(keys: &[Value]) -> PathBuf {
    let name = format!("jwks-{}.json", HEXLOWER.encode(&rand::random::<[u8; 8]>()));
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, json!({ "keys": keys }).to_string()).unwrap();
    path
}

pub fn config(issuer: &str, algorithms: &[&str], jwks: &Value) -> IssuerConfig {
    let config = json!({
        "issuer": issuer, "audience": "wardlog", "algorithms": algorithms, "jwks": jwks, "states_roles": true,
    });
    serde_json::from_value(config).unwrap()
}

/// `https://id.example` with keys of three kinds, of which it signs with two, and `https://other.example` beside it. Both
/// publish some of their keys once more, for what tokens must not be signed with.
pub struct World {
    pub verifier: Verifier,
    pub ed: Key,
    pub other_ed: Key,
    pub ec: Key,
    pub theirs: Key,
    pub their_rsa: Key,
}

impl World {
    pub fn new() -> Self {
        let (ed, other_ed, ec, rsa, theirs, their_rsa) =
            (Key::ed(), Key::ed(), Key::ec(), Key::rsa(), Key::ed(), Key::rsa());
        let x = ed.jwk("ed")["x"].clone();
        let ours = jwks_file(&[
            ed.jwk("ed"),
            other_ed.jwk("other-ed"),
            ec.jwk("ec"),
            rsa.jwk("rsa"),
            // By its name this is the other issuer's; an issuer's list of algorithms holds whatever its keys are.
            their_rsa.jwk("their-rsa"),
            ed.published("ed for encryption", &json!({ "use": "enc" })),
            ed.published("ed for signing alone", &json!({ "key_ops": ["sign"] })),
            ed.published("ed for RS256", &json!({ "alg": "RS256" })),
            ed.published("ed as X25519", &json!({ "crv": "X25519" })),
            ed.published("ed as a secret", &json!({ "kty": "oct", "k": x })),
            ec.published("ec for ES384", &json!({ "alg": "ES384" })),
            ec.published("ec as P-384", &json!({ "crv": "P-384" })),
        ]);
        let others = jwks_file(&[
            theirs.jwk("theirs"),
            ec.jwk("ec"),
            their_rsa.jwk("their-rsa"),
            their_rsa.published("their-rsa for PS256", &json!({ "alg": "PS256" })),
            their_rsa.published("their-rsa for encryption", &json!({ "use": "enc" })),
        ]);
        let verifier = Verifier::new(vec![
            config("https://id.example", &["EdDSA", "ES256"], &json!({ "file": ours })),
            config("https://other.example", &["EdDSA", "RS256"], &json!({ "file": others })),
        ])
        .unwrap();
        Self { verifier, ed, other_ed, ec, theirs, their_rsa }
    }
}

//! Headers that choose how they are checked, or demand what we do not know (RFC 8725, sections 2.1, 3.1, 3.10 and 3.11).

use access::TokenError::*;
use aws_lc_rs::hmac;
use serde_json::json;

use super::{Negative, rows};
use crate::issuer::{World, base64url, claims};

/// HMAC under a public key: the classic confusion of a public with a shared key.
fn hmac(secret: &[u8], header: &str) -> String {
    let signed = format!("{}.{}", base64url(header.as_bytes()), base64url(claims().to_string().as_bytes()));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
    format!("{signed}.{}", base64url(signature.as_ref()))
}

pub fn wrong(world: &World) -> Vec<Negative> {
    let under = |header: &str| world.ed.token(header, &claims().to_string());
    let jwk = world.ed.jwk("ed");
    let x = jwk["x"].as_str().unwrap().to_owned();
    let unsigned = |alg: &str| {
        let token = under(&json!({ "alg": alg, "kid": "ed" }).to_string());
        format!("{}.", token.rsplit_once('.').unwrap().0)
    };
    let hs256 = |secret: &[u8]| hmac(secret, r#"{"alg":"HS256","kid":"ed"}"#);
    rows(
        &under(r#"{"alg":"EdDSA","kid":"ed"}"#),
        vec![
            ("alg none, signed", under(r#"{"alg":"none","kid":"ed"}"#), UnsupportedAlgorithm),
            ("alg none, unsigned", unsigned("none"), UnsupportedAlgorithm),
            ("alg None, unsigned", unsigned("None"), UnsupportedAlgorithm),
            ("alg nONE, unsigned", unsigned("nONE"), UnsupportedAlgorithm),
            ("alg NONE, unsigned", unsigned("NONE"), UnsupportedAlgorithm),
            ("alg empty", under(r#"{"alg":"","kid":"ed"}"#), UnsupportedAlgorithm),
            ("alg in lower case", under(r#"{"alg":"eddsa","kid":"ed"}"#), UnsupportedAlgorithm),
            ("alg with a space", under(r#"{"alg":"EdDSA ","kid":"ed"}"#), UnsupportedAlgorithm),
            ("alg with a NUL", under(r#"{"alg":"EdDSA\u0000","kid":"ed"}"#), UnsupportedAlgorithm),
            ("alg by the curve's name", under(r#"{"alg":"Ed25519","kid":"ed"}"#), UnsupportedAlgorithm),
            ("HS256 with the public key's text", hs256(x.as_bytes()), UnsupportedAlgorithm),
            ("HS256 with the whole JWK", hs256(jwk.to_string().as_bytes()), UnsupportedAlgorithm),
            ("HS256 with an empty secret", hs256(b""), UnsupportedAlgorithm),
            ("HMAC under the name EdDSA", hmac(x.as_bytes(), r#"{"alg":"EdDSA","kid":"ed"}"#), BadSignature),
            ("RS384", under(r#"{"alg":"RS384","kid":"ed"}"#), UnsupportedAlgorithm),
            ("RS512", under(r#"{"alg":"RS512","kid":"ed"}"#), UnsupportedAlgorithm),
            ("PS256", under(r#"{"alg":"PS256","kid":"ed"}"#), UnsupportedAlgorithm),
            ("ES384", under(r#"{"alg":"ES384","kid":"ed"}"#), UnsupportedAlgorithm),
            ("ES256K", under(r#"{"alg":"ES256K","kid":"ed"}"#), UnsupportedAlgorithm),
            ("no alg", under(r#"{"kid":"ed"}"#), Malformed),
            ("alg null", under(r#"{"alg":null,"kid":"ed"}"#), Malformed),
            ("alg is a number", under(r#"{"alg":1,"kid":"ed"}"#), Malformed),
            ("alg is a list", under(r#"{"alg":["EdDSA"],"kid":"ed"}"#), Malformed),
            ("alg twice", under(r#"{"alg":"EdDSA","alg":"none","kid":"ed"}"#), Malformed),
            ("alg twice, once written otherwise", under(r#"{"\u0061lg":"none","alg":"EdDSA","kid":"ed"}"#), Malformed),
            ("alg in a header of its own case", under(r#"{"ALG":"EdDSA","kid":"ed"}"#), Malformed),
            ("crit", under(r#"{"alg":"EdDSA","kid":"ed","crit":["exp"],"exp":1}"#), CriticalHeader),
            ("crit of b64", under(r#"{"alg":"EdDSA","kid":"ed","crit":["b64"],"b64":false}"#), CriticalHeader),
            ("crit empty", under(r#"{"alg":"EdDSA","kid":"ed","crit":[]}"#), CriticalHeader),
            ("crit null", under(r#"{"alg":"EdDSA","kid":"ed","crit":null}"#), CriticalHeader),
            ("crit is a text", under(r#"{"alg":"EdDSA","kid":"ed","crit":"b64"}"#), CriticalHeader),
            ("crit twice", under(r#"{"alg":"EdDSA","kid":"ed","crit":[],"crit":[]}"#), Malformed),
            ("a logout token", under(r#"{"alg":"EdDSA","kid":"ed","typ":"logout+jwt"}"#), WrongType),
            ("a security event", under(r#"{"alg":"EdDSA","kid":"ed","typ":"secevent+jwt"}"#), WrongType),
            ("a proof of possession", under(r#"{"alg":"EdDSA","kid":"ed","typ":"dpop+jwt"}"#), WrongType),
            ("typ empty", under(r#"{"alg":"EdDSA","kid":"ed","typ":""}"#), WrongType),
            ("typ null", under(r#"{"alg":"EdDSA","kid":"ed","typ":null}"#), Malformed),
            ("typ is a list", under(r#"{"alg":"EdDSA","kid":"ed","typ":["JWT"]}"#), Malformed),
            ("header is an array", under(r#"["EdDSA","ed",null,null]"#), Malformed),
            ("header is a text", under(r#""EdDSA""#), Malformed),
            ("header is empty", under(""), Malformed),
            ("header is no JSON", under("EdDSA"), Malformed),
            ("header with a byte order mark", under("\u{feff}{\"alg\":\"EdDSA\",\"kid\":\"ed\"}"), Malformed),
            ("header with more behind it", under(r#"{"alg":"EdDSA","kid":"ed"}{}"#), Malformed),
            ("header that does not end", under(r#"{"alg":"EdDSA","kid":"ed""#), Malformed),
        ],
    )
}

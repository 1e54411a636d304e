//! What is refused, each for its own reason. One row is one token.

use access::TokenError::{self, *};
use aws_lc_rs::hmac;
use serde_json::{Value, json};

use crate::issuer::{Key, SCHOOL, World, base64url, claims, claims_with, now};

type Row = (&'static str, String, TokenError);

async fn all_refused(world: &World, rows: Vec<Row>) {
    for (reason, token, expected) in rows {
        assert_eq!(world.verifier.verify(&token, now()).await, Err(expected), "{reason}");
    }
}

/// HS256 with a public key's text as the secret: the classic confusion of a public with a shared key.
fn hs256(secret: &[u8], header: &str) -> String {
    let signed = format!("{}.{}", base64url(header.as_bytes()), base64url(claims().to_string().as_bytes()));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
    format!("{signed}.{}", base64url(signature.as_ref()))
}

#[tokio::test]
async fn headers_that_choose_how_they_are_checked_are_refused() {
    let world = World::new();
    let signed_under = |header: &str| world.ed.token(header, &claims().to_string());
    let x = world.ed.jwk("ed")["x"].as_str().unwrap().to_owned();
    let stranger = Key::ed();
    let own_key = json!({ "alg": "EdDSA", "kid": "own", "jwk": stranger.jwk("own") }).to_string();
    let own_url = json!({ "alg": "EdDSA", "kid": "own", "jku": "https://evil.example/jwks.json" }).to_string();
    let good = claims().to_string();
    all_refused(
        &world,
        vec![
            ("alg none", signed_under(r#"{"alg":"none","kid":"ed"}"#), UnsupportedAlgorithm),
            ("alg None", signed_under(r#"{"alg":"None","kid":"ed"}"#), UnsupportedAlgorithm),
            ("alg in lower case", signed_under(r#"{"alg":"eddsa","kid":"ed"}"#), UnsupportedAlgorithm),
            ("HS256 with the public key", hs256(x.as_bytes(), r#"{"alg":"HS256","kid":"ed"}"#), UnsupportedAlgorithm),
            ("HMAC under the name EdDSA", hs256(x.as_bytes(), r#"{"alg":"EdDSA","kid":"ed"}"#), BadSignature),
            ("RS512", signed_under(r#"{"alg":"RS512","kid":"rsa"}"#), UnsupportedAlgorithm),
            ("PS256", signed_under(r#"{"alg":"PS256","kid":"rsa"}"#), UnsupportedAlgorithm),
            ("ES384", signed_under(r#"{"alg":"ES384","kid":"ec"}"#), UnsupportedAlgorithm),
            ("no alg", signed_under(r#"{"kid":"ed"}"#), Malformed),
            ("alg is a number", signed_under(r#"{"alg":1,"kid":"ed"}"#), Malformed),
            ("alg twice", signed_under(r#"{"alg":"EdDSA","alg":"none","kid":"ed"}"#), Malformed),
            ("RS256, which this issuer does not use", world.rsa.mint("rsa", &claims()), AlgorithmNotAllowed),
            ("no kid", signed_under(r#"{"alg":"EdDSA"}"#), MissingKeyId),
            ("kid is a number", signed_under(r#"{"alg":"EdDSA","kid":7}"#), Malformed),
            ("unknown kid", world.ed.mint("nobody", &claims()), UnknownKey),
            ("empty kid", world.ed.mint("", &claims()), UnknownKey),
            ("kid of another issuer", world.theirs.mint("theirs", &claims()), UnknownKey),
            ("kid of a key of another type", world.ed.mint("ec", &claims()), KeyOfOtherType),
            ("kid of a key not of its algorithm", world.ec.mint("ed", &claims()), KeyOfOtherType),
            ("a key of its own in the header", stranger.token(&own_key, &good), UnknownKey),
            ("a key URL of its own in the header", stranger.token(&own_url, &good), UnknownKey),
            ("crit", signed_under(r#"{"alg":"EdDSA","kid":"ed","crit":["b64"],"b64":false}"#), CriticalHeader),
            ("empty crit", signed_under(r#"{"alg":"EdDSA","kid":"ed","crit":[]}"#), CriticalHeader),
            ("a logout token", signed_under(r#"{"alg":"EdDSA","kid":"ed","typ":"logout+jwt"}"#), WrongType),
            ("header is an array", signed_under(r#"["EdDSA","ed",null,null]"#), Malformed),
            ("header is no JSON", signed_under("EdDSA"), Malformed),
        ],
    )
    .await;
}

#[tokio::test]
async fn texts_that_are_not_one_signed_token_are_refused() {
    let world = World::new();
    let good = world.ed.mint("ed", &claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, _) = signed.split_once('.').unwrap();
    let other_payload = base64url(claims_with(json!({ "sub": "u-18" })).to_string().as_bytes());
    let zeros = base64url(&[0; 64]);
    all_refused(
        &world,
        vec![
            ("nothing", String::new(), Malformed),
            ("one part", header.to_owned(), Malformed),
            ("two parts", signed.to_owned(), Malformed),
            ("four parts", format!("{good}.{signature}"), Malformed),
            ("signature stripped", format!("{signed}."), BadSignature),
            ("signature of zeros", format!("{signed}.{zeros}"), BadSignature),
            ("signature cut short", good[..good.len() - 2].to_owned(), BadSignature),
            ("signature of another payload", format!("{header}.{other_payload}.{signature}"), BadSignature),
            ("signed by a stranger's key", Key::ed().mint("ed", &claims()), BadSignature),
            ("ECDSA signed by a stranger's key", Key::ec().mint("ec", &claims()), BadSignature),
            ("trailing space", format!("{good} "), Malformed),
            ("trailing newline", format!("{good}\n"), Malformed),
            ("trailing junk", format!("{good}!"), Malformed),
            ("leading space", format!(" {good}"), Malformed),
            ("padded base64", format!("{signed}.{signature}=="), Malformed),
            ("not the URL alphabet", format!("{signed}.+/{}", &signature[2..]), Malformed),
            ("payload is no JSON", world.ed.token(r#"{"alg":"EdDSA","kid":"ed"}"#, "hello"), Malformed),
            ("payload is an array", world.ed.token(r#"{"alg":"EdDSA","kid":"ed"}"#, "[1]"), Malformed),
            ("oversize", world.ed.mint("ed", &claims_with(json!({ "pad": "x".repeat(8192) }))), TooLong),
        ],
    )
    .await;
}

#[tokio::test]
async fn claims_that_are_missing_malformed_or_untrue_now_are_refused() {
    let world = World::new();
    let but = |change: Value| world.ed.mint("ed", &claims_with(change));
    let at = |seconds: i64| now().timestamp() + seconds;
    let twice = claims().to_string().replacen('{', r#"{"sub":"u-18","#, 1);
    all_refused(
        &world,
        vec![
            ("no iss", but(json!({ "iss": null })), MissingClaim("iss")),
            ("no aud", but(json!({ "aud": null })), MissingClaim("aud")),
            ("no sub", but(json!({ "sub": null })), MissingClaim("sub")),
            ("no exp", but(json!({ "exp": null })), MissingClaim("exp")),
            ("no iat", but(json!({ "iat": null })), MissingClaim("iat")),
            ("wrong iss", but(json!({ "iss": "https://evil.example" })), UnknownIssuer),
            ("iss with a slash more", but(json!({ "iss": "https://id.example/" })), UnknownIssuer),
            ("iss in other case", but(json!({ "iss": "https://ID.example" })), UnknownIssuer),
            ("iss is a list", but(json!({ "iss": ["https://id.example"] })), MalformedClaim("iss")),
            ("another issuer's name", but(json!({ "iss": "https://other.example" })), UnknownKey),
            ("wrong aud", but(json!({ "aud": "another-app" })), WrongAudience),
            ("aud that begins like ours", but(json!({ "aud": "wardlog2" })), WrongAudience),
            ("aud without us", but(json!({ "aud": ["a", "b"] })), WrongAudience),
            ("empty aud", but(json!({ "aud": [] })), WrongAudience),
            ("aud is an object", but(json!({ "aud": { "wardlog": true } })), MalformedClaim("aud")),
            ("a number among the aud", but(json!({ "aud": ["wardlog", 1] })), MalformedClaim("aud")),
            ("empty sub", but(json!({ "sub": "" })), MalformedClaim("sub")),
            ("overlong sub", but(json!({ "sub": "x".repeat(256) })), MalformedClaim("sub")),
            ("sub with a newline", but(json!({ "sub": "a\nb" })), MalformedClaim("sub")),
            ("sub is a number", but(json!({ "sub": 17 })), MalformedClaim("sub")),
            ("sub twice", world.ed.token(r#"{"alg":"EdDSA","kid":"ed"}"#, &twice), Malformed),
            ("expired", but(json!({ "exp": at(-31) })), Expired),
            ("expired in 1970", but(json!({ "exp": 0 })), Expired),
            ("exp is a text", but(json!({ "exp": at(540).to_string() })), MalformedClaim("exp")),
            ("exp is negative", but(json!({ "exp": -1 })), MalformedClaim("exp")),
            ("exp beyond all time", but(json!({ "exp": u64::MAX })), MalformedClaim("exp")),
            ("exp beyond all numbers", but(json!({ "exp": 1e300 })), MalformedClaim("exp")),
            ("nbf in the future", but(json!({ "nbf": at(60) })), NotYetValid),
            ("nbf is a text", but(json!({ "nbf": "now" })), MalformedClaim("nbf")),
            ("iat in the future", but(json!({ "iat": at(60) })), IssuedInTheFuture),
            ("iat is a boolean", but(json!({ "iat": true })), MalformedClaim("iat")),
        ],
    )
    .await;
}

#[tokio::test]
async fn roles_that_are_missing_or_malformed_are_refused() {
    let world = World::new();
    let but = |roles: Value| world.ed.mint("ed", &claims_with(json!({ "wardlog_roles": roles })));
    let wrong = MalformedClaim("wardlog_roles");
    let many: Vec<_> = (0..81).map(|_| format!("dsl@school:{SCHOOL}")).collect();
    all_refused(
        &world,
        vec![
            ("no roles", but(json!(null)), MissingClaim("wardlog_roles")),
            ("one text", but(json!(format!("dsl@school:{SCHOOL}"))), wrong),
            ("an object", but(json!({ "dsl": SCHOOL })), wrong),
            ("a role that is no text", but(json!([7])), wrong),
            ("an unknown role", but(json!([format!("admin@school:{SCHOOL}")])), wrong),
            ("an unknown kind of place", but(json!([format!("dsl@county:{SCHOOL}")])), wrong),
            ("a role in other case", but(json!([format!("DSL@school:{SCHOOL}")])), wrong),
            ("a role without a place", but(json!(["dsl"])), wrong),
            ("a place without a role", but(json!([format!("school:{SCHOOL}")])), wrong),
            ("a school that is no id", but(json!(["dsl@school:Balfour"])), wrong),
            ("one good and one bad", but(json!([format!("dsl@school:{SCHOOL}"), "dsl@school:"])), wrong),
            ("SQL for a school", but(json!(["dsl@school:' OR true --"])), wrong),
            ("two ids in one", but(json!([format!("dsl@school:{SCHOOL},{SCHOOL}")])), wrong),
            ("more than we read", but(json!(many)), wrong),
        ],
    )
    .await;
}

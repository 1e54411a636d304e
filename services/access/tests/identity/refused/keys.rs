//! Keys that a token names or brings along and that are not the issuer's for it (RFC 8725, sections 2.2, 3.10).

use access::TokenError::*;
use serde_json::{Value, json};

use super::{Negative, rows};
use crate::issuer::{Key, World, claims, claims_with};

pub fn wrong(world: &World) -> Vec<Negative> {
    [of_ed25519(world), of_others(world)].into_iter().flatten().collect()
}

fn of_ed25519(world: &World) -> Vec<Negative> {
    let good = claims().to_string();
    let under = |header: &str| world.ed.token(header, &good);
    let named = |kid: &str| world.ed.mint(kid, &claims());
    let stranger = Key::ed();
    let brings = |name: &str, value: Value| {
        stranger.token(&json!({ "alg": "EdDSA", "kid": "own", name: value }).to_string(), &good)
    };
    // With our own kid, the key that is brought along must not take the place of the one that is known.
    let insists = |name: &str, value: Value| {
        stranger.token(&json!({ "alg": "EdDSA", "kid": "ed", name: value }).to_string(), &good)
    };
    let url = json!("https://evil.example/keys");
    rows(
        &named("ed"),
        vec![
            ("no kid, of an issuer with several keys", under(r#"{"alg":"EdDSA"}"#), MissingKeyId),
            ("kid null", under(r#"{"alg":"EdDSA","kid":null}"#), MissingKeyId),
            ("kid is a number", under(r#"{"alg":"EdDSA","kid":7}"#), Malformed),
            ("kid is a list", under(r#"{"alg":"EdDSA","kid":["ed"]}"#), Malformed),
            ("kid twice", under(r#"{"alg":"EdDSA","kid":"ed","kid":"ec"}"#), Malformed),
            ("kid unknown", named("nobody"), UnknownKey),
            ("kid empty", named(""), UnknownKey),
            ("kid in other case", named("ED"), UnknownKey),
            ("kid is a path", named("../ed"), UnknownKey),
            ("kid is SQL", named("ed' OR '1'='1"), UnknownKey),
            ("kid of another issuer", world.theirs.mint("theirs", &claims()), UnknownKey),
            ("kid of a key of another type", named("ec"), KeyOfOtherType),
            ("another key of the same issuer", world.other_ed.mint("ed", &claims()), BadSignature),
            ("a stranger's key", stranger.mint("ed", &claims()), BadSignature),
            ("jwk", brings("jwk", stranger.jwk("own")), UnknownKey),
            ("jku", brings("jku", url.clone()), UnknownKey),
            ("x5u", brings("x5u", url.clone()), UnknownKey),
            ("x5c", brings("x5c", json!(["MIIB"])), UnknownKey),
            ("jwk under a kid that is known", insists("jwk", stranger.jwk("ed")), BadSignature),
            ("jku under a kid that is known", insists("jku", url.clone()), BadSignature),
            ("x5u under a kid that is known", insists("x5u", url), BadSignature),
            ("x5c under a kid that is known", insists("x5c", json!(["MIIB"])), BadSignature),
            ("a key published for encryption", named("ed for encryption"), UnknownKey),
            ("a key published for signing alone", named("ed for signing alone"), UnknownKey),
            ("a key published for another alg", named("ed for RS256"), UnknownKey),
            ("a key published as one for agreement", named("ed as X25519"), UnknownKey),
            ("a key published as a shared secret", named("ed as a secret"), UnknownKey),
        ],
    )
}

fn of_others(world: &World) -> Vec<Negative> {
    let theirs = claims_with(json!({ "iss": "https://other.example" }));
    let mut all = rows(
        &world.ec.mint("ec", &claims()),
        vec![
            ("an ES256 token that names an Ed25519 key", world.ec.mint("ed", &claims()), KeyOfOtherType),
            ("an ES256 key published for ES384", world.ec.mint("ec for ES384", &claims()), UnknownKey),
            ("an ES256 key published as one of P-384", world.ec.mint("ec as P-384", &claims()), UnknownKey),
            ("a stranger's ES256 key", Key::ec().mint("ec", &claims()), BadSignature),
        ],
    );
    all.extend(rows(
        &world.their_rsa.mint("their-rsa", &theirs),
        vec![
            ("an RS256 token that names an Ed25519 key", world.their_rsa.mint("theirs", &theirs), KeyOfOtherType),
            ("an RSA key published for PS256", world.their_rsa.mint("their-rsa for PS256", &theirs), UnknownKey),
            (
                "an RSA key published for encryption",
                world.their_rsa.mint("their-rsa for encryption", &theirs),
                UnknownKey,
            ),
            ("a stranger's RSA key", Key::rsa().mint("their-rsa", &theirs), BadSignature),
            // The same key and the same signature, at an issuer whose list is without RS256.
            (
                "alg that this issuer does not sign with",
                world.their_rsa.mint("their-rsa", &claims()),
                AlgorithmNotAllowed,
            ),
            ("alg that another issuer alone signs with", world.ec.mint("ec", &theirs), AlgorithmNotAllowed),
        ],
    ));
    all
}

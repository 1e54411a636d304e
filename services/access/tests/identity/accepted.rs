//! What is accepted, and what it makes of the caller.

use access::{
    HeldRole, HeldRoles, Verifier,
    identity::{IssuerConfig, MAX_TOKEN_BYTES, SecondFactor},
};
use chrono::TimeDelta;
use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use crate::issuer::{
    Key, ORDER_OF_P256, SCHOOL, TRUST, World, base64url, claims, claims_with, config, jwks_file, now, signature_of,
};

#[tokio::test]
async fn each_algorithm_that_an_issuer_signs_with_is_accepted() {
    let world = World::new();
    let theirs = claims_with(json!({ "iss": "https://other.example" }));
    for token in [
        world.ed.mint("ed", &claims()),
        world.ec.mint("ec", &claims()),
        world.theirs.mint("theirs", &theirs),
        world.their_rsa.mint("their-rsa", &theirs),
    ] {
        let caller = world.verifier.verify(&token, now()).await.unwrap();
        assert_eq!(caller.subject.as_str(), "u-17");
        assert_eq!(caller.roles, HeldRole::dsl(SCHOOL.parse().unwrap()).into());
    }
}

#[tokio::test]
async fn a_token_may_be_as_long_as_is_read() {
    let world = World::new();
    let padded = |pad: usize, spaces: usize| {
        let header = json!({ "alg": "EdDSA", "kid": "ed" }).to_string() + &" ".repeat(spaces);
        world.ed.token(&header, &claims_with(json!({ "pad": "x".repeat(pad) })).to_string())
    };
    // Three bytes are four letters, so that not every length can be had by the payload alone.
    let lengths = (0..MAX_TOKEN_BYTES).rev().flat_map(|pad| [(pad, 0), (pad, 1), (pad, 2)]);
    let longest = lengths.map(|(pad, spaces)| padded(pad, spaces)).find(|token| token.len() == MAX_TOKEN_BYTES);
    assert!(world.verifier.verify(&longest.unwrap(), now()).await.is_ok());
}

#[tokio::test]
async fn an_issuer_that_is_trusted_with_it_says_which_roles_its_bearers_hold() {
    let world = World::new();
    let (trust, school) = (TRUST.parse().unwrap(), SCHOOL.parse().unwrap());
    for (claim, roles) in [
        (json!([]), vec![]),
        (json!([format!("governor@school:{SCHOOL}")]), vec![HeldRole::governor(school)]),
        (
            json!([
                format!("dsl@school:{SCHOOL}"),
                format!("mat-safeguarding-lead@trust:{TRUST}"),
                format!("dsl@school:{SCHOOL}")
            ]),
            vec![HeldRole::mat_lead(trust), HeldRole::dsl(school)],
        ),
    ] {
        let token = world.ed.mint("ed", &claims_with(json!({ "wardlog_roles": claim })));
        let caller = world.verifier.verify(&token, now()).await.unwrap();
        assert_eq!(caller.roles, roles.into_iter().collect());
        assert!(!world.verifier.asks_the_record(&caller));
    }
}

/// R220.
#[tokio::test]
async fn a_second_factor_counts_where_the_issuer_says_how_and_for_as_long_as_it_was_lately() {
    let key = Key::ed();
    let mut config = config("https://id.example", &["EdDSA"], &json!({ "file": jwks_file(&[key.jwk("ed")]) }));
    let shows = async |config: &IssuerConfig, acr: Value, auth_time: Value| {
        let token = key.mint("ed", &claims_with(json!({ "acr": acr, "auth_time": auth_time })));
        let verifier = Verifier::new(vec![config.clone()]).unwrap();
        verifier.verify(&token, now()).await.unwrap().second_factor
    };
    let at_second = |seconds: i64| json!(now().timestamp() + seconds);
    let at = |minutes: i64| at_second(minutes * 60);
    assert!(!shows(&config, json!("mfa"), at(-1)).await, "an issuer of which nothing is said");
    config.second_factor = Some(SecondFactor { acr: vec!["mfa".to_owned(), "phr".to_owned()], minutes: 30 });
    for (acr, auth_time, expected) in [
        (json!("mfa"), at(-1), true),
        (json!("phr"), at(-30), true),
        (json!("mfa"), at_second(-30 * 60 - 29), true),
        (json!("mfa"), at_second(-30 * 60 - 30), false),
        (json!("mfa"), at_second(30), true),
        (json!("mfa"), at_second(31), false),
        (json!("mfa"), at(-31), false),
        (json!("mfa"), at(1), false),
        (json!("pwd"), at(-1), false),
        (json!("MFA"), at(-1), false),
        (json!(["mfa"]), at(-1), false),
        (json!(null), at(-1), false),
        (json!("mfa"), json!(null), false),
        (json!("mfa"), json!("now"), false),
    ] {
        assert_eq!(shows(&config, acr.clone(), auth_time.clone()).await, expected, "{acr} {auth_time}");
    }
}

#[tokio::test]
async fn of_an_issuer_that_is_not_what_the_token_says_counts_for_nothing() {
    let key = Key::ed();
    let mut config = config("https://id.example", &["EdDSA"], &json!({ "file": jwks_file(&[key.jwk("ed")]) }));
    config.states_roles = false;
    let verifier = Verifier::new(vec![config]).unwrap();
    for claim in [json!(null), json!([format!("dsl@school:{SCHOOL}")]), json!("nonsense")] {
        let token = key.mint("ed", &claims_with(json!({ "wardlog_roles": claim })));
        let caller = verifier.verify(&token, now()).await.unwrap();
        assert_eq!(caller.roles, HeldRoles::default());
        assert!(verifier.asks_the_record(&caller));
    }
}

#[tokio::test]
async fn clocks_may_differ_by_30_seconds_and_no_more() {
    let world = World::new();
    let at = |seconds: i64| now().timestamp() + seconds;
    for (claim, latest_good, earliest_bad) in
        [("exp", at(-29), at(-30)), ("iat", at(30), at(31)), ("nbf", at(30), at(31))]
    {
        let token = |value: i64| world.ed.mint("ed", &claims_with(json!({ claim: value })));
        assert!(world.verifier.verify(&token(latest_good), now()).await.is_ok(), "{claim}");
        assert!(world.verifier.verify(&token(earliest_bad), now()).await.is_err(), "{claim}");
    }
}

#[tokio::test]
async fn a_token_that_was_good_is_refused_after_it_has_expired() {
    let world = World::new();
    let token = world.ed.mint("ed", &claims());
    assert!(world.verifier.verify(&token, now() + TimeDelta::minutes(9)).await.is_ok());
    assert!(world.verifier.verify(&token, now() + TimeDelta::minutes(10)).await.is_err());
}

#[tokio::test]
async fn the_forms_that_the_standards_allow_are_accepted() {
    let world = World::new();
    for change in [
        json!({ "aud": ["else", "wardlog"] }),
        json!({ "exp": 1_795_165_260.5 }),
        json!({ "nbf": now().timestamp() }),
        json!({ "sub": "ä".repeat(255) }),
        json!({ "azp": "an app", "scope": "openid" }),
    ] {
        let token = world.ed.mint("ed", &claims_with(change.clone()));
        assert!(world.verifier.verify(&token, now()).await.is_ok(), "{change}");
    }
    for header in [r#"{"alg":"EdDSA","kid":"ed"}"#, r#"{"alg":"EdDSA","kid":"ed","typ":"at+JWT"}"#] {
        let token = world.ed.token(header, &claims().to_string());
        assert!(world.verifier.verify(&token, now()).await.is_ok(), "{header}");
    }
}

/// ECDSA has two signatures for each that is made, `s` and its negative, and JWS forbids neither (RFC 7518, section 3.4):
/// half of all honest signers' are the greater one. So a token's text must never stand for the token.
#[tokio::test]
async fn either_form_of_an_ecdsa_signature_is_accepted_as_the_standard_has_it() {
    let world = World::new();
    let good = world.ec.mint("ec", &claims());
    let (signed, signature) = (good.rsplit_once('.').unwrap().0, signature_of(&good));
    let mut borrow = 0;
    let order = HEXLOWER.decode(ORDER_OF_P256.as_bytes()).unwrap();
    let mut negative: Vec<u8> = signature.clone();
    for at in (0..32).rev() {
        let difference = 256 + u16::from(order[at]) - u16::from(signature[32 + at]) - borrow;
        borrow = u16::from(difference < 256);
        negative[32 + at] = difference.to_le_bytes()[0];
    }
    let other = format!("{signed}.{}", base64url(&negative));
    assert_ne!(other, good);
    for token in [good, other] {
        assert!(world.verifier.verify(&token, now()).await.is_ok(), "{token}");
    }
}

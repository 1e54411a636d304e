//! Every JWS example of RFC 7520 (sections 4.1 to 4.8), in every form that it is written in, and what becomes of it.
//!
//! One alone is of an algorithm and a form that we take; what it signs is a sentence and no claims, so as a token it is
//! refused as well, for that.

use std::{collections::BTreeSet, path::PathBuf};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    TokenError::{self, *},
    Verifier,
    keys::KeySet,
    token::Token,
};
use crate::Caller;

/// An example, the form, what becomes of its signature, and of it as a token, each with its own key known.
type Row = (&'static str, &'static str, Result<(), TokenError>, TokenError);

/// The forms that an example may be written in.
const FORMS: [&str; 3] = ["compact", "json", "json_flat"];

const ROWS: &[Row] = &[
    // RS256: the signature is good. What it signs is not a JSON object.
    ("rfc7520_4_1.rsa_v15_signature.json", "compact", Ok(()), Malformed),
    // A JSON serialisation is not a compact one (RFC 7519, section 1: a JWT is compact), whatever its signature.
    ("rfc7520_4_1.rsa_v15_signature.json", "json", Err(Malformed), Malformed),
    ("rfc7520_4_1.rsa_v15_signature.json", "json_flat", Err(Malformed), Malformed),
    // PS384: an RSA key that we know, and an algorithm that we do not.
    ("rfc7520_4_2.rsa-pss_signature.json", "compact", Err(UnsupportedAlgorithm), UnsupportedAlgorithm),
    ("rfc7520_4_2.rsa-pss_signature.json", "json", Err(Malformed), Malformed),
    ("rfc7520_4_2.rsa-pss_signature.json", "json_flat", Err(Malformed), Malformed),
    // ES512.
    ("rfc7520_4_3.ecdsa_signature.json", "compact", Err(UnsupportedAlgorithm), UnsupportedAlgorithm),
    ("rfc7520_4_3.ecdsa_signature.json", "json", Err(Malformed), Malformed),
    ("rfc7520_4_3.ecdsa_signature.json", "json_flat", Err(Malformed), Malformed),
    // HS256: a shared key is nobody's signature, even one that the issuer publishes.
    ("rfc7520_4_4.hmac-sha2_integrity_protection.json", "compact", Err(UnsupportedAlgorithm), UnsupportedAlgorithm),
    ("rfc7520_4_4.hmac-sha2_integrity_protection.json", "json", Err(Malformed), Malformed),
    ("rfc7520_4_4.hmac-sha2_integrity_protection.json", "json_flat", Err(Malformed), Malformed),
    // Detached content: the compact form has three parts, of which the second is empty.
    ("rfc7520_4_5.signature_with_detached_content.json", "compact", Err(UnsupportedAlgorithm), UnsupportedAlgorithm),
    ("rfc7520_4_5.signature_with_detached_content.json", "json", Err(Malformed), Malformed),
    ("rfc7520_4_5.signature_with_detached_content.json", "json_flat", Err(Malformed), Malformed),
    // Headers that are protected in part, or not, or signatures that are several, cannot be written compactly at all.
    ("rfc7520_4_6.protecting_specific_header_fields.json", "json", Err(Malformed), Malformed),
    ("rfc7520_4_6.protecting_specific_header_fields.json", "json_flat", Err(Malformed), Malformed),
    ("rfc7520_4_7.protecting_content_only.json", "json", Err(Malformed), Malformed),
    ("rfc7520_4_7.protecting_content_only.json", "json_flat", Err(Malformed), Malformed),
    ("rfc7520_4_8.multiple_signatures.json", "json", Err(Malformed), Malformed),
];

fn data() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn example(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(data().join(name)).unwrap()).unwrap()
}

/// The example as it is sent: a text, or the text of a JSON object.
fn written(example: &Value, form: &str) -> Option<String> {
    let written = example["output"].get(form)?;
    Some(written.as_str().map_or_else(|| written.to_string(), str::to_owned))
}

/// The JWK set with the example's own key or keys.
fn jwks(example: &Value) -> Value {
    let key = &example["input"]["key"];
    json!({ "keys": key.as_array().cloned().unwrap_or_else(|| vec![key.clone()]) })
}

fn signature_of(text: &str, keys: &KeySet) -> Result<(), TokenError> {
    let token = Token::parse(text)?;
    let key = keys.find(&token.key_id, token.algorithm)?.ok_or(UnknownKey)?;
    token.check_signature(&key)
}

/// What becomes of it where an issuer is trusted with the keys of `example`, and with every algorithm that we know.
async fn as_a_token(text: &str, example: &Value) -> Result<Caller, TokenError> {
    let path = std::env::temp_dir().join(format!("wardlog-rfc7520-{:016x}.json", rand::random::<u64>()));
    std::fs::write(&path, jwks(example).to_string()).unwrap();
    let config = json!({ "issuer": "https://hobbiton.example", "audience": "wardlog",
                         "algorithms": ["EdDSA", "ES256", "RS256"], "jwks": { "file": path } });
    let verifier = Verifier::new(vec![serde_json::from_value(config).unwrap()]).unwrap();
    let now: DateTime<Utc> = "2026-11-20T09:00:00Z".parse().unwrap();
    assert!(verifier.load_keys(now).await);
    std::fs::remove_file(&path).unwrap();
    verifier.verify(text, now).await
}

#[tokio::test]
async fn each_example_is_accepted_or_refused_for_the_reason_that_is_written_beside_it() {
    for &(name, form, signature, token) in ROWS {
        let example = example(name);
        let text = written(&example, form).unwrap_or_else(|| panic!("{name} has no form {form}"));
        let keys = KeySet::parse(&serde_json::to_vec(&jwks(&example)).unwrap()).unwrap();
        assert_eq!(signature_of(&text, &keys), signature, "the signature of {name} as {form}");
        assert_eq!(self::as_a_token(&text, &example).await, Err(token), "{name} as a token, as {form}");
    }
}

/// Every example that is there, in every form that it has: none is left out of the table, and none is said twice.
#[test]
fn no_example_is_left_out() {
    let said: BTreeSet<_> = ROWS.iter().map(|&(name, form, ..)| (name.to_owned(), form)).collect();
    assert_eq!(said.len(), ROWS.len(), "a row is said twice");
    let files = std::fs::read_dir(data()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut there = BTreeSet::new();
    for name in files.filter(|name| name.starts_with("rfc7520_")) {
        let example = example(&name);
        there.extend(FORMS.iter().filter(|form| written(&example, form).is_some()).map(|&form| (name.clone(), form)));
    }
    assert_eq!(said, there);
    assert_eq!(there.iter().map(|(name, _)| name).collect::<BTreeSet<_>>().len(), 8, "sections 4.1 to 4.8");
}

#[test]
fn the_one_that_verifies_does_not_with_one_letter_of_its_payload_changed() {
    let example = example("rfc7520_4_1.rsa_v15_signature.json");
    let keys = KeySet::parse(&serde_json::to_vec(&jwks(&example)).unwrap()).unwrap();
    let text = written(&example, "compact").unwrap();
    assert!(Token::parse(&text).unwrap().unverified_payload().starts_with("It’s a dangerous business".as_bytes()));
    // `SXTi…` decodes to the payload; another first letter is another payload.
    assert_eq!(signature_of(&text.replacen(".SXTi", ".TXTi", 1), &keys), Err(BadSignature));
}

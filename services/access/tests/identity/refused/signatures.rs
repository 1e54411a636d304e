//! Signatures that are not the key's, or not in the one form that its algorithm has (RFC 7518, section 3; RFC 8032,
//! section 5.1.7).

use access::TokenError::*;
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding},
};
use data_encoding::HEXLOWER;
use serde_json::json;

use super::{Negative, rows};
use crate::issuer::{Key, ORDER_OF_P256, World, base64url, claims, claims_with, signature_of};

pub fn wrong(world: &World) -> Vec<Negative> {
    [of_ed25519(world), of_p256(world), of_rsa(world)].into_iter().flatten().collect()
}

/// What a token signs, and its signature.
fn apart(token: &str) -> (&str, Vec<u8>) {
    (token.rsplit_once('.').unwrap().0, signature_of(token))
}

fn with(signed: &str, signature: &[u8]) -> String {
    format!("{signed}.{}", base64url(signature))
}

/// `S` and the order of the group: the same point, by a number that RFC 8032 forbids.
fn beyond_the_order(signature: &[u8]) -> Vec<u8> {
    let order = HEXLOWER.decode(b"edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap();
    let (r, s) = signature.split_at(32);
    let mut carry = 0;
    let sum = s.iter().zip(order).map(|(&a, b)| {
        let sum = u16::from(a) + u16::from(b) + carry;
        carry = sum >> 8;
        sum.to_le_bytes()[0]
    });
    [r.to_vec(), sum.collect()].concat()
}

fn of_ed25519(world: &World) -> Vec<Negative> {
    let good = world.ed.mint("ed", &claims());
    let (signed, signature) = apart(&good);
    let (header, payload) = signed.split_once('.').unwrap();
    let other = |change| base64url(claims_with(change).to_string().as_bytes());
    let flipped = |at: usize| {
        let mut changed = signature.clone();
        changed[at] ^= 1;
        with(signed, &changed)
    };
    let spaced = base64url(br#"{"alg":"EdDSA", "kid":"ed"}"#);
    rows(
        &good,
        vec![
            ("no signature", format!("{signed}."), BadSignature),
            ("a signature of zeros", with(signed, &[0; 64]), BadSignature),
            ("a signature with its first bit changed", flipped(0), BadSignature),
            ("a signature with its last bit changed", flipped(63), BadSignature),
            ("a signature cut short", with(signed, &signature[..63]), BadSignature),
            ("a signature with a byte more", with(signed, &[signature.clone(), vec![0]].concat()), BadSignature),
            ("a signature twice", with(signed, &signature.repeat(2)), BadSignature),
            ("S beyond the group's order", with(signed, &beyond_the_order(&signature)), BadSignature),
            ("R and S changed over", with(signed, &[&signature[32..], &signature[..32]].concat()), BadSignature),
            (
                "a signature of another payload",
                format!("{header}.{}.{}", other(json!({ "sub": "u-18" })), base64url(&signature)),
                BadSignature,
            ),
            ("a signature of another header", format!("{spaced}.{payload}.{}", base64url(&signature)), BadSignature),
            ("a signature of the payload alone", with(signed, &world.ed.sign(payload.as_bytes())), BadSignature),
        ],
    )
}

/// A signature in DER, as X.509 has it and JWS does not.
fn der(signature: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let number = &number[number.iter().take_while(|&&byte| byte == 0).count()..];
        let sign = if number.first().is_some_and(|&byte| byte >= 0x80) { vec![0] } else { Vec::new() };
        [vec![2, u8::try_from(sign.len() + number.len()).unwrap()], sign, number.to_vec()].concat()
    };
    let both = [integer(&signature[..32]), integer(&signature[32..])].concat();
    [vec![0x30, u8::try_from(both.len()).unwrap()], both].concat()
}

fn of_p256(world: &World) -> Vec<Negative> {
    let good = world.ec.mint("ec", &claims());
    let (signed, signature) = apart(&good);
    let (r, s) = signature.split_at(32);
    let (zero, order) = ([0; 32], HEXLOWER.decode(ORDER_OF_P256.as_bytes()).unwrap());
    let numbers = |r: &[u8], s: &[u8]| with(signed, &[r, s].concat());
    rows(
        &good,
        vec![
            ("ES256: r and s changed over", numbers(s, r), BadSignature),
            ("ES256: r and s zero", numbers(&zero, &zero), BadSignature),
            ("ES256: r zero", numbers(&zero, s), BadSignature),
            ("ES256: s zero", numbers(r, &zero), BadSignature),
            ("ES256: r the group's order", numbers(&order, s), BadSignature),
            ("ES256: s the group's order", numbers(r, &order), BadSignature),
            ("ES256: r and s the group's order", numbers(&order, &order), BadSignature),
            ("ES256: r and s one", numbers(&one(), &one()), BadSignature),
            ("ES256: in DER", with(signed, &der(&signature)), BadSignature),
            ("ES256: r and s of 33 bytes", numbers(&[&[0], r].concat(), &[&[0], s].concat()), BadSignature),
            ("ES256: s left out", with(signed, r), BadSignature),
        ],
    )
}

fn one() -> [u8; 32] {
    let mut one = [0; 32];
    one[31] = 1;
    one
}

fn of_rsa(world: &World) -> Vec<Negative> {
    let good = world.their_rsa.mint("their-rsa", &claims_with(json!({ "iss": "https://other.example" })));
    let (signed, signature) = apart(&good);
    let Key::Rsa(key) = &world.their_rsa else { unreachable!("it is an RSA key") };
    let padded = |padding: &'static dyn RsaEncoding| {
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(padding, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        with(signed, &signature)
    };
    let mut last = vec![0; 256];
    last[255] = 1;
    rows(
        &good,
        vec![
            ("RS256: padded as PS256", padded(&RSA_PSS_SHA256), BadSignature),
            ("RS256: of a SHA-512", padded(&RSA_PKCS1_SHA512), BadSignature),
            ("RS256: zero", with(signed, &[0; 256]), BadSignature),
            ("RS256: one", with(signed, &last), BadSignature),
            ("RS256: the modulus", with(signed, key_modulus(&world.their_rsa).as_slice()), BadSignature),
            ("RS256: with a zero before it", with(signed, &[vec![0], signature.clone()].concat()), BadSignature),
            ("RS256: cut short", with(signed, &signature[..255]), BadSignature),
        ],
    )
}

fn key_modulus(key: &Key) -> Vec<u8> {
    let modulus = key.jwk("")["n"].as_str().unwrap().to_owned();
    data_encoding::BASE64URL_NOPAD.decode(modulus.as_bytes()).unwrap()
}

//! Texts that are not one compact JWS of JSON objects (RFC 7515, section 7.1; RFC 7519, section 7.2).

use access::{TokenError::*, identity::MAX_TOKEN_BYTES};
use data_encoding::BASE64URL_NOPAD;
use serde_json::json;

use super::{Negative, rows};
use crate::issuer::{World, base64url, claims, claims_with};

const HEADER: &str = r#"{"alg":"EdDSA","kid":"ed"}"#;

pub fn wrong(world: &World) -> Vec<Negative> {
    [of_parts(world), of_json(world), of_length(world)].into_iter().flatten().collect()
}

/// The last letter of 86 stands for two bits of the 64th byte, and four that must be zero.
fn with_trailing_bits(signature: &str) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = signature.bytes().next_back().unwrap();
    let at = alphabet.iter().position(|&letter| letter == last).unwrap();
    assert_eq!((signature.len(), at % 16), (86, 0));
    format!("{}{}", &signature[..85], char::from(alphabet[at + 1]))
}

fn of_parts(world: &World) -> Vec<Negative> {
    let good = world.ed.mint("ed", &claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let flat = json!({ "protected": header, "payload": payload, "signature": signature });
    let general =
        json!({ "payload": payload, "signatures": [{ "protected": header, "signature": signature }] }).to_string();
    // RFC 7797: a payload that is not encoded, signed as it stands.
    let plain = claims().to_string();
    let unencoded = base64url(br#"{"alg":"EdDSA","kid":"ed","b64":false}"#);
    let of_plain = base64url(&world.ed.sign(format!("{unencoded}.{plain}").as_bytes()));
    rows(
        &good,
        vec![
            ("nothing", String::new(), Malformed),
            ("one part", header.to_owned(), Malformed),
            ("two parts", signed.to_owned(), Malformed),
            ("four parts", format!("{good}.{signature}"), Malformed),
            ("five parts, as a JWE has", format!("{good}.{signature}.{signature}"), Malformed),
            ("dots alone", "..".to_owned(), Malformed),
            ("no header", format!(".{payload}.{signature}"), Malformed),
            ("a detached payload", format!("{header}..{signature}"), Malformed),
            ("an unencoded payload", format!("{unencoded}.{plain}.{of_plain}"), Malformed),
            ("flattened JSON", flat.to_string(), Malformed),
            ("general JSON", general, Malformed),
            ("a JSON text of it", json!(good).to_string(), Malformed),
            ("a trailing space", format!("{good} "), Malformed),
            ("a trailing newline", format!("{good}\n"), Malformed),
            ("a leading space", format!(" {good}"), Malformed),
            ("a tab within", format!("{header}.\t{payload}.{signature}"), Malformed),
            ("a NUL behind it", format!("{good}\0"), Malformed),
            ("trailing junk", format!("{good}!"), Malformed),
            ("two tokens", format!("{good},{good}"), Malformed),
            ("the scheme once more", format!("Bearer {good}"), Malformed),
            ("a padded signature", format!("{signed}.{signature}=="), Malformed),
            ("the ordinary alphabet", format!("{signed}.+/{}", &signature[2..]), Malformed),
            ("bits beyond the last byte", format!("{signed}.{}", with_trailing_bits(signature)), Malformed),
            ("a letter that is no ASCII", format!("{signed}.é{}", &signature[2..]), Malformed),
            ("encoded twice", format!("{}.{payload}.{signature}", base64url(header.as_bytes())), Malformed),
        ],
    )
}

/// Signed as they stand, so the payload alone is at fault.
fn of_json(world: &World) -> Vec<Negative> {
    let signs = |payload: &[u8]| {
        let signed = format!("{}.{}", base64url(HEADER.as_bytes()), BASE64URL_NOPAD.encode(payload));
        format!("{signed}.{}", base64url(&world.ed.sign(signed.as_bytes())))
    };
    let good = claims().to_string();
    let members = good.strip_prefix('{').unwrap();
    let said = |more: &str| signs(format!("{{{more},{members}").as_bytes());
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    let nested = world.ed.mint("ed", &claims());
    // A claim that nobody reads: the whole must be UTF-8 all the same.
    let latin = [&b"{\"name\":\"Zo\xeb\","[..], members.as_bytes()].concat();
    let wide: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    rows(
        &signs(good.as_bytes()),
        vec![
            ("payload is no JSON", signs(b"hello"), Malformed),
            ("payload is empty", signs(b""), Malformed),
            ("payload is a list", signs(format!("[{good}]").as_bytes()), Malformed),
            ("payload is null", signs(b"null"), Malformed),
            ("payload is a token", signs(nested.as_bytes()), Malformed),
            ("payload with more behind it", signs(format!("{good}{{}}").as_bytes()), Malformed),
            ("payload cut short", signs(&good.as_bytes()[..good.len() - 1]), Malformed),
            ("payload with a comment", signs(format!("{good}//").as_bytes()), Malformed),
            ("payload with a comma too many", signs(format!("{{{members}").replace('}', ",}").as_bytes()), Malformed),
            ("payload in Latin-1", signs(&latin), Malformed),
            ("payload in UTF-16", signs(&wide), Malformed),
            ("payload with a NUL behind it", signs(format!("{good}\0").as_bytes()), Malformed),
            ("sub twice", said(r#""sub":"u-18""#), Malformed),
            ("sub twice, once written otherwise", said(r#""\u0073ub":"u-18""#), Malformed),
            ("exp twice", said(r#""exp":99999999999"#), Malformed),
            ("iss twice", said(r#""iss":"https://id.example""#), Malformed),
            ("aud twice", said(r#""aud":"wardlog""#), Malformed),
            ("wardlog_roles twice", said(r#""wardlog_roles":[]"#), Malformed),
            ("a list as deep as the stack", said(&format!(r#""nbf":{deep}"#)), Malformed),
        ],
    )
}

/// As long as is read, and a letter of the payload longer.
fn of_length(world: &World) -> Vec<Negative> {
    let padded = |pad: usize| world.ed.mint("ed", &claims_with(json!({ "pad": "x".repeat(pad) })));
    let longest = (0..MAX_TOKEN_BYTES).rev().find(|&pad| padded(pad).len() <= MAX_TOKEN_BYTES).unwrap();
    let rest = [("a letter too long", padded(longest + 1), TooLong), ("oversize", padded(65_536), TooLong)];
    rows(&padded(longest), rest.into())
}

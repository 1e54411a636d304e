//! Claims that are missing, of another shape than defined, or of somebody else (RFC 7519, section 4.1; RFC 8725, sections
//! 3.8 and 3.9), and roles that nobody holds.

use access::TokenError::*;
use serde_json::{Value, json};

use super::{Negative, rows};
use crate::issuer::{SCHOOL, World, claims, claims_but, claims_with};

pub fn wrong(world: &World) -> Vec<Negative> {
    [of_names(world), of_roles(world)].into_iter().flatten().collect()
}

fn of_names(world: &World) -> Vec<Negative> {
    let with = |change: Value| world.ed.mint("ed", &claims_with(change));
    let null = |name: &str| world.ed.mint("ed", &claims_but(name, Value::Null));
    rows(
        &world.ed.mint("ed", &claims()),
        vec![
            ("no iss", with(json!({ "iss": null })), MissingClaim("iss")),
            ("iss null", null("iss"), MissingClaim("iss")),
            ("iss of nobody we trust", with(json!({ "iss": "https://evil.example" })), UnknownIssuer),
            ("iss with a slash more", with(json!({ "iss": "https://id.example/" })), UnknownIssuer),
            ("iss in other case", with(json!({ "iss": "https://ID.example" })), UnknownIssuer),
            ("iss with a space", with(json!({ "iss": "https://id.example " })), UnknownIssuer),
            ("iss of the gateway", with(json!({ "iss": "wardlog-gateway" })), UnknownIssuer),
            ("iss of another whom we trust", with(json!({ "iss": "https://other.example" })), UnknownKey),
            ("iss empty", with(json!({ "iss": "" })), MalformedClaim("iss")),
            ("iss is a list", with(json!({ "iss": ["https://id.example"] })), MalformedClaim("iss")),
            ("iss is a number", with(json!({ "iss": 1.5 })), MalformedClaim("iss")),
            ("iss with a NUL", with(json!({ "iss": "https://id.example\0" })), MalformedClaim("iss")),
            ("no aud", with(json!({ "aud": null })), MissingClaim("aud")),
            ("aud null", null("aud"), MissingClaim("aud")),
            ("aud of another", with(json!({ "aud": "another-app" })), WrongAudience),
            ("aud that begins like ours", with(json!({ "aud": "wardlog2" })), WrongAudience),
            ("aud in other case", with(json!({ "aud": "Wardlog" })), WrongAudience),
            ("aud with a space", with(json!({ "aud": "wardlog " })), WrongAudience),
            ("aud is several in one text", with(json!({ "aud": "wardlog another-app" })), WrongAudience),
            ("aud empty", with(json!({ "aud": "" })), WrongAudience),
            ("aud without us", with(json!({ "aud": ["a", "b"] })), WrongAudience),
            ("aud is an empty list", with(json!({ "aud": [] })), WrongAudience),
            ("aud is a list in a list", with(json!({ "aud": [["wardlog"]] })), MalformedClaim("aud")),
            ("aud is an object", with(json!({ "aud": { "wardlog": true } })), MalformedClaim("aud")),
            ("aud is a number", with(json!({ "aud": 1 })), MalformedClaim("aud")),
            ("aud with a number in it", with(json!({ "aud": ["wardlog", 1] })), MalformedClaim("aud")),
            ("no sub", with(json!({ "sub": null })), MissingClaim("sub")),
            ("sub null", null("sub"), MissingClaim("sub")),
            ("sub empty", with(json!({ "sub": "" })), MalformedClaim("sub")),
            ("sub overlong", with(json!({ "sub": "x".repeat(256) })), MalformedClaim("sub")),
            ("sub with a newline", with(json!({ "sub": "a\nb" })), MalformedClaim("sub")),
            ("sub is a number", with(json!({ "sub": 17 })), MalformedClaim("sub")),
            ("sub is a list", with(json!({ "sub": ["u-17"] })), MalformedClaim("sub")),
            ("sub is an object", with(json!({ "sub": { "id": "u-17" } })), MalformedClaim("sub")),
        ],
    )
}

fn of_roles(world: &World) -> Vec<Negative> {
    let with = |roles: Value| world.ed.mint("ed", &claims_but("wardlog_roles", roles));
    let wrong = MalformedClaim("wardlog_roles");
    let many: Vec<_> = (0..81).map(|_| format!("dsl@school:{SCHOOL}")).collect();
    let none = world.ed.mint("ed", &claims_with(json!({ "wardlog_roles": null })));
    rows(
        &world.ed.mint("ed", &claims()),
        vec![
            ("no roles", none, MissingClaim("wardlog_roles")),
            ("roles null", with(Value::Null), MissingClaim("wardlog_roles")),
            ("roles are one text", with(json!(format!("dsl@school:{SCHOOL}"))), wrong),
            ("roles are an object", with(json!({ "dsl": SCHOOL })), wrong),
            ("a role that is no text", with(json!([7])), wrong),
            ("a role that is null", with(json!([null])), wrong),
            ("a role that is a list", with(json!([[format!("dsl@school:{SCHOOL}")]])), wrong),
            ("a role that is unknown", with(json!([format!("admin@school:{SCHOOL}")])), wrong),
            ("a role in other case", with(json!([format!("DSL@school:{SCHOOL}")])), wrong),
            ("a role with a space", with(json!([format!("dsl@school:{SCHOOL} ")])), wrong),
            ("a role without a place", with(json!(["dsl"])), wrong),
            ("a place without a role", with(json!([format!("school:{SCHOOL}")])), wrong),
            ("a place of an unknown kind", with(json!([format!("dsl@county:{SCHOOL}")])), wrong),
            ("a place without an id", with(json!(["dsl@school:"])), wrong),
            ("a school that is no id", with(json!(["dsl@school:Balfour"])), wrong),
            ("every school", with(json!(["dsl@school:*"])), wrong),
            ("SQL for a school", with(json!(["dsl@school:' OR true --"])), wrong),
            ("two ids in one", with(json!([format!("dsl@school:{SCHOOL},{SCHOOL}")])), wrong),
            ("one good role and one bad", with(json!([format!("dsl@school:{SCHOOL}"), "dsl@school:"])), wrong),
            ("more roles than we read", with(json!(many)), wrong),
        ],
    )
}

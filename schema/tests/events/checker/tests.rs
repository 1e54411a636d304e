//! The checker itself: every keyword refuses something, and an unknown one is refused.

use serde_json::{Value, json};

use super::Schema;

fn accepts(schema: Value, value: &Value) -> bool {
    serde_json::from_value::<Schema>(schema).unwrap().check(value).is_ok()
}

#[test]
fn every_keyword_takes_what_is_right_and_refuses_what_is_not() {
    let cases = [
        (json!({ "type": "string" }), json!("a"), json!(1)),
        (json!({ "type": "string" }), json!(""), json!(null)),
        (json!({ "type": "integer" }), json!(-1), json!(1.5)),
        (json!({ "type": "integer" }), json!(1), json!("1")),
        (json!({ "type": ["integer", "null"] }), json!(null), json!({})),
        (json!({ "type": "object" }), json!({}), json!([])),
        (json!({ "type": "object" }), json!({}), json!(true)),
        (json!({ "type": "object", "required": ["a"] }), json!({ "a": 1 }), json!({ "b": 1 })),
        (json!({ "type": "object", "additionalProperties": false }), json!({}), json!({ "a": 1 })),
        (
            json!({ "type": "object", "properties": { "a": { "type": "null" } } }),
            json!({ "a": null, "b": 1 }),
            json!({ "a": 1 }),
        ),
        (json!({ "type": "string", "enum": ["a", "b"] }), json!("b"), json!("c")),
        (json!({ "type": "string", "minLength": 2 }), json!("éé"), json!("é")),
        (json!({ "type": "string", "maxLength": 1 }), json!("é"), json!("éé")),
        (json!({ "type": "integer", "minimum": 2 }), json!(2), json!(1)),
        (json!({ "type": "integer", "maximum": 2 }), json!(2), json!(3)),
        (json!({ "type": "string", "pattern": "^[0-9]{1,6}$" }), json!("123456"), json!("1234567")),
        (json!({ "type": "string", "pattern": "^[0-9]{1,6}$" }), json!("0"), json!("a")),
        (json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" }), json!("f".repeat(64)), json!("F".repeat(64))),
        (json!({ "type": "string", "pattern": "^[0-9a-f]{16}$" }), json!("f".repeat(16)), json!("f".repeat(15))),
        (
            json!({ "type": "string", "format": "date-time" }),
            json!("2026-11-28T09:14:03.120Z"),
            json!("2026-11-28T09:14:03+01:00"),
        ),
        (json!({ "type": "string", "format": "date" }), json!("2024-02-29"), json!("2026-02-29")),
        (
            json!({ "type": "string", "format": "uuid" }),
            json!("00000000-0000-4000-8000-000000000001"),
            json!("00000000000040008000000000000001"),
        ),
    ];
    for (schema, right, wrong) in cases {
        assert!(accepts(schema.clone(), &right), "{schema} {right}");
        assert!(!accepts(schema.clone(), &wrong), "{schema} {wrong}");
    }
}

#[test]
fn what_the_checker_does_not_know_is_no_schema() {
    for unknown in [
        json!({ "type": "string", "const": "a" }),
        json!({ "type": "object", "properties": { "a": { "type": "string", "const": "a" } } }),
        json!({ "type": "number" }),
        json!({ "type": "string", "format": "email" }),
        json!({ "type": "string", "pattern": "^a$" }),
        json!({ "description": "without a type" }),
    ] {
        assert!(serde_json::from_value::<Schema>(unknown.clone()).is_err(), "{unknown}");
    }
}

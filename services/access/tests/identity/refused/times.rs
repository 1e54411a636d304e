//! Times that are missing, of another shape than a `NumericDate`, or not now (RFC 7519, sections 4.1.4 to 4.1.6).

use access::TokenError::*;
use serde_json::{Value, json};

use super::{Negative, rows};
use crate::issuer::{World, claims, claims_but, now};

pub fn wrong(world: &World) -> Vec<Negative> {
    [of_exp(world), of_iat(world), of_nbf(world)].into_iter().flatten().collect()
}

fn at(seconds: i64) -> i64 {
    now().timestamp() + seconds
}

fn with(world: &World, name: &str, value: Value) -> String {
    world.ed.mint("ed", &claims_but(name, value))
}

fn without(world: &World, name: &str) -> String {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    world.ed.mint("ed", &claims)
}

fn of_exp(world: &World) -> Vec<Negative> {
    let exp = |value: Value| with(world, "exp", value);
    rows(
        // Half a minute late is within the leeway.
        &exp(json!(at(-29))),
        vec![
            ("no exp", without(world, "exp"), MissingClaim("exp")),
            ("exp null", exp(Value::Null), MissingClaim("exp")),
            ("exp half a minute ago", exp(json!(at(-30))), Expired),
            ("exp half a minute and a second ago", exp(json!(at(-31))), Expired),
            ("exp in 1970", exp(json!(0)), Expired),
            ("exp is a fraction of long ago", exp(json!(0.5)), Expired),
            ("exp is a text", exp(json!(at(540).to_string())), MalformedClaim("exp")),
            ("exp is a date", exp(json!("2026-11-20T09:09:00Z")), MalformedClaim("exp")),
            ("exp is true", exp(json!(true)), MalformedClaim("exp")),
            ("exp is a list", exp(json!([at(540)])), MalformedClaim("exp")),
            ("exp is an object", exp(json!({ "at": at(540) })), MalformedClaim("exp")),
            ("exp negative", exp(json!(-1)), MalformedClaim("exp")),
            ("exp a negative fraction", exp(json!(-0.5)), MalformedClaim("exp")),
            ("exp beyond all dates", exp(json!(i64::MAX)), MalformedClaim("exp")),
            ("exp beyond all signed numbers", exp(json!(u64::MAX)), MalformedClaim("exp")),
            ("exp beyond all numbers", exp(json!(1e300)), MalformedClaim("exp")),
        ],
    )
}

fn of_iat(world: &World) -> Vec<Negative> {
    let iat = |value: Value| with(world, "iat", value);
    rows(
        &iat(json!(at(30))),
        vec![
            ("no iat", without(world, "iat"), MissingClaim("iat")),
            ("iat null", iat(Value::Null), MissingClaim("iat")),
            ("iat in half a minute and a second", iat(json!(at(31))), IssuedInTheFuture),
            ("iat in a year", iat(json!(at(31_536_000))), IssuedInTheFuture),
            ("iat is true", iat(json!(true)), MalformedClaim("iat")),
            ("iat is a text", iat(json!(at(-60).to_string())), MalformedClaim("iat")),
            ("iat is a list", iat(json!([at(-60)])), MalformedClaim("iat")),
            ("iat negative", iat(json!(-1)), MalformedClaim("iat")),
            ("iat beyond all numbers", iat(json!(1e300)), MalformedClaim("iat")),
        ],
    )
}

fn of_nbf(world: &World) -> Vec<Negative> {
    let nbf = |value: Value| with(world, "nbf", value);
    rows(
        &nbf(json!(at(30))),
        vec![
            ("nbf in half a minute and a second", nbf(json!(at(31))), NotYetValid),
            ("nbf in a year, to the fraction", nbf(json!(1_826_701_200.25)), NotYetValid),
            ("nbf null", nbf(Value::Null), MalformedClaim("nbf")),
            ("nbf is a text", nbf(json!("now")), MalformedClaim("nbf")),
            ("nbf is false", nbf(json!(false)), MalformedClaim("nbf")),
            ("nbf is a list", nbf(json!([at(-60)])), MalformedClaim("nbf")),
            ("nbf negative", nbf(json!(-1)), MalformedClaim("nbf")),
            ("nbf beyond all numbers", nbf(json!(u64::MAX)), MalformedClaim("nbf")),
        ],
    )
}

//! What is refused, each for its own reason: a good token with one thing made wrong (RFC 8725). One row is one token.

mod claims;
mod headers;
mod keys;
mod signatures;
mod texts;
mod times;

use std::collections::BTreeSet;

use access::TokenError;

use crate::issuer::{World, now};

/// The fewest rows that the table may come to.
const FEWEST: usize = 60;

/// A token in which one thing is wrong.
pub struct Negative {
    /// What is wrong; no two rows have the same.
    wrong: &'static str,
    /// The token as it was before.
    good: String,
    bad: String,
    expected: TokenError,
}

/// Rows of tokens that were all the same one before.
fn rows(good: &str, rows: Vec<(&'static str, String, TokenError)>) -> Vec<Negative> {
    rows.into_iter().map(|(wrong, bad, expected)| Negative { wrong, good: good.to_owned(), bad, expected }).collect()
}

fn all(world: &World) -> Vec<Negative> {
    [headers::wrong, keys::wrong, signatures::wrong, texts::wrong, claims::wrong, times::wrong]
        .into_iter()
        .flat_map(|some| some(world))
        .collect()
}

#[tokio::test]
async fn a_good_token_with_one_thing_wrong_is_refused_for_that_and_was_accepted_before() {
    let world = World::new();
    let mut failed = Vec::new();
    for Negative { wrong, good, bad, expected } in all(&world) {
        if let Err(error) = world.verifier.verify(&good, now()).await {
            failed.push(format!("{wrong}: the token as it was before is refused: {error:?}"));
        }
        match world.verifier.verify(&bad, now()).await {
            Err(error) if error == expected => {}
            Err(error) => failed.push(format!("{wrong}: refused for {error:?} and not for {expected:?}")),
            Ok(_) => failed.push(format!("{wrong}: accepted")),
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn the_rows_are_many_and_no_two_the_same() {
    let all = all(&World::new());
    let names: BTreeSet<_> = all.iter().map(|row| row.wrong).collect();
    assert_eq!(names.len(), all.len(), "a name is there twice");
    let tokens: BTreeSet<_> = all.iter().map(|row| &row.bad).collect();
    assert_eq!(tokens.len(), all.len(), "a token is there twice");
    assert!(all.len() >= FEWEST, "{} rows", all.len());
}

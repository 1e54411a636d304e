//! Row-level security holds alone: whatever the policies permit, nothing is shown that the rules do not give.
//!
//! `scripts/walls.sh` runs this with a policy more, which permits everything to everybody, and says so by
//! `WARDLOG_POLICIES=open`; then row-level security is the one wall that stands. What the policies say is in the binary, so
//! nobody can open them in another way.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    flagged::an_opening_and_a_proposal,
    matrix::{
        asked,
        cast::{Actor, Cast, When},
        rules,
    },
    people::a_dsl,
    places::{At, Place, head, tell},
    town::{Town, event},
};

/// Every field of every school and trust, asked as everybody (R014).
#[tokio::test(flavor = "multi_thread")]
async fn row_level_security_shows_nothing_that_the_rules_do_not_give_whatever_the_policies_permit() {
    let town = Town::start().await;
    let cast = Cast::of(&town).await;
    for place in &cast.places {
        fill(&town, place).await;
    }
    let every: BTreeSet<String> = cast.actors(When::Today).map(Actor::name).collect();
    let rules = rules::expected(&every);
    let actors = cast.actors(When::Today).map(|actor| async {
        let mut shown = Vec::new();
        for place in &cast.places {
            for (field, found) in asked::reads(&town, &actor.subject, place).await {
                if shows_something(&found) {
                    shown.push((field, actor.name(), place.name.to_owned()));
                }
            }
        }
        shown
    });
    let shown: BTreeSet<_> = join_all(actors).await.concat().into_iter().collect();
    let beyond: Vec<_> = shown.iter().filter(|cell| !rules.contains_key(cell)).collect();
    assert!(beyond.is_empty(), "{} cells show what the rules do not give: {beyond:?}", beyond.len());
    // Where nothing was shown to those whose it is, nothing would be hidden.
    let fields: BTreeSet<_> = shown.iter().map(|(field, ..)| field.clone()).collect();
    let kept_empty = ["School.dueForDisposal", "Trust.dueForDisposal"].map(str::to_owned);
    let expected: BTreeSet<_> = asked::fields().into_iter().filter(|field| !field.starts_with("Mutation.")).collect();
    let missing: Vec<_> = expected.difference(&fields).filter(|field| !kept_empty.contains(field)).collect();
    assert!(missing.is_empty(), "shown to nobody: {missing:?}");
    if std::env::var("WARDLOG_POLICIES").is_ok_and(|state| state == "open") {
        assert!(open(&town, &cast).await, "the policies do not permit everything");
    }
}

/// Whether the policies permit what no rule gives: then a governor is answered with an empty list and not with nothing.
async fn open(town: &Town, cast: &Cast) -> bool {
    let governor = cast.actors(When::Today).find(|actor| actor.name() == "governor").unwrap();
    let seen = asked::reads(town, &governor.subject, &cast.places[0]).await;
    seen.into_iter().any(|(field, found)| field == "School.people" && found == json!([]))
}

/// Whether it shows anything: an empty list does not, which is all that a policy can add.
fn shows_something(found: &Value) -> bool {
    !(found.is_null() || found.as_array().is_some_and(Vec::is_empty))
}

/// Something in every list of a place that can have something today.
async fn fill(town: &Town, place: &Place) {
    let at = place.at;
    let recuse = json!({ "at": at.input(), "personId": place.person });
    tell(town, at, "recuse", "matterId", "w-2", recuse).await;
    let stand_in = json!({ "at": at.input(), "role": "DPO", "personIds": [place.person] });
    tell(town, at, "nameSubstitutes", "role", "w-3", stand_in).await;
    if let (At::School(school), Some(key)) = (place.at, &place.key) {
        a_dsl(town, school, &format!("dsl-{}", place.name)).await;
        an_opening_and_a_proposal(town, school, key).await;
        town.send(key, "b-2", &[event("Knitting", "allowed")]).await;
        let unreadable = town.client.post(town.door("/v1/filter-events")).bearer_auth(key);
        let unreadable = unreadable.header("Idempotency-Key", "b-3").header("Content-Type", "application/x-ndjson");
        let answer = unreadable.body("{}\n").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    } else {
        let read = json!({ "at": place.at.input(), "personIds": [place.person], "purpose": "STAFFING" });
        let read = tell(town, place.at, "readIdentities", "__typename", "w-1", read).await;
        let query = "query($id: UUID!) { trust(id: $id) { identityReadings { reader } } }";
        town.ask_after(head(place.at), query, json!({ "id": place.at.id() }), &read["token"]).await;
    }
}

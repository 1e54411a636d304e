//! What a MAT lead, a DSL and a governor see of the same events.

use access::HeldRole;
use serde_json::json;

use crate::town::{Town, event, this_month};

const OF_TRUST: &str =
    "query($id: UUID!, $month: String!) { trust(id: $id) { name schools(month: $month) { school { name }
    figures { requests blocks highConcernBlocks blocksPer100Pupils blocksPer1000Requests roundedTo
              categories { category riskArea highConcern requests blocks } } } } }";
const OF_SCHOOL: &str = "query($id: UUID!, $month: String!, $day: NaiveDate!) { school(id: $id) { name pupils
    month(month: $month) { requests blocks highConcernBlocks roundedTo }
    days(from: $day, to: $day) { day requests blocks categories { category requests blocks } }
    unmappedLabels { label requests } } }";

fn times(n: usize, category: &str, action: &str) -> Vec<serde_json::Value> {
    vec![event(category, action); n]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trust_sees_rounded_months_the_dsl_exact_days_and_a_silent_school_has_no_figures() {
    let town = Town::start().await;
    let key = town.records.filter(100_002).await;
    let (trust, school) = (town.records.trust("11").await, town.records.school(100_002).await);
    let events =
        [times(93, "education", "allowed"), times(12, "self-harm-suicide", "blocked"), times(2, "Knitting", "blocked")];
    town.send(&key, "b-1", &events.concat()).await;
    let (month, day) = (this_month(), schema::london_day(web::clock::now()).to_string());

    // 93 → 95, 12 → 10, 2 → nothing at all: each cell is rounded before they are added, and one that rounds to
    // zero looks like one in which nothing happened.
    let seen = town.ask(HeldRole::mat_lead(trust), OF_TRUST, json!({ "id": trust, "month": month })).await;
    assert_eq!(
        seen["trust"],
        json!({ "name": "NORTH TRUST", "schools": [
            { "school": { "name": "Ash Primary" }, "figures": null },
            { "school": { "name": "Beech School" }, "figures": {
                "requests": 105, "blocks": 10, "highConcernBlocks": 10, "blocksPer100Pupils": 1.0,
                "blocksPer1000Requests": 95.24, "roundedTo": 5, "categories": [
                    { "category": "self-harm-suicide", "riskArea": "content", "highConcern": true, "requests": 10, "blocks": 10 },
                    { "category": "education", "riskArea": null, "highConcern": false, "requests": 95, "blocks": 0 } ] } } ] })
    );

    let variables = json!({ "id": school, "month": month, "day": day });
    let seen = town.ask(HeldRole::dsl(school), OF_SCHOOL, variables.clone()).await;
    assert_eq!(
        seen["school"],
        json!({ "name": "Beech School", "pupils": 1000,
            "month": { "requests": 107, "blocks": 14, "highConcernBlocks": 12, "roundedTo": 1 },
            "days": [ { "day": day, "requests": 107, "blocks": 14, "categories": [
                { "category": "education", "requests": 93, "blocks": 0 },
                { "category": "self-harm-suicide", "requests": 12, "blocks": 12 },
                { "category": "uncategorised", "requests": 2, "blocks": 2 } ] } ],
            "unmappedLabels": [ { "label": "Knitting", "requests": 2 } ] })
    );

    // A governor, and a MAT lead who asks for the one school, see its month rounded and no day (R048).
    for role in [HeldRole::governor(school), HeldRole::mat_lead(trust)] {
        let seen = town.ask(role, OF_SCHOOL, variables.clone()).await;
        assert_eq!(
            seen["school"],
            json!({ "name": "Beech School", "pupils": 1000,
                "month": { "requests": 105, "blocks": 10, "highConcernBlocks": 10, "roundedTo": 5 },
                "days": null, "unmappedLabels": null })
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_cannot_be_read_is_shown_to_its_school_as_field_reason_and_hash() {
    let town = Town::start().await;
    let key = town.records.filter(100_001).await;
    let school = town.records.school(100_001).await;
    let request = town.client.post(town.door("/v1/filter-events")).bearer_auth(&key);
    let request = request.header("Idempotency-Key", "b-1").header("Content-Type", "application/x-ndjson");
    request.body("{\"user\": \"Secret Name\"}\n").send().await.unwrap();
    let query = "query($id: UUID!) { school(id: $id) { quarantine { batch line field reason hash } } }";
    let seen = town.ask(HeldRole::dsl(school), query, json!({ "id": school })).await;
    let line = &seen["school"]["quarantine"][0];
    assert_eq!((&line["batch"], &line["line"], &line["field"]), (&json!("b-1"), &json!(1), &json!("time")));
    assert_eq!((&line["reason"], line["hash"].as_str().map(str::len)), (&json!("expected, but absent"), Some(16)));
    for role in [HeldRole::governor(school), HeldRole::mat_lead(town.records.trust("11").await)] {
        assert_eq!(town.ask(role, query, json!({ "id": school })).await["school"]["quarantine"], json!(null));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_would_cost_too_much_is_refused_before_anything_is_read() {
    let town = Town::start().await;
    let trust = town.records.trust("11").await;
    let month = |n: u32| format!("m{n}: month(month: \"2026-11\") {{ requests }}");
    let months = |n| (0..n).map(month).collect::<Vec<_>>().join(" ");
    let ask = async |n| {
        let query = format!(
            "query($id: UUID!) {{ trust(id: $id) {{ schools(month: \"2026-11\") {{ school {{ {} }} }} }} }}",
            months(n)
        );
        let request = town.client.post(town.gateway("/graphql")).bearer_auth(town.token(HeldRole::mat_lead(trust)));
        let request = request.json(&json!({ "query": query, "variables": { "id": trust } }));
        request.send().await.unwrap().json::<serde_json::Value>().await.unwrap()
    };
    assert_eq!(ask(2).await.get("errors"), None);
    let refused = ask(20).await;
    assert_eq!(refused["errors"][0]["message"], "Query is too complex.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_argument_is_named_and_a_month_without_events_has_no_figures() {
    let town = Town::start().await;
    let (trust, school) = (town.records.trust("11").await, town.records.school(100_001).await);
    let bytes = town.ask_bytes(HeldRole::mat_lead(trust), OF_TRUST, json!({ "id": trust, "month": "2026-13" })).await;
    let answer: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(answer["errors"][0]["extensions"], json!({ "code": "BAD_REQUEST", "field": "month" }));
    let variables = json!({ "id": school, "month": "2026-01", "day": "2026-01-02" });
    let seen = town.ask(HeldRole::dsl(school), OF_SCHOOL, variables).await;
    assert_eq!((&seen["school"]["month"], &seen["school"]["days"]), (&json!(null), &json!([])));
}

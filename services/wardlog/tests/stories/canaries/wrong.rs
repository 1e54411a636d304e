//! Everything that can be sent wrongly, with a canary in it.

use serde_json::{Value, json};

use super::tenant::Tenant;
use crate::town::Town;

const RECORD: &str = "mutation($id: String!, $input: RecordPersonInput!) { recordPerson(commandId: $id, input: $input) { done { personId } } }";

/// Documents, variables and inputs that do not hold, by the tenant's head. Their answers may say again what was sent.
pub async fn documents(town: &Town, tenant: &mut Tenant) {
    let (wrong, at) = (tenant.wrong.clone(), tenant.at.input());
    let person = |more: Value| {
        let mut input = json!({ "at": at, "category": "EMPLOYEE", "name": wrong });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "id": "c-1", "input": input })
    };
    let asked = [
        (format!("{{ {wrong} }}"), json!({})),
        (format!("query {wrong} {{ viewer {{ roles {{ {wrong} }} }} }}"), json!({})),
        (format!("{{ school(id: \"{wrong}\") {{ id }} }}"), json!({})),
        (format!("{{ viewer {{ roles {{ role }} }} # {wrong}"), json!({})),
        ("query($id: UUID!) { school(id: $id) { id } }".to_owned(), json!({ "id": wrong })),
        ("query($id: UUID!) { school(id: $id) { id } }".to_owned(), json!({ wrong.clone(): wrong })),
        (RECORD.to_owned(), person(json!({ "email": wrong }))),
        (RECORD.to_owned(), person(json!({ "email": format!("{wrong}@{wrong}@{wrong}") }))),
        (RECORD.to_owned(), person(json!({ "name": wrong.repeat(20) }))),
        (RECORD.to_owned(), person(json!({ "name": format!("{wrong}\n{wrong}") }))),
        (RECORD.to_owned(), person(json!({ "category": wrong }))),
        (RECORD.to_owned(), person(json!({ wrong.clone(): wrong }))),
        (RECORD.to_owned(), person(json!({ "at": { "schoolId": wrong } }))),
        (RECORD.to_owned(), json!({ "id": format!("{wrong} {wrong}"), "input": person(json!({}))["input"] })),
    ];
    for (query, variables) in asked {
        let answer = tenant.ask(town, &query, variables).await;
        assert!(answer["errors"].is_array(), "{query}: {answer}");
    }
}

/// Bodies, headers, paths and tokens that do not hold, by whomever.
pub async fn requests(town: &Town, tenant: &Tenant) {
    let (wrong, token) = (&tenant.wrong, town.token(tenant.role));
    let post = |path: &str| town.client.post(town.gateway(path));
    let query = json!({ "query": "{ viewer { roles { role } } }" });
    let after = json!({ "query": "{ viewer { roles { role } } }", "extensions": { "after": wrong } });
    let requests = [
        post("/graphql").bearer_auth(&token).header("Content-Type", "application/json").body(format!("{{\"{wrong}")),
        post("/graphql").bearer_auth(&token).header("Content-Type", format!("text/{wrong}")).body(wrong.clone()),
        post("/graphql").bearer_auth(&token).json(&json!([wrong])),
        post("/graphql").bearer_auth(&token).json(&json!({ "query": 1, wrong.clone(): wrong })),
        post("/graphql").bearer_auth(&token).json(&after),
        post("/graphql").bearer_auth(&token).header("Accept", format!("text/{wrong}")).json(&query),
        post("/graphql").bearer_auth(wrong).json(&query),
        post("/graphql").bearer_auth(format!("{token}{wrong}")).json(&query),
        post("/graphql").basic_auth(wrong, Some(wrong)).json(&query),
        post(&format!("/graphql?token={wrong}")).bearer_auth(&token).json(&query),
        post(&format!("/{wrong}/{wrong}?{wrong}={wrong}")).body(wrong.clone()),
        post("/graphql")
            .bearer_auth(&token)
            .header("traceparent", wrong)
            .header("tracestate", format!("x={wrong}"))
            .json(&query),
        post("/graphql")
            .bearer_auth(&token)
            .header("baggage", format!("x={wrong}"))
            .header("Cookie", wrong)
            .json(&query),
        post("/graphql")
            .bearer_auth(&token)
            .header("X-Forwarded-For", wrong)
            .header("X-Request-Id", wrong)
            .json(&query),
        post("/graphql").bearer_auth(&token).header("User-Agent", wrong).header("Referer", wrong).json(&query),
        town.client.get(town.gateway(&format!("/graphql?query={{{wrong}}}"))),
        town.client
            .post(town.door("/v1/filter-events"))
            .bearer_auth(wrong)
            .header("Idempotency-Key", wrong)
            .body(wrong.clone()),
        town.client.post(town.door(&format!("/v1/filter-logs/{wrong}"))).bearer_auth(wrong).body(wrong.clone()),
        town.client.get(town.door(&format!("/v1/batches/{wrong}"))).bearer_auth(wrong),
    ];
    for request in requests {
        let answer = request.send().await.unwrap();
        assert!(!answer.status().is_server_error(), "{answer:?}");
        let refused = answer.status().is_client_error();
        let body = answer.text().await.unwrap();
        assert!(!refused || !body.contains(wrong), "who may not is not told again what was sent: {body}");
    }
}

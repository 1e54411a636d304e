//! What the door says, event by event, and what it says again.

use filtering::is_the_databases;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use vault::Secret;

use crate::given::{House, event, now};

pub async fn post(
    url: String,
    key: &str,
    batch: &str,
    kind: &str,
    body: impl Into<reqwest::Body>,
) -> (StatusCode, Value) {
    let response = Client::new()
        .post(url)
        .bearer_auth(key)
        .header("Idempotency-Key", batch)
        .header("Content-Type", kind)
        .body(body)
        .send()
        .await
        .unwrap();
    (response.status(), response.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_line_is_answered_for_itself_and_a_bad_one_harms_no_other() {
    let house = House::build().await;
    let filter = house.filter().await;
    let door = house.open();
    let late = json!({ "time": "2020-01-01T00:00:00Z", "action": "allowed", "host": "a.org" });
    let body = format!("{}\nnot json\n{late}\n{}\n", event(), event());
    let (status, answer) =
        post(format!("{door}/v1/filter-events"), &filter.key, "b-1", "application/x-ndjson", body).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(
        answer,
        json!({ "batch": "b-1", "accepted": 2, "rejected": [
            { "line": 2, "field": "line", "reason": "expected a JSON object" },
            { "line": 3, "field": "time", "reason": "expected a time at most 8 days ago" },
        ] })
    );
    house.count().await;
    assert_eq!(house.counts(filter.sender.school).await, [("gambling".to_owned(), "blocked".to_owned(), 2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_that_postgresql_cannot_keep_is_refused_and_stops_no_view() {
    let house = House::build().await;
    let filter = house.filter().await;
    let door = house.open();
    let mut hostile = event();
    hostile["category"] = json!(["unknown \u{0} label"]);
    let body = format!("{hostile}\n{}\n", event());
    let (status, answer) =
        post(format!("{door}/v1/filter-events"), &filter.key, "b-1", "application/x-ndjson", body).await;
    assert_eq!((status, &answer["rejected"][0]["field"]), (StatusCode::ACCEPTED, &json!("category")));
    house.count().await;
    assert_eq!(house.counts(filter.sender.school).await, [("gambling".to_owned(), "blocked".to_owned(), 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_that_no_category_is_known_for_is_listed_with_all_its_events() {
    let house = House::build().await;
    let filter = house.filter().await;
    let url = format!("{}/v1/filter-events", house.open());
    let mut unknown = event();
    unknown["category"] = json!(["Knitting"]);
    for batch in ["b-1", "b-2"] {
        post(url.clone(), &filter.key, batch, "application/x-ndjson", unknown.to_string()).await;
        house.count().await;
    }
    let listed = sqlx::query!(r#"SELECT label AS "label!", events AS "events!" FROM filtering.unmapped_label"#);
    let listed = listed.fetch_all(&house.projections).await.unwrap();
    assert_eq!(listed.into_iter().map(|row| (row.label, row.events)).collect::<Vec<_>>(), [("Knitting".to_owned(), 2)]);
    assert_eq!(house.counts(filter.sender.school).await, [("uncategorised".to_owned(), "blocked".to_owned(), 2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_json_array_plain_gzip_and_zstd_are_all_read() {
    use std::io::Write;
    let house = House::build().await;
    let filter = house.filter().await;
    let door = house.open();
    let array = json!([event(), event()]).to_string();
    let ndjson = format!("{}\n{}", event(), event());
    let gzip = |text: &str| {
        let mut gzip = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        gzip.finish().unwrap()
    };
    let bodies = [
        ("application/json", "identity", array.clone().into_bytes()),
        ("application/json; charset=utf-8", "gzip", gzip(&array)),
        ("application/x-ndjson", "gzip", gzip(&ndjson)),
        ("application/x-ndjson", "zstd", zstd::encode_all(ndjson.as_bytes(), 3).unwrap()),
    ];
    for (n, (kind, encoding, body)) in bodies.into_iter().enumerate() {
        let response = Client::new()
            .post(format!("{door}/v1/filter-events"))
            .bearer_auth(&filter.key)
            .header("Idempotency-Key", format!("b-{n}"))
            .header("Content-Type", kind)
            .header("Content-Encoding", encoding)
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::ACCEPTED, "{kind} {encoding}");
        assert_eq!(response.json::<Value>().await.unwrap()["accepted"], 2);
    }
    house.count().await;
    assert_eq!(house.counts(filter.sender.school).await, [("gambling".to_owned(), "blocked".to_owned(), 8)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_batch_gets_the_same_answer_and_its_id_with_another_body_is_refused() {
    let house = House::build().await;
    let filter = house.filter().await;
    let url = format!("{}/v1/filter-events", house.open());
    let body = format!("{}\nbad", event());
    let first = post(url.clone(), &filter.key, "b-1", "application/x-ndjson", body.clone()).await;
    let second = post(url.clone(), &filter.key, "b-1", "application/x-ndjson", body).await;
    assert_eq!(first, second);
    let (status, problem) = post(url, &filter.key, "b-1", "application/x-ndjson", event().to_string()).await;
    assert_eq!((status, &problem["type"]), (StatusCode::CONFLICT, &json!("/problems/conflict")));
    house.count().await;
    assert_eq!(house.counts(filter.sender.school).await, [("gambling".to_owned(), "blocked".to_owned(), 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_accepted_is_422_with_the_list_and_its_lines_lie_in_quarantine_as_field_reason_and_hash() {
    let house = House::build().await;
    let filter = house.filter().await;
    let url = format!("{}/v1/filter-events", house.open());
    let body = r#"{"user": "Secret Name"}"#;
    let (status, problem) = post(url, &filter.key, "b-1", "application/x-ndjson", body).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(problem["rejected"], json!([{ "line": 1, "field": "time", "reason": "expected, but absent" }]));
    let kept = sqlx::query_scalar!("SELECT rejected FROM telemetry.batch").fetch_all(&house.filtering).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0][0]["hash"].as_str().unwrap().len(), 16);
    assert!(!kept[0].to_string().contains("Secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_can_be_asked_after_by_the_source_that_sent_it_and_by_no_other() {
    let house = House::build().await;
    let (filter, other) = (house.filter().await, house.filter().await);
    let door = house.open();
    let mut same = event();
    same["id"] = json!("e-1");
    let body = format!("{same}\n{same}\n{}", event());
    post(format!("{door}/v1/filter-events"), &filter.key, "b-1", "application/x-ndjson", body).await;
    let get = async |key: &str, id: &str| {
        let response = Client::new().get(format!("{door}/v1/batches/{id}")).bearer_auth(key).send().await.unwrap();
        (response.status(), response.json::<Value>().await.unwrap())
    };
    let (status, before) = get(&filter.key, "b-1").await;
    assert_eq!((status, &before["accepted"], &before["counted"]), (StatusCode::OK, &json!(3), &Value::Null));
    house.count().await;
    let (_, after) = get(&filter.key, "b-1").await;
    assert_eq!((&after["counted"], &after["duplicates"]), (&json!(2), &json!(1)));
    assert_eq!(get(&other.key, "b-1").await, get(&other.key, "b-none").await, "another's is as absent as none");
    assert_eq!(get(&other.key, "b-1").await.0, StatusCode::NOT_FOUND);
    let odd = "2026-11-20/b+1%";
    post(format!("{door}/v1/filter-events"), &filter.key, odd, "application/x-ndjson", event().to_string()).await;
    assert_eq!(get(&filter.key, "2026-11-20%2Fb%2B1%25").await.1["batch"], odd);
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_squid_lines_are_taken_and_a_407_is_no_block() {
    let house = House::build().await;
    let filter = house.filter().await;
    let door = house.open();
    let seconds = now().timestamp();
    let body = format!(
        "{seconds}.120     68 10.0.0.1 TCP_MISS/200 3705 GET http://a.example/x jsmith HIER_DIRECT/10.9.9.9 text/html\n\
         {seconds}.130      0 10.0.0.1 TCP_DENIED/407 3705 GET http://a.example/x - HIER_NONE/- text/html\n\
         {seconds}.140      0 10.0.0.1 TCP_DENIED/403 3705 CONNECT b.example:443 jsmith HIER_NONE/- text/html\n\
         rubbish\n"
    );
    let (status, answer) = post(format!("{door}/v1/filter-logs/squid"), &filter.key, "b-1", "text/plain", body).await;
    assert_eq!((status, &answer["accepted"]), (StatusCode::ACCEPTED, &json!(3)));
    assert_eq!(answer["rejected"][0]["line"], 4);
    house.count().await;
    let by_action: Vec<_> =
        house.counts(filter.sender.school).await.into_iter().map(|(_, action, events)| (action, events)).collect();
    let expected = ["allowed", "auth_challenge", "blocked"].map(|action| (action.to_owned(), 1));
    assert_eq!(by_action, expected);
    let (status, _) = post(format!("{door}/v1/filter-logs/other"), &filter.key, "b-2", "text/plain", "x").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_become_pseudonyms_and_are_nowhere_in_the_database() {
    let house = House::build().await;
    let filter = house.filter().await;
    let url = format!("{}/v1/filter-events", house.open());
    let mut canary = event();
    canary["user"] = json!("canary-user");
    canary["device"] = json!("canary-device");
    canary["address"] = json!("canary-address");
    canary["url"] = json!("https://host.example/canary-path?canary-query");
    canary["search"] = json!("canary-search");
    let mut same = canary.clone();
    same["user"] = json!("CANARY-User");
    post(url, &filter.key, "b-1", "application/x-ndjson", format!("{canary}\n{same}")).await;
    house.count().await;
    let pseudonyms = sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM filtering.pseudonym"#)
        .fetch_one(&house.filtering)
        .await
        .unwrap();
    assert_eq!(pseudonyms, 3, "a user in two spellings, a device, an address");
    let slices = sqlx::query_scalar!("SELECT data FROM telemetry.payload").fetch_all(&house.projections).await.unwrap();
    for slice in slices {
        let plain = zstd::decode_all(&slice[1..]).unwrap();
        let text = String::from_utf8_lossy(&plain).to_lowercase();
        assert!(text.contains("host.example") && !text.contains("canary"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_door_with_another_secret_than_the_databases_is_known_for_one() {
    let house = House::build().await;
    for (secret, is_it) in [(7, true), (7, true), (8, false)] {
        let secret = Secret::new([secret; 32]);
        assert_eq!(is_the_databases(&secret, &house.filtering).await.unwrap(), is_it);
    }
}

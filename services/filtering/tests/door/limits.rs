//! Refusals before and while the body is read; each names what was expected.

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::given::{House, event};

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_is_refused_with_its_status_and_a_problem() {
    let house = House::build().await;
    let filter = house.filter().await;
    let url = format!("{}/v1/filter-events", house.open());
    let good = event().to_string();
    let request =
        || Client::new().post(&url).header("Idempotency-Key", "b-1").header("Content-Type", "application/x-ndjson");
    let keyed = || request().bearer_auth(&filter.key);
    let many = format!("{good}\n").repeat(10_001);
    let cases = [
        ("no key", request().body(good.clone()), 401, "/problems/unauthenticated"),
        (
            "an unknown key",
            request().bearer_auth(format!("wlk_{}", "A".repeat(43))).body(good.clone()),
            401,
            "/problems/unauthenticated",
        ),
        (
            "a token of a person",
            request().bearer_auth("eyJhbGciOiJFZERTQSJ9.e30.x").body(good.clone()),
            401,
            "/problems/unauthenticated",
        ),
        (
            "another kind",
            Client::new().post(&url).bearer_auth(&filter.key).header("Content-Type", "text/csv").body("a"),
            415,
            "/problems/unsupported-media-type",
        ),
        (
            "no kind",
            Client::new().post(&url).bearer_auth(&filter.key).body("a"),
            415,
            "/problems/unsupported-media-type",
        ),
        (
            "another encoding",
            keyed().header("Content-Encoding", "br").body(good.clone()),
            415,
            "/problems/unsupported-media-type",
        ),
        (
            "a false encoding",
            keyed().header("Content-Encoding", "gzip").body(good.clone()),
            400,
            "/problems/bad-request",
        ),
        (
            "no batch id",
            Client::new().post(&url).bearer_auth(&filter.key).header("Content-Type", "application/json").body("[]"),
            400,
            "/problems/bad-request",
        ),
        ("no event", keyed().body("\n\n"), 400, "/problems/bad-request"),
        ("too many events", keyed().body(many), 413, "/problems/payload-too-large"),
        ("too much on the wire", keyed().body(vec![b' '; 8 * 1024 * 1024 + 1]), 413, "/problems/payload-too-large"),
        (
            "a bomb",
            keyed()
                .header("Content-Encoding", "zstd")
                .body(zstd::encode_all(vec![b'\n'; 50 << 20].as_slice(), 19).unwrap()),
            413,
            "/problems/payload-too-large",
        ),
        ("GET", Client::new().get(&url).bearer_auth(&filter.key), 405, "/problems/method-not-allowed"),
    ];
    for (name, request, status, kind) in cases {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::from_u16(status).unwrap(), "{name}");
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{name}");
        assert_eq!(response.json::<Value>().await.unwrap()["type"], json!(kind), "{name}");
    }
    house.count().await;
    assert_eq!(house.counts(filter.sender.school).await, [], "none of it left a trace");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_reached_is_503_with_a_time_to_come_back() {
    let house = House::build().await;
    let filter = house.filter().await;
    let url = format!("{}/v1/filter-events", house.open());
    let send = async || {
        let request = Client::new().post(&url).bearer_auth(&filter.key).header("Idempotency-Key", "b-1");
        request.header("Content-Type", "application/x-ndjson").body(event().to_string()).send().await.unwrap()
    };
    house.filtering.close().await;
    let response = send().await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.headers()["retry-after"].to_str().unwrap().parse::<u32>().unwrap() >= 1);
}

//! Refusals before and while the body is read; each names what was expected.

use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

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
    let send = async |batch: &'static str| {
        let request = Client::new().post(&url).bearer_auth(&filter.key).header("Idempotency-Key", batch);
        request.header("Content-Type", "application/x-ndjson").body(event().to_string()).send().await.unwrap()
    };
    // The key and the names are known from the first batch, so that the second comes as far as the log.
    assert_eq!(send("b-1").await.status(), StatusCode::ACCEPTED);
    house.filtering.close().await;
    let response = send("b-2").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.headers()["retry-after"].to_str().unwrap().parse::<u32>().unwrap() >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_holds_its_share_is_told_to_wait_while_another_is_let_in() {
    let house = House::build().await;
    let (noisy, quiet) = (house.filter().await, house.filter().await);
    let door = house.open();
    let url = format!("{door}/v1/filter-events");
    // A request that never ends: 5 MiB announced, of a share of 16 MiB for what it may come to need.
    let mut unending = TcpStream::connect(door.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST /v1/filter-events HTTP/1.1\r\nHost: door\r\nAuthorization: Bearer {}\r\nIdempotency-Key: b-0\r\n\
         Content-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n",
        noisy.key,
        5 * 1024 * 1024
    );
    unending.write_all(head.as_bytes()).await.unwrap();

    let send = async |key: &str, batch: usize| {
        let body = event().to_string() + &"\n".repeat(1024 * 1024);
        let request = Client::new().post(&url).bearer_auth(key).header("Idempotency-Key", format!("b-{batch}"));
        request.header("Content-Type", "application/x-ndjson").body(body).send().await.unwrap()
    };
    // Until the door has read the unending request's head, the noisy source is let in.
    let turned_away = async {
        for batch in 1.. {
            let response = send(&noisy.key, batch).await;
            if response.status() == StatusCode::TOO_MANY_REQUESTS {
                return response;
            }
        }
        unreachable!("the loop has no end")
    };
    let response = timeout(Duration::from_secs(30), turned_away).await.expect("turned away within 30 s");
    assert!(response.headers()["retry-after"].to_str().unwrap().parse::<u32>().unwrap() >= 1);
    assert_eq!(send(&quiet.key, 1).await.status(), StatusCode::ACCEPTED);
    drop(unending);
    let let_in = async { while send(&noisy.key, 1_000_000).await.status() != StatusCode::ACCEPTED {} };
    timeout(Duration::from_secs(30), let_in).await.expect("let in again within 30 s");
}

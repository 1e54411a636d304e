//! The directory's commands on the internal listener, over real HTTP.

use std::{net::TcpListener, path::PathBuf};

use access::{
    Caller, Exchange, HeldRole, Verifier, dev_issuer::DevIssuer, exchange::GatewaySecret, identity::KeySource,
};
use actix_web::{App, HttpServer, middleware::from_fn};
use chrono::TimeDelta;
use eventlog::Wake;
use reqwest::{Client, Method, RequestBuilder};
use schema::SchoolId;
use serde_json::{Value, json};
use web::{clock, command::Service, problem, requests};

use crate::house::{House, SAMPLE, id};

const URN: i32 = 103_217;
const OTHER: i32 = 103_256;

/// The internal listener of a process with the role `directory`.
struct Endpoint {
    house: House,
    school: SchoolId,
    url: String,
    exchange: Exchange,
    keys: PathBuf,
}

impl Endpoint {
    async fn start() -> Self {
        let house = House::new().await;
        house.import(SAMPLE, 0).await;
        let school = house.school(URN).await;
        let exchange = Exchange::new(&GatewaySecret::new([5; 32])).unwrap();
        let keys = std::env::temp_dir().join(format!("wardlog-endpoint-{}", id()));
        std::fs::write(&keys, exchange.jwks()).unwrap();
        let verifier = Verifier::of_exchanged(directory::http::SERVICE, KeySource::File(keys.clone())).unwrap();
        let service = Service { means: house.means(), verifier, wake: Wake::default() };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/directory/commands/", listener.local_addr().unwrap());
        let server = HttpServer::new(move || {
            let service = service.clone();
            App::new()
                .wrap(from_fn(problem::complete))
                .wrap(from_fn(requests::trace_on))
                .configure(|cfg| directory::http::routes(cfg, service))
        });
        tokio::spawn(server.workers(1).disable_signals().listen(listener).unwrap().run());
        Self { house, school, url, exchange, keys }
    }

    fn token(&self, service: &str) -> String {
        self.exchange.exchange(&caller(HeldRole::dsl(self.school)), service, clock::now())
    }

    fn request(&self, method: Method, command: &str) -> RequestBuilder {
        Client::new().request(method, format!("{}{command}", self.url))
    }

    /// A command as the gateway sends it for the school's DSL.
    fn register(&self, id: &str) -> RequestBuilder {
        let request = self.request(Method::POST, "register-source").bearer_auth(self.token("directory"));
        request.header("Idempotency-Key", id).json(&self.filter())
    }

    fn filter(&self) -> Value {
        json!({ "school": self.school, "name": "Main filter", "vocabulary": "ut1" })
    }

    async fn recorded(&self) -> i64 {
        let recorded =
            sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM log.event WHERE type = 'source-registered'"#);
        recorded.fetch_one(&self.house.directory).await.unwrap()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        std::fs::remove_file(&self.keys).unwrap();
    }
}

fn caller(role: HeldRole) -> Caller {
    Caller {
        subject: "jones@school.example".parse().unwrap(),
        issuer: "https://id.example".parse().unwrap(),
        roles: role.into(),
        second_factor: true,
    }
}

async fn read(request: RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[actix_web::test]
async fn only_the_gateways_token_for_this_service_is_believed() {
    let endpoint = Endpoint::start().await;
    let directory = endpoint.keys.with_extension("issuer");
    let issuer = DevIssuer::open(&directory, "https://id.example".parse().unwrap(), "directory").unwrap();
    let callers_own =
        issuer.mint(&"u-1".parse().unwrap(), HeldRole::dsl(endpoint.school), clock::now(), TimeDelta::minutes(5));
    std::fs::remove_dir_all(directory).unwrap();
    let stranger = Exchange::new(&GatewaySecret::new([6; 32])).unwrap();
    let strangers = stranger.exchange(&caller(HeldRole::dsl(endpoint.school)), "directory", clock::now());
    let mut answers = Vec::new();
    for token in ["", "x.y.z", &callers_own, &strangers, &endpoint.token("incidents")] {
        let request = endpoint.request(Method::POST, "register-source").header("Idempotency-Key", "c-1");
        answers.push(read(request.bearer_auth(token).json(&endpoint.filter())).await);
    }
    assert_eq!(answers[0].0, 401);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(endpoint.recorded().await, 0);
    assert_eq!(read(endpoint.register("c-1")).await.0, 200);
}

#[actix_web::test]
async fn a_command_is_the_senders_own_and_belongs_to_its_request() {
    let endpoint = Endpoint::start().await;
    let (trace, correlation) = ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", id());
    let request = endpoint.register("gias-7").header("traceparent", trace);
    let (status, body) = read(request.header("Correlation-Id", correlation.to_string())).await;
    assert_eq!(status, 200, "{body}");
    let event = sqlx::query!(
        r#"SELECT command_id, correlation_id, traceparent, actor, partition, "offset" FROM log.event
           WHERE type = 'source-registered'"#
    );
    let event = event.fetch_one(&endpoint.house.directory).await.unwrap();
    assert!(uuid::Uuid::try_parse(&event.command_id).is_ok(), "nothing that its sender wrote: {}", event.command_id);
    assert_eq!((event.correlation_id, event.traceparent.as_deref()), (correlation, Some(trace)));
    assert!(!event.actor.contains("jones"), "{}", event.actor);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["position"], json!({ "partition": event.partition, "offset": event.offset }));
}

#[actix_web::test]
async fn what_is_malformed_is_told_what_is_expected_and_not_what_was_sent() {
    let endpoint = Endpoint::start().await;
    let post = || endpoint.request(Method::POST, "register-source").bearer_auth(endpoint.token("directory"));
    let named = || post().header("Idempotency-Key", "c-1");
    let long = "x".repeat(101);
    for (request, status) in [
        (post().json(&endpoint.filter()), 400),
        (post().header("Idempotency-Key", "jones smith").json(&endpoint.filter()), 400),
        (post().header("Idempotency-Key", &long).json(&endpoint.filter()), 400),
        (named().body("jones"), 400),
        (named().json(&json!({ "school": "jones", "name": "x", "vocabulary": "ut1" })), 400),
        (named().json(&json!({ "school": endpoint.school, "name": "jones\n", "vocabulary": "jones" })), 400),
        (named().json(&json!([endpoint.filter()])), 400),
        (named().body(vec![b'x'; 300 * 1024]), 413),
        (endpoint.request(Method::GET, "register-source"), 405),
        (endpoint.request(Method::POST, "jones"), 404),
    ] {
        let (answered, body) = read(request).await;
        assert_eq!(answered, status, "{body}");
        assert!(body.contains("\"type\":\"/problems/") && !body.contains("jones"), "{body}");
    }
    assert_eq!(endpoint.recorded().await, 0);
}

#[actix_web::test]
async fn what_is_forbidden_and_what_is_absent_are_the_same_bytes() {
    let endpoint = Endpoint::start().await;
    let other = endpoint.house.school(OTHER).await;
    let send = async |role, school: SchoolId, source: uuid::Uuid| {
        let token = endpoint.exchange.exchange(&caller(role), "directory", clock::now());
        let request = endpoint.request(Method::POST, "issue-key").bearer_auth(token);
        read(request.header("Idempotency-Key", "c-1").json(&json!({ "school": school, "source": source }))).await
    };
    let (_, registered) = read(endpoint.register("c-0")).await;
    let registered: Value = serde_json::from_str(&registered).unwrap();
    let source = registered["answer"].as_str().unwrap().parse().unwrap();
    let own = HeldRole::dsl(endpoint.school);
    let absent = send(own, endpoint.school, id()).await;
    assert_eq!(absent.0, 404);
    assert_eq!(send(HeldRole::dsl(other), endpoint.school, source).await, absent);
    assert_eq!(send(HeldRole::dsl(other), other, source).await, absent, "by one's own school");
    assert_eq!(send(HeldRole::governor(endpoint.school), endpoint.school, source).await, absent);
    assert_eq!(send(own, endpoint.school, source).await.0, 200);
}

/// R220.
#[actix_web::test]
async fn what_is_sensitive_waits_for_a_second_factor_and_only_whoever_may_is_told_so() {
    let endpoint = Endpoint::start().await;
    let (_, registered) = read(endpoint.register("c-0")).await;
    let registered: Value = serde_json::from_str(&registered).unwrap();
    let issue = json!({ "school": endpoint.school, "source": registered["answer"] });
    let send = async |role, second_factor| {
        let sender = Caller { second_factor, ..caller(role) };
        let token = endpoint.exchange.exchange(&sender, "directory", clock::now());
        let request = endpoint.request(Method::POST, "issue-key").bearer_auth(token);
        read(request.header("Idempotency-Key", "c-1").json(&issue)).await
    };
    let (dsl, governor) = (HeldRole::dsl(endpoint.school), HeldRole::governor(endpoint.school));
    let (status, told) = send(dsl, false).await;
    assert!(status == 422 && told.contains("SECOND_FACTOR_NEEDED"), "{told}");
    assert_eq!(send(governor, false).await, send(governor, true).await);
    assert_eq!(send(governor, false).await.0, 404);
    assert_eq!(endpoint.recorded().await, 1, "the filter alone");
    assert_eq!(send(dsl, true).await.0, 200);
}

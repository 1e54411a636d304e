//! Problems, health and request logging, through a whole application.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::{
    io,
    sync::{Arc, Mutex},
};

use actix_web::{
    App, Error, HttpResponse,
    body::MessageBody,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    error::ErrorImATeapot,
    http::{
        Method, StatusCode,
        header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    middleware::from_fn,
    test::{self, TestRequest},
    web::{self as actix, Bytes, Data, Json},
};
use serde_json::{Value, json};

use web::{
    ErrorCode, Problem, health,
    health::Readiness,
    problem::{complete, method_not_allowed},
    requests::trace,
    telemetry::{Options, Telemetry},
};

fn app(
    readiness: Readiness,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let readiness = Data::new(readiness);
    App::new()
        .wrap(from_fn(complete))
        .wrap(from_fn(trace))
        .configure(|cfg| health::routes(cfg, readiness))
        .service(actix::resource("/json").route(actix::post().to(async |_: Json<u32>| "read")))
        .service(
            actix::resource("/bytes")
                .app_data(actix::PayloadConfig::new(8))
                .route(actix::post().to(async |_: Bytes| "read")),
        )
        .service(
            actix::resource("/only-post")
                .route(actix::post().to(async || "done"))
                .default_service(method_not_allowed("POST")),
        )
        .service(actix::resource("/teapot").to(async || Err::<&str, _>(ErrorImATeapot("secret detail of a library"))))
        .service(actix::resource("/busy").to(async || {
            let problem = Problem::new(ErrorCode::TooManyRequests).detail("the quota is used up");
            Err::<&str, _>(problem.retry_after(7).member("quota", 500))
        }))
        .service(actix::resource("/graphql").to(async || HttpResponse::BadRequest().json(json!({ "errors": [] }))))
        .service(actix::resource("/schools/{school}").to(async || "a school"))
        .service(actix::resource("/broken").to(async || Err::<&str, _>(Problem::new(ErrorCode::Internal))))
}

async fn call(request: TestRequest) -> (StatusCode, actix_web::http::header::HeaderMap, Value) {
    let app = test::init_service(app(Readiness::default())).await;
    let response = test::call_service(&app, request.to_request()).await;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = test::read_body(response).await;
    (status, headers, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

#[actix_web::test]
async fn a_problem_says_its_type_title_status_detail_and_members() {
    let (status, headers, body) = call(TestRequest::get().uri("/busy")).await;
    assert_eq!(status, 429);
    assert_eq!(headers.get(CONTENT_TYPE).unwrap(), "application/problem+json");
    assert_eq!(headers.get(RETRY_AFTER).unwrap(), "7");
    let expected = json!({
        "type": "/problems/too-many-requests", "title": "Too many requests", "status": 429,
        "detail": "the quota is used up", "quota": 500,
    });
    assert_eq!(body, expected);
}

#[actix_web::test]
async fn every_code_is_answered_with_its_own_status() {
    for code in ErrorCode::ALL {
        let response = actix_web::ResponseError::error_response(&Problem::new(code));
        assert_eq!(response.status(), code.status());
        assert_eq!(response.headers().contains_key(WWW_AUTHENTICATE), code == ErrorCode::Unauthenticated);
    }
}

#[actix_web::test]
async fn what_the_library_refuses_by_itself_becomes_a_problem_without_its_words() {
    let post = |uri| TestRequest::post().uri(uri);
    for (request, status, kind) in [
        (TestRequest::get().uri("/nowhere"), 404, "not-found"),
        (TestRequest::get().uri("/json"), 405, "method-not-allowed"),
        (post("/json").insert_header((CONTENT_TYPE, "application/json")).set_payload("{"), 400, "bad-request"),
        (post("/bytes").set_payload("more than eight"), 413, "payload-too-large"),
        (TestRequest::get().uri("/teapot"), 400, "bad-request"),
    ] {
        let (found, headers, body) = call(request).await;
        assert_eq!(headers.get(CONTENT_TYPE).unwrap(), "application/problem+json", "{kind}");
        assert_eq!((found.as_u16(), &body["type"]), (status, &json!(format!("/problems/{kind}"))));
        assert_eq!(body.get("detail"), None);
    }
}

#[actix_web::test]
async fn a_method_that_a_resource_does_not_have_is_told_which_it_has() {
    let (status, headers, body) = call(TestRequest::default().method(Method::DELETE).uri("/only-post")).await;
    assert_eq!((status.as_u16(), headers.get(ALLOW).unwrap().to_str().unwrap()), (405, "POST"));
    assert_eq!(body["type"], "/problems/method-not-allowed");
}

#[actix_web::test]
async fn an_error_that_is_json_already_is_left_as_it_is() {
    let (status, headers, body) = call(TestRequest::post().uri("/graphql")).await;
    assert_eq!((status.as_u16(), body), (400, json!({ "errors": [] })));
    assert_eq!(headers.get(CONTENT_TYPE).unwrap(), "application/json");
}

#[actix_web::test]
async fn a_process_is_live_always_and_ready_when_every_check_passes() {
    let readiness = |database| {
        Readiness::default()
            .with("keys", async || true)
            .with("database", move || async move { database })
            .with("stuck", async || std::future::pending().await)
    };
    for (readiness, failing) in [(readiness(false), json!(["database", "stuck"])), (readiness(true), json!(["stuck"]))]
    {
        let app = test::init_service(app(readiness)).await;
        let live = test::call_service(&app, TestRequest::get().uri("/health/live").to_request()).await;
        assert_eq!(live.status(), 200);
        let ready = test::call_service(&app, TestRequest::get().uri("/health/ready").to_request()).await;
        assert_eq!(ready.status(), 503);
        let body: Value = test::read_body_json(ready).await;
        assert_eq!(body["failing"], failing);
    }
    let app = test::init_service(app(Readiness::default().with("keys", async || true))).await;
    let ready = test::call_service(&app, TestRequest::get().uri("/health/ready").to_request()).await;
    assert_eq!(ready.status(), 200);
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[actix_web::test]
async fn a_request_is_logged_by_method_route_status_and_time_and_nothing_else_of_it() {
    let log = Log::default();
    let options = Options { service: "test", filter: "trace".to_owned(), for_a_person: false, otlp_endpoint: None };
    let writer = log.clone();
    let (subscriber, _telemetry) = Telemetry::prepare(&options, move || writer.clone()).unwrap();
    let _installed = tracing::subscriber::set_default(subscriber);

    let app = test::init_service(app(Readiness::default())).await;
    for uri in ["/schools/SECRET?child=SECRET", "/SECRET", "/broken?SECRET"] {
        let request =
            TestRequest::post().uri(uri).insert_header(("authorization", "Bearer SECRET")).set_payload("SECRET");
        test::call_service(&app, request.to_request()).await;
    }
    let odd = TestRequest::default().method(Method::from_bytes(b"SECRET").unwrap()).uri("/schools/1");
    test::call_service(&app, odd.to_request()).await;

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(!text.contains("SECRET"), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ours: Vec<_> = lines.iter().filter(|line| line["span"]["name"] == "request").collect();
    let seen: Vec<_> = ours
        .iter()
        .map(|line| {
            (&line["level"], &line["span"]["http.request.method"], &line["span"]["http.route"], &line["status"])
        })
        .map(|(level, method, route, status)| format!("{level} {method} {route} {status}").replace('"', ""))
        .collect();
    let expected = [
        "INFO POST /schools/{school} 200",
        "INFO POST unmatched 404",
        "ERROR POST /broken 500",
        "INFO _OTHER /schools/{school} 200",
    ];
    assert_eq!(seen, expected);
    assert!(ours.iter().all(|line| line["seconds"].is_number()));
}

//! Problems and health, through a whole application.

#[path = "http/given.rs"]
mod given;

use actix_web::{
    http::{
        Method, StatusCode,
        header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    test::{self, TestRequest},
};
use serde_json::{Value, json};

use given::app;
use web::{ErrorCode, Problem, health::Readiness};

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

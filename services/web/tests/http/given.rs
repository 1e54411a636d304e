//! An application as the tests of `web` call it.

use actix_web::{
    App, Error, HttpResponse,
    body::MessageBody,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    error::ErrorImATeapot,
    middleware::from_fn,
    web::{self as actix, Bytes, Data, Json},
};
use serde_json::json;

use web::{
    ErrorCode, Problem, health,
    health::Readiness,
    problem::{complete, method_not_allowed},
    requests::trace,
};

pub fn app(
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

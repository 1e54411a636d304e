//! What the log says of a request. A process of its own: `tracing` remembers for the whole process whether anybody listens
//! to a place in the code, and a test beside this one could get there first.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

#[path = "http/given.rs"]
mod given;

use std::{
    io,
    sync::{Arc, Mutex},
};

use actix_web::{
    http::Method,
    test::{self, TestRequest},
};
use serde_json::Value;

use given::app;
use web::{
    health::Readiness,
    telemetry::{Options, Telemetry},
};

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

//! Spans reach a collector over real HTTP, and the last of them before the process ends.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use web::telemetry::{Options, Telemetry, TelemetryError};

/// Reads one HTTP request with its body, answers 200, and gives back all that was read.
fn receive(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
            if bytes.len() >= end + length.trim().parse::<usize>().unwrap() {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
                return bytes;
            }
        }
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "the request ended early");
        bytes.extend_from_slice(&buffer[..read]);
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn spans_are_exported_as_protobuf_when_telemetry_shuts_down() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let collector = thread::spawn(move || receive(listener.accept().unwrap().0));

    let options =
        Options { service: "wardlog-test", filter: "info".into(), for_a_person: false, otlp_endpoint: Some(endpoint) };
    let (subscriber, telemetry) = Telemetry::prepare(&options, io::sink).unwrap();
    tracing::subscriber::with_default(subscriber, || {
        tracing::info_span!("a span of interest").in_scope(|| tracing::info!("within it"));
        tracing::debug_span!("a span below the filter").in_scope(|| ());
    });
    telemetry.shutdown();

    let request = collector.join().unwrap();
    assert!(request.starts_with(b"POST /v1/traces HTTP/1.1\r\n"));
    assert!(contains(&request, "application/x-protobuf"));
    assert!(contains(&request, "wardlog-test") && contains(&request, "a span of interest"));
    assert!(!contains(&request, "a span below the filter"));
}

#[test]
fn a_filter_or_collector_that_cannot_be_read_is_an_error_at_the_start() {
    let good = Options { service: "t", filter: "info".into(), for_a_person: true, otlp_endpoint: None };
    let filter = Options { filter: "info,=,=".into(), ..good.clone() };
    assert!(matches!(Telemetry::prepare(&filter, io::sink), Err(TelemetryError::Filter(_))));
    let collector = Options { otlp_endpoint: Some("http://[".into()), ..good };
    assert!(matches!(Telemetry::prepare(&collector, io::sink), Err(TelemetryError::Collector(_))));
}

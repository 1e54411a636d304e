//! A collector of traces that keeps what it is sent, as it came.

use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
};

use actix_web::{App, HttpResponse, HttpServer, web};

#[derive(Clone)]
pub struct Collector {
    url: String,
    sent: Arc<Mutex<Vec<u8>>>,
}

async fn take(sent: web::Data<Mutex<Vec<u8>>>, body: web::Bytes) -> HttpResponse {
    sent.lock().unwrap().extend_from_slice(&body);
    HttpResponse::Ok().content_type("application/x-protobuf").finish()
}

impl Collector {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let sent: Arc<Mutex<Vec<u8>>> = Arc::default();
        let data = web::Data::from(Arc::clone(&sent));
        let app = move || {
            let large = web::PayloadConfig::new(64 << 20);
            App::new().app_data(data.clone()).app_data(large).default_service(web::to(take))
        };
        let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap();
        tokio::spawn(server.run());
        Self { url, sent }
    }

    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// All that was sent so far.
    pub fn sent(&self) -> Vec<u8> {
        self.sent.lock().unwrap().clone()
    }
}

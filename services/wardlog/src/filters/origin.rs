//! The site behind the filters: every name leads to it, and every page of it is the same.

use actix_web::{App, HttpResponse, HttpServer, dev::ServerHandle, web};
use anyhow::{Context, Result};

/// The header by which a page is known to come from the origin and not from a filter.
pub(super) const MARK: &str = "x-from-origin";

/// The site, on a free port of 127.0.0.1.
#[derive(Debug)]
pub struct Origin {
    handle: ServerHandle,
    port: u16,
}

impl Origin {
    /// Starts it.
    pub fn start() -> Result<Self> {
        let page = || async { HttpResponse::Ok().insert_header((MARK, "yes")).body("a page\n") };
        let server = HttpServer::new(move || App::new().default_service(web::to(page)))
            .workers(1)
            .disable_signals()
            .bind(("127.0.0.1", 0))
            .context("cannot listen on 127.0.0.1")?;
        let port = server.addrs().first().context("expected an address that is listened on")?.port();
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self { handle, port })
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops it.
    pub async fn stop(self) {
        self.handle.stop(false).await;
    }
}

//! A door on loopback, as `wardlog serve` mounts it, with a sink of choice.

use std::net::SocketAddr;

use actix_web::{App, HttpServer, dev::ServerHandle, middleware::from_fn};
use anyhow::{Context, Result};
use database::{Role, connect};
use filtering::{Pipeline, Sink, http};
use sqlx::{PgPool, postgres::PgConnectOptions};
use vault::{Secret, Vault};
use web::{problem, requests};

/// The memory that `wardlog serve` gives the door unless told otherwise, in bytes.
pub const MEMORY: usize = 256 << 20;

/// A door that listens.
pub struct Door {
    /// Where.
    pub address: SocketAddr,
    server: ServerHandle,
    pool: PgPool,
}

impl Door {
    /// Opens a door that seals with the keys of `vault`, and whose batches go to what `sink` makes of its pool.
    pub async fn open(database: &PgConnectOptions, vault: Vault, sink: impl FnOnce(&PgPool) -> Sink) -> Result<Self> {
        let pool = connect(database, Role::Filtering, 10).await?;
        let pipeline = Pipeline::new(Secret::new([7; 32]), pool.clone(), vault, sink(&pool));
        let door = http::Door::new(pool.clone(), pipeline, MEMORY);
        let server = HttpServer::new(move || {
            let door = door.clone();
            App::new()
                .wrap(from_fn(problem::complete))
                .wrap(from_fn(requests::trace))
                .configure(|cfg| http::routes(cfg, door))
        })
        .disable_signals()
        .bind(("127.0.0.1", 0))?;
        let address = server.addrs().first().copied().context("the listener has no address")?;
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self { address, server: handle, pool })
    }

    /// Closes it.
    pub async fn close(self) {
        self.server.stop(true).await;
        self.pool.close().await;
    }
}

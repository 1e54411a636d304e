//! The two listeners: the public one, and the one between the gateway and the services.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    sync::Arc,
};

use access::{
    Exchange, Roles, Verifier,
    identity::{JwksUrl, KeySource},
};
use actix_web::{
    App, HttpResponse, HttpServer,
    dev::Server,
    middleware::from_fn,
    web::{self as routes, Data, ServiceConfig},
};
use anyhow::Result;
use directory::scim::Scim;
use filtering::http::Door;
use reqwest::Url;
use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use web::{command::Service, health::Readiness, problem, read_token::ReadTokens, requests};

use crate::contexts::Context;

/// Where the gateway tells its public keys.
const KEYS: &str = "/gateway/jwks.json";

/// How long each listener waits for the requests under way, once it is told to stop; both together are less than the 30
/// seconds that a process is commonly given.
const DRAIN_SECONDS: u64 = 12;

/// What the public listener serves.
#[derive(Clone, Default)]
pub(super) struct Public {
    pub(super) door: Option<Door>,
    pub(super) scim: Option<Scim>,
    pub(super) gateway: Option<Gateway>,
    pub(super) pools: Vec<PgPool>,
}

/// The gateway's part of it.
#[derive(Clone)]
pub(super) struct Gateway {
    pub(super) schema: gateway::schema::Schema,
    pub(super) verifier: Verifier,
    pub(super) roles: Roles,
    pub(super) tokens: ReadTokens,
}

/// What the internal listener serves.
#[derive(Clone, Default)]
pub(super) struct Internal {
    pub(super) exchange: Option<Arc<Exchange>>,
    pub(super) services: Vec<(&'static Context, Service)>,
}

impl Public {
    pub(super) fn serve(self, listener: TcpListener) -> Result<Server> {
        let server = HttpServer::new(move || {
            let edge = self.clone();
            App::new()
                .wrap(from_fn(problem::complete))
                .wrap(from_fn(requests::trace))
                .configure(|cfg| edge.configure(cfg))
        });
        Ok(server.disable_signals().shutdown_timeout(DRAIN_SECONDS).listen(listener)?.run())
    }

    fn configure(self, cfg: &mut ServiceConfig) {
        let readiness = self.pools.into_iter().fold(Readiness::default(), |readiness, pool| {
            readiness.with("database", move || {
                let pool = pool.clone();
                async move { sqlx::query_scalar!("SELECT 1").fetch_one(&pool).await.is_ok() }
            })
        });
        web::health::routes(cfg, Data::new(readiness));
        if let Some(door) = self.door {
            filtering::http::routes(cfg, door);
        }
        if let Some(scim) = self.scim {
            directory::scim::routes(cfg, scim);
        }
        if let Some(Gateway { schema, verifier, roles, tokens }) = self.gateway {
            gateway::http::routes(cfg, schema, verifier, roles, tokens);
        }
    }
}

impl Internal {
    pub(super) fn serve(self, listener: TcpListener) -> Result<Server> {
        let server = HttpServer::new(move || {
            let edge = self.clone();
            App::new()
                .wrap(from_fn(problem::complete))
                .wrap(from_fn(requests::trace_on))
                .configure(|cfg| edge.configure(cfg))
        });
        Ok(server.disable_signals().shutdown_timeout(DRAIN_SECONDS).listen(listener)?.run())
    }

    fn configure(self, cfg: &mut ServiceConfig) {
        for (context, service) in self.services {
            (context.commands)(cfg, service);
        }
        if let Some(exchange) = self.exchange {
            let keys = move || {
                let keys = exchange.jwks().to_owned();
                async move { HttpResponse::Ok().content_type("application/jwk-set+json").body(keys) }
            };
            cfg.route(KEYS, routes::get().to(keys));
        }
    }
}

/// Serves until `stop`, and then until the requests under way are answered; `answered` is cancelled after that.
pub(super) fn run(
    server: Server,
    tasks: &mut JoinSet<()>,
    stop: CancellationToken,
    answered: Option<CancellationToken>,
) {
    let handle = server.handle();
    let answered = answered.map(CancellationToken::drop_guard);
    tasks.spawn(async move {
        stop.cancelled().await;
        handle.stop(true).await;
    });
    tasks.spawn(async move {
        let _answered = answered;
        if let Err(error) = server.await {
            tracing::error!(%error, "a listener failed");
        }
    });
}

/// Where this process's internal listener is reached from within the machine.
pub(super) fn own_url(mut address: SocketAddr) -> Result<Url> {
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    Ok(Url::parse(&format!("http://{address}"))?)
}

/// The gateway's keys, where its internal listener is.
pub fn keys_at(gateway: &Url) -> Result<KeySource> {
    Ok(KeySource::Url(JwksUrl::try_from(gateway.join(KEYS)?.to_string())?))
}

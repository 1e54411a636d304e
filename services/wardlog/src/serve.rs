//! Running the roles.

mod housekeeping;

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc};

use access::{Verifier, identity::IssuerConfig};
use actix_web::{App, HttpServer, middleware::from_fn};
use anyhow::{Context, Result};
use clap::ValueEnum;
use database::Logins;
use directory::DirectoryView;
use eventlog::{Wake, run, telemetry::Writer};
use filtering::{Pipeline, Pseudonyms, Secret, Sink, http::Door, views::Counts};
use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use web::{clock, health::Readiness, problem, requests};

/// What a process of Wardlog may do. No role asks whether another runs beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Role {
    /// Answers GraphQL queries.
    Gateway,
    /// Takes filter telemetry.
    Filtering,
    /// Folds the logs into views.
    Projections,
}

/// How many writers of the telemetry log one process has.
const LANES: usize = 2;

/// What a process is told at its start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The database, as each role reaches it.
    pub database: Logins,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What to run.
    pub roles: BTreeSet<Role>,
    /// Whose tokens are believed.
    pub issuers: Vec<IssuerConfig>,
    /// The secret under which names are hashed.
    pub secret: Secret,
    /// The bytes of requests that the door holds in memory at most.
    pub door_memory: usize,
}

/// The roles of a running process; dropping it ends them without order.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl Running {
    /// Waits until everything has stopped in order; a part that ends before it was told to stops the rest, for a
    /// process that goes on without it would say that it is well.
    pub async fn finished(mut self) -> Result<()> {
        let mut outcome = Ok(());
        while let Some(ended) = self.tasks.join_next().await {
            if !self.stop.is_cancelled() {
                let why = ended.err().map_or_else(|| "ended".to_owned(), |error| error.to_string());
                outcome = Err(anyhow::anyhow!("a part of the process {why} before it was told to: see the log"));
                self.stop.cancel();
            }
        }
        outcome
    }
}

/// Starts the roles; they run until `stop`.
pub async fn start(settings: Settings, stop: CancellationToken) -> Result<Running> {
    let mut tasks = JoinSet::new();
    let wakes = Wakes::default();
    if settings.roles.contains(&Role::Projections) {
        let pool = connect(&settings, database::Role::Projections, 8).await?;
        tasks.spawn(run(pool.clone(), Arc::new(DirectoryView), wakes.domain.clone(), clock::random_id(), stop.clone()));
        tasks.spawn(run(pool.clone(), Arc::new(Counts), wakes.telemetry.clone(), clock::random_id(), stop.clone()));
        tasks.spawn(housekeeping::run(pool, stop.clone()));
    }
    let mut edge = Edge::default();
    if settings.roles.contains(&Role::Filtering) {
        let pool = connect(&settings, database::Role::Filtering, 10).await?;
        anyhow::ensure!(
            settings.secret.is_the_databases(&pool).await?,
            "pseudonym.key in WARDLOG_HOME is not the secret that this database was filled with: bring the first one's file here"
        );
        // The writers have connections of their own: whoever floods the door with keys waits for others.
        let writers = connect(&settings, database::Role::Filtering, u32::try_from(LANES)?).await?;
        let sink = Sink::Log(Writer::start(&writers, LANES, &wakes.telemetry));
        let pipeline = Pipeline::new(settings.secret.clone(), Pseudonyms::new(pool.clone()), sink);
        edge.door = Some(Door::new(pool.clone(), pipeline, settings.door_memory));
        edge.pools.push(pool);
    }
    if settings.roles.contains(&Role::Gateway) {
        let pool = connect(&settings, database::Role::Gateway, 10).await?;
        let verifier = Verifier::new(settings.issuers.clone())?;
        if !verifier.load_keys(clock::now()).await {
            tracing::warn!("the keys of an issuer cannot be read yet; they are asked for again with its first token");
        }
        edge.gateway = Some((gateway::schema::build(pool.clone()), verifier));
        edge.pools.push(pool);
    }
    let address = edge.listen(settings.listen, &mut tasks, stop.clone())?;
    Ok(Running { address, tasks, stop })
}

async fn connect(settings: &Settings, role: database::Role, max: u32) -> Result<PgPool> {
    let login = settings.database.of(role).with_context(|| {
        format!("no database for {}: give DATABASE_URL, or DATABASE_URL_{}", role.as_str(), role.variable())
    })?;
    if settings.database.is_shared(role) {
        tracing::warn!(role = role.as_str(), "connects by a login that is more than the role: give it one of its own");
    }
    database::connect(login, role, max).await.context("cannot connect to the database")
}

#[derive(Default)]
struct Wakes {
    domain: Wake,
    telemetry: Wake,
}

/// What the listener serves.
#[derive(Clone, Default)]
struct Edge {
    door: Option<Door>,
    gateway: Option<(gateway::schema::Schema, Verifier)>,
    pools: Vec<PgPool>,
}

impl Edge {
    fn listen(self, address: SocketAddr, tasks: &mut JoinSet<()>, stop: CancellationToken) -> Result<SocketAddr> {
        let server = HttpServer::new(move || {
            let edge = self.clone();
            App::new()
                .wrap(from_fn(problem::complete))
                .wrap(from_fn(requests::trace))
                .configure(|cfg| edge.configure(cfg))
        })
        .disable_signals()
        .shutdown_timeout(20)
        .bind(address)
        .with_context(|| format!("cannot listen on {address}"))?;
        let address = server.addrs().first().copied().context("the listener has no address")?;
        let server = server.run();
        let handle = server.handle();
        tasks.spawn(async move {
            stop.cancelled().await;
            handle.stop(true).await;
        });
        tasks.spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(%error, "the listener failed");
            }
        });
        Ok(address)
    }

    fn configure(self, cfg: &mut actix_web::web::ServiceConfig) {
        let readiness = self.pools.into_iter().fold(Readiness::default(), |readiness, pool| {
            readiness.with("database", move || {
                let pool = pool.clone();
                async move { sqlx::query_scalar!("SELECT 1").fetch_one(&pool).await.is_ok() }
            })
        });
        web::health::routes(cfg, actix_web::web::Data::new(readiness));
        if let Some(door) = self.door {
            filtering::http::routes(cfg, door);
        }
        if let Some((schema, verifier)) = self.gateway {
            gateway::http::routes(cfg, schema, verifier);
        }
    }
}

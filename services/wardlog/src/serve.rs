//! Running the roles.

mod edge;
mod housekeeping;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use access::{
    Exchange, Roles, Verifier,
    exchange::GatewaySecret,
    identity::{IssuerConfig, KeySource},
    tenant::Readers,
};
use anyhow::{Context as _, Result};
use clap::ValueEnum;
use database::Logins;
use directory::scim::Scim;
use eventlog::telemetry::Writer;
use filtering::{Pipeline, Sink, http::Door};
use reqwest::Url;
use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use vault::{Secret, Vault, Wrapping};
use web::{
    clock,
    command::{Client, Means, Service, client::Services},
    read_token::ReadTokens,
};

use crate::contexts::{self, CONTEXTS, Context, Wakes};
pub use edge::keys_at;
use edge::{Gateway, Internal, Public, own_url};

/// What a process of Wardlog may do. No role asks whether another runs beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Role {
    /// Answers GraphQL queries, and sends commands to the services.
    Gateway,
    /// Takes commands about trusts, schools, their filters and keys.
    Directory,
    /// Takes filter telemetry.
    Filtering,
    /// Folds the logs into views.
    Projections,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Gateway, Self::Directory, Self::Filtering, Self::Projections];
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
    /// Where the services listen for the gateway, and the gateway for those who ask for its keys; for nobody else.
    pub internal_listen: SocketAddr,
    /// Where services listen that are not of this process, by name.
    pub services: BTreeMap<&'static str, Url>,
    /// The gateway's secret: for the role `Gateway`, and the same for every process that has it.
    pub gateway_secret: Option<GatewaySecret>,
    /// Where the gateway's public keys are; unless given, this process's own internal listener is asked.
    pub gateway_keys: Option<KeySource>,
    /// Where the keys of what services seal are; without it they seal and open nothing.
    pub key_store: Option<KeyStore>,
    /// What to run.
    pub roles: BTreeSet<Role>,
    /// Whose tokens are believed.
    pub issuers: Vec<IssuerConfig>,
    /// The secret under which names are hashed: for the role `Filtering`.
    pub secret: Option<Secret>,
    /// The bytes of requests that the door holds in memory at most.
    pub door_memory: usize,
}

/// The keys of what is sealed: a database of its own, and what wraps them.
#[derive(Debug, Clone)]
pub struct KeyStore {
    /// The database, as each service's role reaches it.
    pub database: Logins,
    /// The wrapping keys.
    pub wrapping: Wrapping,
}

impl KeyStore {
    /// A context's keys.
    pub async fn vault(&self, context: &Context) -> Result<Vault> {
        let pool = key_store_pool(&self.database, context).await?;
        Ok(Vault::open(context.name, pool, self.wrapping.clone()).await?)
    }
}

/// The key store, as a context's role reaches it.
pub async fn key_store_pool(database: &Logins, context: &Context) -> Result<PgPool> {
    let login = database.of(context.database).context("no login to the key store: give VAULT_DATABASE_URL")?;
    database::connect_to_keys(login, context.database, 8).await.context("cannot connect to the key store")
}

/// The roles of a running process; dropping it ends them without order.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where its services listen for the gateway.
    pub internal_address: Url,
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
    // What has been asked is answered first: a query may wait for a view, and a mutation for a service.
    let answered = CancellationToken::new();
    if settings.roles.contains(&Role::Projections) {
        let pool = connect(&settings, database::Role::Projections, 8).await?;
        for view in contexts::views() {
            tasks.spawn(view.fold(pool.clone(), &wakes, answered.clone()));
        }
        tasks.spawn(housekeeping::run(pool, answered.clone()));
    }
    // A process that serves nothing there needs no address: two of them on one machine may be told the same.
    let inside_roles = CONTEXTS.iter().map(|context| context.role);
    let serves_inside = inside_roles.chain([Role::Gateway]).any(|role| settings.roles.contains(&role));
    let listen = if serves_inside { settings.internal_listen } else { ([127, 0, 0, 1], 0).into() };
    let internal = TcpListener::bind(listen).with_context(|| format!("cannot listen on {listen} for the gateway"))?;
    let own = own_url(internal.local_addr()?)?;
    let (mut public, mut inside) = (Public::default(), Internal::default());
    if settings.roles.contains(&Role::Gateway) {
        let pool = connect(&settings, database::Role::Gateway, 10).await?;
        let secret = settings.gateway_secret.as_ref().context("the role gateway needs the gateway's secret")?;
        let exchange = Arc::new(Exchange::new(secret)?);
        let reviewers = connect(&settings, database::Role::Reviewers, 10).await?;
        let readers = Readers::new(pool, reviewers.clone());
        public.gateway = Some(gateway(&settings, &readers, secret, &exchange, own.clone()).await?);
        public.pools.extend([readers.own().clone(), reviewers]);
        inside.exchange = Some(exchange);
    }
    inside.services = services(&settings, &own, &wakes, &mut tasks, &answered).await?;
    for (_, service) in inside.services.iter().filter(|(context, _)| context.role == Role::Filtering) {
        let pool = connect(&settings, database::Role::Filtering, 10).await?;
        public.door = Some(door(&settings, &pool, service.means.vault.clone(), &wakes).await?);
        public.pools.push(pool);
    }
    let directory = inside.services.iter().find(|(context, _)| context.role == Role::Directory);
    public.scim = directory.map(|(_, service)| Scim::new(service.means.clone(), service.wake.clone()));
    public.pools.extend(inside.services.iter().map(|(_, service)| service.means.pool.clone()));
    let public_listener =
        TcpListener::bind(settings.listen).with_context(|| format!("cannot listen on {}", settings.listen))?;
    let address = public_listener.local_addr()?;
    edge::run(public.serve(public_listener)?, &mut tasks, stop.clone(), Some(answered.clone()));
    edge::run(inside.serve(internal)?, &mut tasks, answered, None);
    Ok(Running { address, internal_address: own, tasks, stop })
}

async fn door(settings: &Settings, pool: &PgPool, vault: Vault, wakes: &Wakes) -> Result<Door> {
    let secret = settings.secret.clone().context("the role filtering needs the secret under which names are hashed")?;
    anyhow::ensure!(
        filtering::is_the_databases(&secret, pool).await?,
        "pseudonym.key in WARDLOG_HOME is not the secret that this database was filled with: bring the first one's file here"
    );
    // The writers have connections of their own: whoever floods the door with keys waits for others.
    let writers = connect(settings, database::Role::Filtering, u32::try_from(LANES)?).await?;
    let sink = Sink::Log(Writer::start(&writers, LANES, wakes.telemetry()));
    let pipeline = Pipeline::new(secret, pool.clone(), vault, sink);
    Ok(Door::new(pool.clone(), pipeline, settings.door_memory))
}

/// The services whose roles the process has, each with the commands that it takes; what they see to beside runs until `stop`.
async fn services(
    settings: &Settings,
    own: &Url,
    wakes: &Wakes,
    tasks: &mut JoinSet<()>,
    stop: &CancellationToken,
) -> Result<Vec<(&'static Context, Service)>> {
    let mut services = Vec::new();
    for context in CONTEXTS.iter().filter(|context| settings.roles.contains(&context.role)) {
        anyhow::ensure!(
            settings.gateway_keys.is_some() || settings.roles.contains(&Role::Gateway),
            "the role {} believes a gateway, and none is of this process: say where it listens with --gateway-url",
            context.name
        );
        let keys = settings.gateway_keys.clone().map_or_else(|| keys_at(own), Ok)?;
        let verifier = Verifier::of_exchanged(context.name, keys)?;
        let pool = connect(settings, context.database, 10).await?;
        let secret = settings.secret.clone().filter(|_| context.role == Role::Filtering);
        let means = Means { pool, vault: vault(settings, context).await?, secret };
        if let Some(chore) = context.chore.filter(|_| settings.key_store.is_some()) {
            tasks.spawn(housekeeping::chore(context.name, chore, means.clone(), stop.clone()));
        }
        services.push((context, Service { means, verifier, wake: wakes.domain().clone() }));
    }
    Ok(services)
}

async fn vault(settings: &Settings, context: &Context) -> Result<Vault> {
    if let Some(key_store) = &settings.key_store {
        return key_store.vault(context).await;
    }
    tracing::warn!(service = context.name, "no key store: what names people is neither sealed nor opened");
    Ok(Vault::none())
}

async fn gateway(
    settings: &Settings,
    readers: &Readers,
    secret: &GatewaySecret,
    exchange: &Arc<Exchange>,
    own: Url,
) -> Result<Gateway> {
    let verifier = Verifier::new(settings.issuers.clone())?;
    if settings.issuers.iter().all(|issuer| issuer.second_factor.is_none()) {
        tracing::warn!("no issuer says how it shows a second factor: nobody can read names, link logins or make keys");
    }
    if !verifier.load_keys(clock::now()).await {
        tracing::warn!("the keys of an issuer cannot be read yet; they are asked for again with its first token");
    }
    for Context { name, role, .. } in CONTEXTS {
        if !settings.roles.contains(role) && !settings.services.contains_key(name) {
            tracing::warn!(service = name, "nobody takes this service's commands: say where it listens with --service");
        }
    }
    let tokens = ReadTokens::new(secret)?;
    let services = Services { default: own, elsewhere: settings.services.clone() };
    let client = Client::new(Arc::clone(exchange), tokens.clone(), services)?;
    let roles = Roles::new(readers.own().clone(), Arc::clone(exchange));
    Ok(Gateway { schema: gateway::schema::build(readers.clone(), client), verifier, roles, tokens })
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

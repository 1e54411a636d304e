//! `wardlog serve` and `wardlog demo`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use access::identity::IssuerConfig;
use anyhow::{Context, Result, bail};
use clap::Args;
use database::Logins;
use reqwest::Url;
use sqlx::postgres::PgConnectOptions;
use web::shutdown;

use super::{Database, Place};
use crate::{
    contexts::CONTEXTS,
    demo, home,
    serve::{self, KeyStore, Role, Settings},
};

/// `wardlog serve`.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// What to run in this process
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Role::ALL)]
    roles: Vec<Role>,
    /// Where to listen
    #[arg(long, env = "WARDLOG_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where the services of this process listen for the gateway, and the gateway for those who ask for its keys: a
    /// network that nobody else reaches
    #[arg(long, env = "WARDLOG_INTERNAL_LISTEN", default_value = "127.0.0.1:0")]
    internal_listen: SocketAddr,
    /// Where services listen that are not of this process, such as `directory=http://directory.internal:8081`
    #[arg(long = "service", env = "WARDLOG_SERVICES", value_delimiter = ',', value_parser = service)]
    services: Vec<(&'static str, Url)>,
    /// Where a gateway that is not of this process listens for the services, who ask for its keys: such as
    /// `http://gateway.internal:8081`
    #[arg(long, env = "WARDLOG_GATEWAY_URL")]
    gateway_url: Option<Url>,
    /// A JSON file with the trusted issuers: [{"issuer", "audience", "algorithms", "jwks": {"url"} or {"file"}}]
    #[arg(long, env = "WARDLOG_ISSUERS")]
    issuers: Option<PathBuf>,
    #[command(flatten)]
    logins: RoleUrls,
    /// Memory for requests at the door, in MiB
    #[arg(long, env = "WARDLOG_DOOR_MEMORY", default_value_t = 256)]
    door_memory: usize,
}

/// Logins of the roles' own.
#[derive(Debug, Args)]
struct RoleUrls {
    /// The database as the role `gateway` reaches it: a login that is `wardlog_gateway` and nothing else
    #[arg(long = "gateway-database-url", env = "DATABASE_URL_GATEWAY", hide_env_values = true)]
    gateway: Option<PgConnectOptions>,
    /// The same for those whom the gateway shows rounded figures alone, and `wardlog_reviewers`
    #[arg(long = "reviewers-database-url", env = "DATABASE_URL_REVIEWERS", hide_env_values = true)]
    reviewers: Option<PgConnectOptions>,
    /// The same for `directory` and `wardlog_directory`
    #[arg(long = "directory-database-url", env = "DATABASE_URL_DIRECTORY", hide_env_values = true)]
    directory: Option<PgConnectOptions>,
    /// The same for `filtering` and `wardlog_filtering`
    #[arg(long = "filtering-database-url", env = "DATABASE_URL_FILTERING", hide_env_values = true)]
    filtering: Option<PgConnectOptions>,
    /// The same for `projections` and `wardlog_projections`
    #[arg(long = "projections-database-url", env = "DATABASE_URL_PROJECTIONS", hide_env_values = true)]
    projections: Option<PgConnectOptions>,
}

/// A service that takes commands, by name, and where it listens.
fn service(text: &str) -> Result<(&'static str, Url), String> {
    let takers = || CONTEXTS.iter().map(|context| context.name);
    let (name, url) = text.split_once('=').ok_or("expected NAME=URL")?;
    let name = takers().find(|known| *known == name);
    let name = name.ok_or_else(|| format!("expected one of {}", takers().collect::<Vec<_>>().join(", ")))?;
    let url = Url::parse(url).ok().filter(|url| url.scheme() == "http" && url.has_host() && url.path() == "/");
    Ok((name, url.ok_or("expected http://, a host, a port, and no path")?))
}

impl RoleUrls {
    fn by_role(&self) -> BTreeMap<database::Role, PgConnectOptions> {
        let urls = [
            (database::Role::Gateway, &self.gateway),
            (database::Role::Reviewers, &self.reviewers),
            (database::Role::Directory, &self.directory),
            (database::Role::Filtering, &self.filtering),
            (database::Role::Projections, &self.projections),
        ];
        urls.into_iter().filter_map(|(role, url)| Some((role, url.clone()?))).collect()
    }
}

impl Serve {
    pub(super) async fn run(self, place: &Place) -> Result<()> {
        let issuers = self.issuers(place)?;
        let stop = shutdown::on_signal()?;
        let (logins, database) = self.database(place).await?;
        let has = |role| self.roles.contains(&role);
        let seals = CONTEXTS.iter().any(|context| has(context.role));
        let keys = if seals { place.key_store(database.as_ref()).await? } else { None };
        let (key_store, key_server) = keys.map_or((None, None), |(store, server)| (Some(store), server));
        let settings = Settings {
            database: logins,
            listen: self.listen,
            internal_listen: self.internal_listen,
            services: self.services.iter().cloned().collect(),
            gateway_secret: has(Role::Gateway).then(|| place.home()?.gateway_secret()).transpose()?,
            gateway_keys: self.gateway_url.as_ref().map(serve::keys_at).transpose()?,
            key_store,
            roles: self.roles.iter().copied().collect(),
            issuers,
            secret: has(Role::Filtering).then(|| place.home()?.secret()).transpose()?,
            door_memory: self.door_memory * 1024 * 1024,
        };
        let running = serve::start(settings, stop).await?;
        tracing::info!(address = %running.address, internal = %running.internal_address, "listening");
        let outcome = running.finished().await;
        if let Some(server) = key_server {
            home::stop_if_unused(&server).await?;
        }
        if let Some(database) = database {
            database.close().await?;
        }
        outcome
    }

    /// How each role reaches the database, and the database where this process has brought it up to date: a process
    /// that is given logins of its roles' own and nothing else cannot, and finds it so.
    async fn database(&self, place: &Place) -> Result<(Logins, Option<Database>)> {
        let own = self.logins.by_role();
        if place.database_url.is_none() && !own.is_empty() {
            return Ok((Logins::given(own, None), None));
        }
        let database = place.database().await?;
        let logins = match &database.server {
            Some(_) => Logins::of_their_own(&database.options),
            None => Logins::given(own, Some(database.options.clone())),
        };
        Ok((logins, Some(database)))
    }

    /// The issuers of the file; in the embedded default, the development issuer.
    fn issuers(&self, place: &Place) -> Result<Vec<IssuerConfig>> {
        match &self.issuers {
            Some(path) => {
                let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
                serde_json::from_slice(&text).with_context(|| format!("{}: expected a list of issuers", path.display()))
            }
            None if !self.roles.contains(&Role::Gateway) => Ok(Vec::new()),
            None if place.database_url.is_some() || !self.logins.by_role().is_empty() => {
                bail!(
                    "with a database of your own the trusted issuers must be given too: --issuers FILE (or WARDLOG_ISSUERS)"
                )
            }
            None => {
                tracing::warn!("no --issuers: believing the development issuer of WARDLOG_HOME");
                Ok(vec![place.home()?.dev_issuer()?.config()])
            }
        }
    }
}

/// `wardlog demo`: every role on a fresh database of the private server.
pub(super) async fn demo(place: &Place, options: &demo::Options) -> Result<ExitCode> {
    let home = place.home()?;
    let issuer = home.dev_issuer()?;
    let stop = shutdown::on_signal()?;
    let server = home.postgres()?;
    let database = home::prepare_fresh(&server.options(), home::DEMO_DATABASE).await?;
    let key_server = home.key_store()?;
    let keys = home::prepare_key_store(&key_server.options()).await?;
    let key_store =
        KeyStore { database: Logins::of_their_own(&keys), wrapping: Arc::new(home.wrapping_keys()?).into() };
    let settings = Settings {
        database: Logins::of_their_own(&database),
        listen: options.listen,
        internal_listen: ([127, 0, 0, 1], 0).into(),
        services: BTreeMap::new(),
        gateway_secret: Some(home.gateway_secret()?),
        gateway_keys: None,
        key_store: Some(key_store),
        roles: BTreeSet::from(Role::ALL),
        issuers: vec![issuer.config()],
        secret: Some(home.secret()?),
        door_memory: 256 * 1024 * 1024,
    };
    let running = serve::start(settings, stop.clone()).await?;
    let world = demo::World { address: running.address, database, issuer };
    let outcome = tokio::select! {
        outcome = demo::run(options, world) => outcome,
        () = stop.cancelled() => Err(anyhow::anyhow!("interrupted")),
    };
    if matches!(outcome, Ok(true)) && !options.once {
        println!("Serving until Ctrl-C.");
        stop.cancelled().await;
    }
    stop.cancel();
    running.finished().await?;
    home::stop_if_unused(&key_server).await?;
    home::stop_if_unused(&server).await?;
    Ok(if outcome? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

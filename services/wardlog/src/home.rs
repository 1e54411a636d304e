//! The directory of the embedded default (`.wardlog`): a private PostgreSQL, the secrets, the development issuer.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use access::{IssuerName, dev_issuer::DevIssuer, exchange::GatewaySecret};
use anyhow::{Context, Result};
use database::private::PrivateServer;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, postgres::PgConnectOptions};
use vault::{KeyFile, Secret};

/// The development issuer's name and audience: tokens of a demo are good for nothing else.
const ISSUER: &str = "https://dev.wardlog.invalid";
const AUDIENCE: &str = "wardlog";

/// The database of a plain `wardlog serve`.
pub const DATABASE: &str = "wardlog";

/// The database of `wardlog demo`, made anew each time.
pub const DEMO_DATABASE: &str = "wardlog_demo";

/// The database of the key store, on a server of its own.
const KEY_STORE: &str = "wardlog_keys";

/// A directory that holds what an installation without outside services needs.
#[derive(Debug, Clone)]
pub struct Home(PathBuf);

impl Home {
    /// Opens a home, making it the first time.
    pub fn open(directory: &Path) -> Result<Self> {
        fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
        Ok(Self(directory.canonicalize().with_context(|| format!("cannot open {}", directory.display()))?))
    }

    /// Starts the private PostgreSQL, or finds it running.
    pub fn postgres(&self) -> Result<PrivateServer> {
        Ok(PrivateServer::start(&self.0.join("postgres"))?)
    }

    /// Starts the private PostgreSQL of the key store, a cluster of its own, or finds it running.
    pub fn key_store(&self) -> Result<PrivateServer> {
        Ok(PrivateServer::start(&self.0.join("keys"))?)
    }

    /// The keys that wrap those of the key store.
    pub fn wrapping_keys(&self) -> Result<KeyFile> {
        Ok(KeyFile::open(&self.0.join("wrapping.keys"))?)
    }

    /// The same, of a home that has them.
    pub fn existing_wrapping_keys(&self) -> Result<KeyFile> {
        Ok(KeyFile::open_existing(&self.0.join("wrapping.keys"))?)
    }

    /// The secret under which names are hashed.
    pub fn secret(&self) -> Result<Secret> {
        Ok(Secret::new(self.key("pseudonym.key")?))
    }

    /// The gateway's secret.
    pub fn gateway_secret(&self) -> Result<GatewaySecret> {
        Ok(GatewaySecret::new(self.key("gateway.key")?))
    }

    /// 256 random bits in a file of mode 0600, made the first time.
    fn key(&self, name: &str) -> Result<[u8; 32]> {
        let path = self.0.join(name);
        let wrong = || format!("cannot use {}", path.display());
        match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(mut file) => {
                file.write_all(&rand::random::<[u8; 32]>()).and_then(|()| file.sync_all()).with_context(wrong)?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(wrong),
        }
        fs::read(&path)
            .with_context(wrong)?
            .try_into()
            .map_err(|_| anyhow::anyhow!("{}: expected 32 bytes", path.display()))
    }

    /// The development issuer.
    pub fn dev_issuer(&self) -> Result<DevIssuer> {
        Ok(DevIssuer::open(&self.0.join("dev-issuer"), ISSUER.parse::<IssuerName>()?, AUDIENCE)?)
    }
}

/// Makes the database `name` unless it is there, and brings it up to date.
pub async fn prepare(server: &PgConnectOptions, name: &'static str) -> Result<PgConnectOptions> {
    let database = make(server, name).await?;
    database::migrate(&database).await?;
    Ok(database)
}

/// Makes the key store's database unless it is there, and brings it up to date.
pub async fn prepare_key_store(server: &PgConnectOptions) -> Result<PgConnectOptions> {
    let database = make(server, KEY_STORE).await?;
    database::migrate_key_store(&database).await?;
    Ok(database)
}

async fn make(server: &PgConnectOptions, name: &'static str) -> Result<PgConnectOptions> {
    let mut connection = PgConnection::connect_with(server).await?;
    let there = sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1) AS "there!""#, name)
        .fetch_one(&mut connection)
        .await?;
    if !there {
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await?;
    }
    connection.close().await?;
    Ok(server.clone().database(name))
}

/// Stops the private server, unless another process stays connected to it; our own connections take a moment to close.
pub async fn stop_if_unused(server: &PrivateServer) -> Result<()> {
    let mut connection = PgConnection::connect_with(&server.options()).await?;
    for _ in 0..40 {
        let others = sqlx::query_scalar!(
            r#"SELECT count(*) AS "n!" FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"#
        );
        if others.fetch_one(&mut connection).await? == 0 {
            connection.close().await?;
            return Ok(server.stop()?);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Makes the database `name` anew.
pub async fn prepare_fresh(server: &PgConnectOptions, name: &'static str) -> Result<PgConnectOptions> {
    let mut connection = PgConnection::connect_with(server).await?;
    connection.execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))).await?;
    connection.close().await?;
    prepare(server, name).await
}

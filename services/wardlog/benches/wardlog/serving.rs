//! `wardlog serve` within this process, with the roles that a benchmark needs.

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc};

use access::{dev_issuer::DevIssuer, exchange::GatewaySecret};
use anyhow::Result;
use database::Logins;
use sqlx::postgres::PgConnectOptions;
use tokio_util::sync::CancellationToken;
use vault::{KeyFile, Secret};
use wardlog::serve::{self, KeyStore, Role, Running, Settings};
use web::clock;

use crate::door::MEMORY;

/// The issuer that the gateways here are told to believe; nobody asks it anything.
pub const ISSUER: &str = "https://bench.wardlog.invalid";

/// Running roles.
pub struct Serving {
    /// Where they listen.
    pub running: Running,
    /// Whom the gateway among them believes.
    pub issuer: Arc<DevIssuer>,
    keys: PathBuf,
    stop: CancellationToken,
}

impl Serving {
    /// Starts them; the key store is in the same database.
    pub async fn start<const N: usize>(database: &PgConnectOptions, roles: [Role; N]) -> Result<Self> {
        let stop = CancellationToken::new();
        database::migrate_key_store(database).await?;
        let keys = std::env::temp_dir().join(format!("wardlog-bench-{}", clock::random_id()));
        let issuer = DevIssuer::open(&keys, ISSUER.parse()?, "wardlog")?;
        let settings = Settings {
            database: Logins::of_their_own(database),
            listen: ([127, 0, 0, 1], 0).into(),
            internal_listen: ([127, 0, 0, 1], 0).into(),
            services: BTreeMap::new(),
            gateway_secret: Some(secret()),
            gateway_keys: None,
            key_store: Some(KeyStore {
                database: Logins::of_their_own(database),
                wrapping: Arc::new(KeyFile::open(&keys.join("wrapping.keys"))?).into(),
            }),
            roles: roles.into(),
            issuers: vec![issuer.config()],
            secret: Some(Secret::new([7; 32])),
            door_memory: MEMORY,
        };
        let running = serve::start(settings, stop.clone()).await?;
        Ok(Self { running, issuer: Arc::new(issuer), keys, stop })
    }

    /// Stops them in order.
    pub async fn stop(self) -> Result<()> {
        self.stop.cancel();
        self.running.finished().await?;
        Ok(fs::remove_dir_all(self.keys)?)
    }
}

/// The secret of every gateway here.
pub fn secret() -> GatewaySecret {
    GatewaySecret::new([7; 32])
}

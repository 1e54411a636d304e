//! A `wardlog serve` process, and what the kernel says of its memory.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use access::dev_issuer::DevIssuer;
use anyhow::{Context, Result, bail, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sqlx::{ConnectOptions, postgres::PgConnectOptions};
use web::clock;

use crate::serving::ISSUER;

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running process; killed when dropped before it was stopped.
pub struct Process {
    child: Child,
    address: SocketAddr,
    directory: PathBuf,
}

impl Process {
    /// Starts it with every role and a key store in the same database, and waits until it says that it is ready.
    pub async fn start(database: &PgConnectOptions) -> Result<Self> {
        let directory = std::env::temp_dir().join(format!("wardlog-bench-{}", clock::random_id()));
        let issuer = directory.join("issuer");
        DevIssuer::open(&issuer, ISSUER.parse()?, "wardlog")?;
        let issuers = serde_json::json!([{ "issuer": ISSUER, "audience": "wardlog", "algorithms": ["EdDSA"],
                                           "jwks": { "file": issuer.join("jwks.json") } }]);
        fs::write(directory.join("issuers.json"), issuers.to_string())?;
        // A port that was free a moment ago.
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let child = Command::new(env!("CARGO_BIN_EXE_wardlog"))
            .args(["serve", "--listen", &address.to_string(), "--issuers"])
            .arg(directory.join("issuers.json"))
            .env("DATABASE_URL", database.to_url_lossy().as_str())
            .env("VAULT_DATABASE_URL", database.to_url_lossy().as_str())
            .env("WARDLOG_HOME", directory.join("home"))
            .env("WARDLOG_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start wardlog")?;
        let mut process = Self { child, address, directory };
        process.wait_until_ready().await?;
        Ok(process)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A line of `/proc/PID/status`, in MiB: `VmRSS` is what it has, `VmHWM` the most that it has had.
    pub fn memory(&self, field: &str) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).context("expected a number of kB")?;
        Ok(kib.parse::<f64>()? / 1024.0)
    }

    /// Stops it in order.
    pub fn stop(mut self) -> Result<()> {
        kill(Pid::from_raw(i32::try_from(self.child.id())?), Signal::SIGTERM)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "wardlog ended with {status}");
        Ok(())
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let (client, url) = (reqwest::Client::new(), format!("http://{}/health/ready", self.address));
        let began = Instant::now();
        while !client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
            if let Some(status) = self.child.try_wait()? {
                bail!("wardlog ended with {status}");
            }
            ensure!(began.elapsed() < PATIENCE, "wardlog was not ready within {} seconds", PATIENCE.as_secs());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

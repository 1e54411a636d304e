//! Processes of the real binary.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use access::{dev_issuer::DevIssuer, identity::KeySource};
use reqwest::Client;

use crate::town::STAFF;

/// Starts `wardlog serve` with these roles and variables and no other of ours; it logs to `directory`, what is grave unless
/// told otherwise.
pub fn serve(directory: &Path, roles: &str, variables: &[(&str, String)]) -> Child {
    let log = File::options().create(true).append(true).open(directory.join("wardlog.log")).unwrap();
    Command::new(env!("CARGO_BIN_EXE_wardlog"))
        .args(["serve", "--roles", roles])
        .env_clear()
        .envs(std::env::vars().filter(|(name, _)| ["PATH", "TMPDIR", "WARDLOG_POSTGRES_BIN"].contains(&name.as_str())))
        .env("WARDLOG_LOG", "warn")
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// Waits until the process that listens at `address` says that it is ready; `ended` tells when it never will be.
pub async fn ready(directory: &Path, address: SocketAddr, mut ended: impl FnMut() -> Option<std::process::ExitStatus>) {
    let (client, url) = (Client::new(), format!("http://{address}/health/ready"));
    let last_words = || {
        let log = fs::read_to_string(directory.join("wardlog.log")).unwrap_or_default();
        log.lines().rev().take(5).collect::<Vec<_>>().join("\n")
    };
    let ready = async {
        while !client.get(&url).send().await.is_ok_and(|response| response.status().is_success()) {
            if let Some(status) = ended() {
                panic!("wardlog ended with {status}: {}", last_words());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let outcome = tokio::time::timeout(Duration::from_mins(1), ready).await;
    assert!(outcome.is_ok(), "wardlog was not ready within a minute: {}", last_words());
}

/// The file of trusted issuers, in `directory`.
pub fn trusting(directory: &Path, issuer: &DevIssuer) -> PathBuf {
    let KeySource::File(keys) = issuer.config().jwks else { panic!("a development issuer keeps its keys in a file") };
    let trusted = |issuer: &str, states_roles: bool| {
        serde_json::json!({ "issuer": issuer, "audience": "wardlog", "algorithms": ["EdDSA"], "jwks": { "file": keys },
                            "states_roles": states_roles, "second_factor": { "acr": ["development"] } })
    };
    let issuers = serde_json::json!([trusted("https://town.invalid", true), trusted(STAFF, false)]);
    let path = directory.join("issuers.json");
    fs::write(&path, issuers.to_string()).unwrap();
    path
}

/// An address of this process's own: below the ports that the system gives out, and no two alike.
pub fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 50).unwrap() * 200;
    loop {
        let port = 20_000 + first + NEXT.fetch_add(1, Ordering::Relaxed) % 200;
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return listener.local_addr().unwrap();
        }
    }
}

//! A private PostgreSQL and a `wardlog serve` process on it, to be killed and started again.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use access::dev_issuer::DevIssuer;
use database::{Role, private::PrivateServer};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use reqwest::Client;
use sqlx::postgres::PgConnectOptions;
use wardlog::home;

use crate::town::{issuer, temporary};

pub struct Victims {
    directory: PathBuf,
    server: PrivateServer,
    process: Option<Child>,
    folders: Vec<Child>,
    address: SocketAddr,
    _issuer: DevIssuer,
}

impl Victims {
    pub fn start() -> Self {
        let directory = temporary("kill");
        let server = PrivateServer::start(&directory.join("postgres")).unwrap();
        // A port that was free a moment ago: the process must come back on the same one each time.
        let address = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
        let issuer = issuer();
        let issuers = serde_json::json!([{ "issuer": "https://town.invalid", "audience": "wardlog", "algorithms": ["EdDSA"],
            "jwks": { "file": match issuer.config().jwks { access::identity::KeySource::File(path) => path, access::identity::KeySource::Url(_) => unreachable!() } } }]);
        fs::write(directory.join("issuers.json"), issuers.to_string()).unwrap();
        Self { directory, server, process: None, folders: Vec::new(), address, _issuer: issuer }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn options(&self) -> PgConnectOptions {
        self.server.options().database(home::DATABASE)
    }

    pub async fn database(&self) -> PgConnectOptions {
        home::prepare(&self.server.options(), home::DATABASE).await.unwrap()
    }

    /// Starts the process with every role, and waits until it says that it is ready.
    pub async fn start_process(&mut self) {
        self.process = Some(self.spawn("gateway,filtering,projections", &self.address.to_string()));
        self.wait_until_ready().await;
    }

    /// Starts a process that serves, and others that only fold.
    pub async fn start_apart(&mut self, folders: usize) {
        self.process = Some(self.spawn("gateway,filtering", &self.address.to_string()));
        for _ in 0..folders {
            self.start_folder();
        }
        self.wait_until_ready().await;
    }

    /// Starts one more process that only folds.
    pub fn start_folder(&mut self) {
        let folder = self.spawn("projections", "127.0.0.1:0");
        self.folders.push(folder);
    }

    /// `kill -9` of the process that has folded longest.
    pub fn kill_folder(&mut self) {
        let mut folder = self.folders.remove(0);
        folder.kill().unwrap();
        folder.wait().unwrap();
    }

    /// Stops the process that has folded longest where it stands (SIGSTOP); [`Victims::wake_folder`] lets it go on.
    pub fn stun_folder(&mut self) {
        self.folders.rotate_left(1);
        self.signal_last_folder(Signal::SIGSTOP);
    }

    pub fn wake_folder(&self) {
        self.signal_last_folder(Signal::SIGCONT);
    }

    fn signal_last_folder(&self, signal: Signal) {
        let folder = self.folders.last().unwrap();
        kill(Pid::from_raw(i32::try_from(folder.id()).unwrap()), signal).unwrap();
    }

    fn spawn(&self, roles: &str, listen: &str) -> Child {
        let log = File::options().create(true).append(true).open(self.directory.join("wardlog.log")).unwrap();
        // Each role by a login of its own, and none that could be more.
        let login = |role: Role| {
            let user = format!("//{}@", role.as_str());
            self.server.url().replace("//wardlog@", &user).replace("/postgres?", &format!("/{}?", home::DATABASE))
        };
        Command::new(env!("CARGO_BIN_EXE_wardlog"))
            .args(["serve", "--roles", roles, "--listen", listen])
            .env_remove("DATABASE_URL")
            .env("DATABASE_URL_GATEWAY", login(Role::Gateway))
            .env("DATABASE_URL_FILTERING", login(Role::Filtering))
            .env("DATABASE_URL_PROJECTIONS", login(Role::Projections))
            .env("WARDLOG_HOME", self.directory.join("home"))
            .env("WARDLOG_ISSUERS", self.directory.join("issuers.json"))
            .env("WARDLOG_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    async fn wait_until_ready(&mut self) {
        let url = format!("http://{}/health/ready", self.address);
        let client = Client::new();
        let ready = async {
            while !client.get(&url).send().await.is_ok_and(|response| response.status().is_success()) {
                if let Some(status) = self.process.as_mut().and_then(|process| process.try_wait().unwrap()) {
                    panic!("wardlog ended with {status}: {}", self.last_words());
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let outcome = tokio::time::timeout(Duration::from_mins(1), ready).await;
        assert!(outcome.is_ok(), "wardlog was not ready within a minute: {}", self.last_words());
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.directory.join("wardlog.log")).unwrap_or_default();
        log.lines().rev().take(5).collect::<Vec<_>>().join("\n")
    }

    /// `kill -9`, and a new process.
    pub async fn kill_process(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
        self.start_process().await;
    }

    /// `kill -9` of the postmaster, and a start that recovers; the process must come through by itself.
    pub async fn kill_postgres(&mut self) {
        let postmaster = self.server.process_id().unwrap();
        kill(Pid::from_raw(postmaster), Signal::SIGKILL).unwrap();
        // Its orphans still hold the shared memory for a moment; until they are gone a start is refused.
        let started = async {
            while self.server.launch().is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), started).await.expect("PostgreSQL starts again within a minute");
        self.wait_until_ready().await;
    }

    pub fn stop_process(&mut self) {
        let mut process = self.process.take().unwrap();
        kill(Pid::from_raw(i32::try_from(process.id()).unwrap()), Signal::SIGTERM).unwrap();
        assert!(process.wait().unwrap().success(), "an orderly stop");
    }

    pub fn end(mut self) {
        for folder in &mut self.folders {
            folder.kill().unwrap();
            folder.wait().unwrap();
        }
        self.server.stop().unwrap();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

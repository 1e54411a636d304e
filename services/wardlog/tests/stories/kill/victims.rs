//! A private PostgreSQL and a `wardlog serve` process on it, to be killed and started again.

use std::{fs, net::SocketAddr, path::PathBuf, process::Child, time::Duration};

use access::dev_issuer::DevIssuer;
use database::{Role, private::PrivateServer};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sqlx::postgres::PgConnectOptions;
use wardlog::home;

use crate::{
    process,
    town::{issuer, temporary},
};

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
        let address = process::free_address();
        let issuer = issuer();
        process::trusting(&directory, &issuer);
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
        self.process = Some(self.spawn("gateway,directory,filtering,projections", &self.address.to_string()));
        self.wait_until_ready().await;
    }

    /// Starts a process that serves, and others that only fold.
    pub async fn start_apart(&mut self, folders: usize) {
        self.process = Some(self.spawn("gateway,directory,filtering", &self.address.to_string()));
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
        // Each role by a login of its own, and none that could be more.
        let login = |role: Role| {
            let user = format!("//{}@", role.as_str());
            self.server.url().replace("//wardlog@", &user).replace("/postgres?", &format!("/{}?", home::DATABASE))
        };
        let variables = [
            ("WARDLOG_LISTEN", listen.to_owned()),
            ("DATABASE_URL_GATEWAY", login(Role::Gateway)),
            ("DATABASE_URL_REVIEWERS", login(Role::Reviewers)),
            ("DATABASE_URL_DIRECTORY", login(Role::Directory)),
            ("DATABASE_URL_FILTERING", login(Role::Filtering)),
            ("DATABASE_URL_PROJECTIONS", login(Role::Projections)),
            ("WARDLOG_HOME", self.directory.join("home").display().to_string()),
            ("WARDLOG_ISSUERS", self.directory.join("issuers.json").display().to_string()),
        ];
        process::serve(&self.directory, roles, &variables)
    }

    async fn wait_until_ready(&mut self) {
        let process = &mut self.process;
        let ended = || process.as_mut().and_then(|process| process.try_wait().unwrap());
        process::ready(&self.directory, self.address, ended).await;
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

//! The private PostgreSQL of the embedded default: started from the binaries on the machine, reached by a socket only.

mod programs;

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, lchown},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use nix::unistd::{Uid, User};
use sqlx::postgres::PgConnectOptions;

use programs::Programs;

/// Why the private server is not running, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum PrivateError {
    /// No PostgreSQL programs were found.
    #[error(
        "PostgreSQL 15 or later is not installed: run `apt-get install postgresql`, or name its programs' directory in WARDLOG_POSTGRES_BIN"
    )]
    NotInstalled,
    /// Root may not run PostgreSQL, and there is no ordinary user to run it as.
    #[error(
        "PostgreSQL does not run as root and there is neither a user `postgres` nor `nobody` to run it as: start Wardlog as an ordinary user"
    )]
    NoOrdinaryUser,
    /// A program failed; its own words follow.
    #[error("{program} failed: {output}")]
    Failed {
        /// The program.
        program: &'static str,
        /// What it printed.
        output: String,
    },
    /// A file or directory could not be used.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// A private server in a directory of its own; it outlives this value until [`PrivateServer::stop`].
#[derive(Debug, Clone)]
pub struct PrivateServer {
    programs: Programs,
    directory: PathBuf,
    runs_as: Option<User>,
}

impl PrivateServer {
    /// Starts the server of `directory`, or finds it running; its cluster is created the first time.
    ///
    /// As root it runs as `postgres` (or `nobody`), in a directory which that user can reach: `directory`, or one under
    /// `/var/tmp` named after it when a parent of `directory` is closed to others.
    pub fn start(directory: &Path) -> Result<Self, PrivateError> {
        let programs = Programs::find()?;
        let runs_as = ordinary_user()?;
        let directory = match &runs_as {
            Some(_) if !others_reach(directory) => Path::new("/var/tmp").join(format!("wardlog{}", flat(directory))),
            _ => directory.to_owned(),
        };
        let server = Self { programs, directory, runs_as };
        server.make_directories()?;
        if !server.data().join("PG_VERSION").exists() {
            let data = server.data();
            server.run("initdb", |command| {
                command
                    .args(["--username=wardlog", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--pgdata"])
                    .arg(data);
            })?;
        }
        if !server.is_running() {
            server.launch()?;
        }
        Ok(server)
    }

    /// Connects as the owner of the cluster to its database `postgres`.
    pub fn options(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(&self.directory)
            .port(5432)
            .username("wardlog")
            .database("postgres")
    }

    /// The same as a URL, for another process.
    pub fn url(&self) -> String {
        format!("postgres://wardlog@localhost/postgres?host={}", self.directory.display())
    }

    /// The postmaster's process id, while it runs.
    pub fn process_id(&self) -> Option<i32> {
        fs::read_to_string(self.data().join("postmaster.pid")).ok()?.lines().next()?.trim().parse().ok()
    }

    /// Whether the server runs.
    pub fn is_running(&self) -> bool {
        let data = self.data();
        self.run("pg_ctl", |command| {
            command.arg("status").arg("--pgdata").arg(data);
        })
        .is_ok()
    }

    /// Stops the server, ending its clients' transactions, and waits until it has stopped.
    pub fn stop(&self) -> Result<(), PrivateError> {
        self.end("--mode=fast")
    }

    /// Stops the server where it stands, and removes its directory: for one whose data nobody wants.
    pub fn discard(self) -> Result<(), PrivateError> {
        self.end("--mode=immediate")?;
        fs::remove_dir_all(&self.directory).map_err(|source| PrivateError::File { path: self.directory, source })
    }

    fn end(&self, mode: &str) -> Result<(), PrivateError> {
        let data = self.data();
        self.run("pg_ctl", |command| {
            command.args(["stop", mode, "--wait", "--timeout=120", "--pgdata"]).arg(data);
        })
    }

    /// Starts a stopped or killed server again.
    pub fn launch(&self) -> Result<(), PrivateError> {
        let data = self.data();
        let settings = format!(
            "-c listen_addresses='' -c unix_socket_directories='{}' -c unix_socket_permissions=0700 -c max_connections=200 \
             -c shared_buffers=256MB -c max_wal_size=4GB -c log_min_messages=warning",
            self.directory.display()
        );
        let log = self.directory.join("postgres.log");
        self.run("pg_ctl", |command| {
            command.args(["start", "--wait", "--timeout=120", "--silent", "--options", &settings, "--log"]).arg(log);
            command.arg("--pgdata").arg(data);
        })
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// The socket's directory is closed to everyone but the server's user and root: whoever reaches it is trusted.
    fn make_directories(&self) -> Result<(), PrivateError> {
        let wrong = |source| PrivateError::File { path: self.directory.clone(), source };
        if let Some(parent) = self.directory.parent() {
            fs::create_dir_all(parent).map_err(wrong)?;
        }
        match fs::DirBuilder::new().mode(0o700).create(&self.directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(wrong(error)),
            _ => {}
        }
        // Somebody may have been here first: what is found must be a directory, ours, and closed.
        let found = fs::symlink_metadata(&self.directory).map_err(wrong)?;
        let owner = self.runs_as.as_ref().map_or_else(Uid::effective, |user| user.uid).as_raw();
        let ours = found.uid() == owner || found.uid() == Uid::effective().as_raw();
        if !found.is_dir() || !ours || found.mode() & 0o077 != 0 {
            return Err(wrong(io::Error::other(
                "expected a directory of our own that is closed to others (mode 0700)",
            )));
        }
        if let Some(user) = &self.runs_as {
            lchown(&self.directory, Some(user.uid.as_raw()), Some(user.gid.as_raw())).map_err(wrong)?;
        }
        Ok(())
    }

    fn run(&self, program: &'static str, arguments: impl FnOnce(&mut Command)) -> Result<(), PrivateError> {
        let mut command = Command::new(self.programs.path(program));
        arguments(&mut command);
        if let Some(user) = &self.runs_as {
            use std::os::unix::process::CommandExt;
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        // The server inherits its starter's pipes: a captured one would stay open for the server's life.
        let output_file = self.directory.join(format!("{program}.out"));
        let wrong = |source| PrivateError::File { path: output_file.clone(), source };
        let output = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .custom_flags(nix::libc::O_NOFOLLOW)
            .open(&output_file)
            .map_err(wrong)?;
        let status = command
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .stdout(output.try_clone().map_err(wrong)?)
            .stderr(output)
            .status()
            .map_err(wrong)?;
        if status.success() {
            return Ok(());
        }
        let output = fs::read_to_string(&output_file).unwrap_or_default();
        Err(PrivateError::Failed { program, output: output.trim().to_owned() })
    }
}

/// The user to run as: none but the caller unless that is root.
fn ordinary_user() -> Result<Option<User>, PrivateError> {
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    ["postgres", "nobody"]
        .into_iter()
        .find_map(|name| User::from_name(name).ok().flatten())
        .map(Some)
        .ok_or(PrivateError::NoOrdinaryUser)
}

/// Whether every existing directory on the way to `directory` lets others pass.
fn others_reach(directory: &Path) -> bool {
    directory
        .ancestors()
        .skip(1)
        .filter_map(|parent| fs::metadata(parent).ok())
        .all(|parent| parent.mode() & 0o001 != 0)
}

/// A path as one file name.
fn flat(path: &Path) -> String {
    path.display().to_string().replace('/', "-")
}

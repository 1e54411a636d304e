//! A process for each role, each with a login of its own.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Child,
};

use access::dev_issuer::DevIssuer;
use database::Role;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sqlx::{ConnectOptions, postgres::PgConnectOptions};

use super::temporary;
use crate::process::{free_address, ready, serve, trusting};

/// Four processes; killed when dropped.
pub struct Apart {
    pub gateway: SocketAddr,
    pub door: SocketAddr,
    pub scim: SocketAddr,
    /// Where their homes are, and their log.
    pub directory: PathBuf,
    variables: Vec<(&'static str, String)>,
    processes: Vec<Child>,
}

impl Apart {
    /// Starts them, each with `variables` beside its own.
    pub async fn start(
        database: &PgConnectOptions,
        issuer: &DevIssuer,
        variables: Vec<(&'static str, String)>,
    ) -> Self {
        let directory = temporary("apart");
        fs::create_dir(&directory).unwrap();
        let issuers = trusting(&directory, issuer).display().to_string();
        let inside = [(); 3].map(|()| free_address()).map(|address| (address.to_string(), format!("http://{address}")));
        let [(gateway_inside, gateway_url), (directory_inside, directory_url), (filtering_inside, filtering_url)] =
            inside;
        let [gateway, door, scim] = [free_address(), free_address(), free_address()];
        let mut apart = Self { gateway, door, scim, directory, variables, processes: Vec::new() };

        let listens = |inside, role| {
            [
                ("WARDLOG_INTERNAL_LISTEN", inside),
                ("WARDLOG_GATEWAY_URL", gateway_url.clone()),
                ("VAULT_DATABASE_URL", url(database, role)),
            ]
        };
        let filtering = listens(filtering_inside, Role::Filtering);
        apart.run(Role::Filtering, "filtering", door, database, &filtering).await;
        let directory = listens(directory_inside, Role::Directory);
        apart.run(Role::Directory, "directory", scim, database, &directory).await;
        let listens = [
            ("WARDLOG_INTERNAL_LISTEN", gateway_inside),
            ("DATABASE_URL_REVIEWERS", url(database, Role::Reviewers)),
            ("WARDLOG_SERVICES", format!("directory={directory_url},filtering={filtering_url}")),
            ("WARDLOG_ISSUERS", issuers),
        ];
        apart.run(Role::Gateway, "gateway", gateway, database, &listens).await;
        apart.run(Role::Projections, "projections", free_address(), database, &[]).await;
        apart
    }

    /// One process that does everything, on servers of its own in `directory`.
    pub async fn embedded(directory: &Path, issuer: &DevIssuer) -> Self {
        let (directory, address) = (directory.to_owned(), free_address());
        let variables = [
            ("WARDLOG_ISSUERS", trusting(&directory, issuer).display().to_string()),
            ("WARDLOG_LISTEN", address.to_string()),
            ("WARDLOG_HOME", directory.display().to_string()),
            ("WARDLOG_LOG", "debug".to_owned()),
        ];
        let mut process = serve(&directory, "gateway,directory,filtering,projections", &variables);
        ready(&directory, address, || process.try_wait().unwrap()).await;
        let (gateway, door, scim) = (address, address, address);
        Self { gateway, door, scim, directory, variables: Vec::new(), processes: vec![process] }
    }

    async fn run(
        &mut self,
        login: Role,
        role: &str,
        listen: SocketAddr,
        database: &PgConnectOptions,
        others: &[(&str, String)],
    ) {
        let variable = format!("DATABASE_URL_{}", login.variable());
        let own = [
            (variable.as_str(), url(database, login)),
            ("WARDLOG_LISTEN", listen.to_string()),
            ("WARDLOG_HOME", self.directory.join(role).display().to_string()),
        ];
        self.processes.push(serve(&self.directory, role, &[&own, others, &self.variables].concat()));
        let process = self.processes.last_mut().unwrap();
        ready(&self.directory, listen, || process.try_wait().unwrap()).await;
    }
}

impl Apart {
    /// Ends them in an orderly way: what they still have to say of what they did is said.
    pub fn stop(&mut self) {
        for process in &mut self.processes {
            kill(Pid::from_raw(i32::try_from(process.id()).unwrap()), Signal::SIGTERM).unwrap();
        }
        for mut process in self.processes.drain(..) {
            assert!(process.wait().unwrap().success(), "an orderly stop");
        }
    }
}

/// The database as a role reaches it; the key store is in it too.
fn url(database: &PgConnectOptions, login: Role) -> String {
    database.clone().username(login.as_str()).to_url_lossy().to_string()
}

impl Drop for Apart {
    fn drop(&mut self) {
        for process in &mut self.processes {
            process.kill().unwrap();
            process.wait().unwrap();
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

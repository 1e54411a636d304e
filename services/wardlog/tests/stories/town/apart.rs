//! A process for each role, each with a login of its own.

use std::{fs, net::SocketAddr, path::PathBuf, process::Child};

use access::dev_issuer::DevIssuer;
use database::Role;
use sqlx::{ConnectOptions, postgres::PgConnectOptions};

use super::temporary;
use crate::process::{free_address, ready, serve, trusting};

/// Four processes; killed when dropped.
pub struct Apart {
    pub gateway: SocketAddr,
    pub door: SocketAddr,
    pub scim: SocketAddr,
    directory: PathBuf,
    processes: Vec<Child>,
}

impl Apart {
    pub async fn start(database: &PgConnectOptions, issuer: &DevIssuer) -> Self {
        let directory = temporary("apart");
        fs::create_dir(&directory).unwrap();
        let issuers = trusting(&directory, issuer).display().to_string();
        let inside = [free_address(), free_address()].map(|address| (address.to_string(), format!("http://{address}")));
        let [(gateway_inside, gateway_url), (directory_inside, directory_url)] = inside;
        let [gateway, door, scim] = [free_address(), free_address(), free_address()];
        let mut apart = Self { gateway, door, scim, directory, processes: Vec::new() };

        apart.run(Role::Filtering, "filtering", door, database, &[]).await;
        let listens = [
            ("WARDLOG_INTERNAL_LISTEN", directory_inside),
            ("WARDLOG_GATEWAY_URL", gateway_url),
            ("VAULT_DATABASE_URL", url(database, Role::Directory)),
        ];
        apart.run(Role::Directory, "directory", scim, database, &listens).await;
        let listens = [
            ("WARDLOG_INTERNAL_LISTEN", gateway_inside),
            ("WARDLOG_SERVICES", format!("directory={directory_url}")),
            ("WARDLOG_ISSUERS", issuers),
        ];
        apart.run(Role::Gateway, "gateway", gateway, database, &listens).await;
        apart.run(Role::Projections, "projections", free_address(), database, &[]).await;
        apart
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
        self.processes.push(serve(&self.directory, role, &[&own, others].concat()));
        let process = self.processes.last_mut().unwrap();
        ready(&self.directory, listen, || process.try_wait().unwrap()).await;
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
        fs::remove_dir_all(&self.directory).unwrap();
    }
}

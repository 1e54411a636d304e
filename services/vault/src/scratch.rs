//! A transit engine of its own for each test, in a real server of HashiCorp Vault.

#![expect(clippy::expect_used, reason = "only tests call this, and a test without its server has failed")]

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use data_encoding::HEXLOWER;
use reqwest::{Certificate, Client, Method, StatusCode, Url};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::TransitSettings;

/// What the token of a process with the role SERVICE may do, where the engine is mounted at `transit/`.
const POLICY: &str = include_str!("../../../infra/vault/wardlog.hcl");

/// A server of HashiCorp Vault, unsealed. It ends with this process, and takes its directory along.
#[derive(Debug)]
pub struct Server {
    process: Child,
    directory: PathBuf,
    address: Url,
    root: String,
    unseal: String,
}

impl Server {
    /// The one that the tests of this process share.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<Server> = OnceCell::const_new();
        SHARED.get_or_init(Self::start).await
    }

    /// Another one.
    ///
    /// # Panics
    /// When it is not built: a test cannot do without it.
    pub async fn start() -> Self {
        let built = env::var_os("WARDLOG_VAULT_SERVER");
        let built = built
            .unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/vault-server/vault-server").into());
        let directory = env::temp_dir().join(format!("wardlog-vault-server-{}", random()));
        fs::create_dir(&directory).expect("a directory can be made");
        let process = Command::new(built)
            .args([directory.as_os_str(), "127.0.0.1:0".as_ref()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut process = process.expect("HashiCorp Vault is built: run `make test`, or scripts/vault-server/build.sh");
        let mut address = String::new();
        let printed = BufReader::new(process.stdout.take().expect("its output is a pipe")).read_line(&mut address);
        printed.expect("it prints where it listens");
        let address = format!("https://{}", address.trim()).parse().expect("it prints an address");
        let mut server = Self { process, directory, address, root: String::new(), unseal: String::new() };
        let keys = server.ask(Method::PUT, "sys/init", &json!({ "secret_shares": 1, "secret_threshold": 1 })).await;
        (server.root, server.unseal) = (text(&keys["root_token"]), text(&keys["keys_base64"][0]));
        server.unseal().await;
        server
    }

    /// Makes one answer again that was sealed.
    pub async fn unseal(&self) {
        self.ask(Method::PUT, "sys/unseal", &json!({ "key": self.unseal })).await;
    }

    /// A new engine of it, and a token that may do what Wardlog needs.
    ///
    /// # Panics
    /// When its disk is full.
    pub async fn engine(&self) -> TransitSettings {
        let mount = format!("transit-{}", random());
        self.ask(Method::POST, &format!("sys/mounts/{mount}"), &json!({ "type": "transit" })).await;
        let policies = ["directory", "filtering"].map(|service| (format!("{mount}-{service}"), service));
        for (name, service) in &policies {
            let policy = POLICY.replace("transit/", &format!("{mount}/")).replace("SERVICE", service);
            self.ask(Method::PUT, &format!("sys/policies/acl/{name}"), &json!({ "policy": policy })).await;
        }
        let token_file = self.directory.join(format!("{mount}.token"));
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&token_file);
        let token = self.token(&policies.map(|(name, _)| name)).await;
        file.and_then(|mut file| file.write_all(token.as_bytes())).expect("the token can be written");
        TransitSettings {
            url: self.address.join(&format!("/v1/{mount}")).expect("it is a path"),
            namespace: None,
            token: token_file,
            authorities: Some(self.authority()),
        }
    }

    /// A token with some policies and no other.
    pub async fn token(&self, policies: &[String]) -> String {
        let wanted = json!({ "policies": policies, "no_default_policy": true });
        text(&self.ask(Method::POST, "auth/token/create-orphan", &wanted).await["auth"]["client_token"])
    }

    /// What it answers to whoever may do everything.
    ///
    /// # Panics
    /// When it refuses.
    pub async fn ask(&self, method: Method, path: &str, body: &Value) -> Value {
        let (status, answer) = self.answer(&self.root, method, path, body).await;
        assert!(status.is_success(), "{path}: {status} {answer}");
        answer
    }

    /// What it answers to whoever has a token.
    ///
    /// # Panics
    /// When it does not.
    pub async fn answer(&self, token: &str, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
        let authority = fs::read(self.authority()).expect("it has written its certificate");
        let authority = Certificate::from_pem(&authority).expect("it is a certificate");
        let client = Client::builder().tls_certs_only([authority]).build().expect("there is TLS");
        let url = self.address.join(&format!("/v1/{path}")).expect("it is a path");
        let request = client.request(method, url).header("X-Vault-Token", token).json(body);
        let answer = request.send().await.expect("it answers");
        let (status, answer) = (answer.status(), answer.bytes().await.expect("it answers to the end"));
        let answer = if answer.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&answer) };
        (status, answer.expect("it answers in JSON"))
    }

    /// The token of an administrator.
    pub fn root(&self) -> &str {
        &self.root
    }

    fn authority(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }
}

/// One that is shared ends when its standard input does, with the process.
impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        self.process.wait().expect("it ends");
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("it is a text").to_owned()
}

fn random() -> String {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes).expect("there is randomness");
    HEXLOWER.encode(&bytes)
}

//! The engine's HTTP API, as far as every request is alike.

use std::{
    error::Error,
    fs,
    io::{self, Read},
    net::IpAddr,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    time::Duration,
};

use reqwest::{Certificate, Client, Method, Response, StatusCode, Url, header::HeaderValue, redirect};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

/// Whoever sends a command is answered within ten seconds, also where the engine is not.
const PATIENCE: Duration = Duration::from_secs(4);

/// Where the engine is, and who asks it.
#[derive(Debug, Clone)]
pub struct TransitSettings {
    /// Where the engine is mounted, such as `https://vault.example:8200/v1/transit`. Without TLS only on this machine, as a
    /// Vault Agent listens.
    pub url: Url,
    /// The namespace, of a server that has any.
    pub namespace: Option<String>,
    /// A file with the token and nothing else. It is read for every request, so whoever renews the token writes it there.
    pub token: PathBuf,
    /// The certificate authorities of the server, in PEM; none to trust those of this machine.
    pub authorities: Option<PathBuf>,
}

/// Why the engine does not do what it is asked to.
#[derive(Debug, thiserror::Error)]
pub enum TransitError {
    /// A setting cannot be used.
    #[error("{setting}: {reason}")]
    Setting {
        /// The environment variable that gives it.
        setting: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The server does not answer.
    #[error("HashiCorp Vault cannot be reached: {0}")]
    Unreachable(String),
    /// The server is sealed, or has no active node.
    #[error("HashiCorp Vault is sealed, or none of its nodes is active")]
    Sealed,
    /// The token is none, or may not do this.
    #[error(
        "HashiCorp Vault forbids {path} to this token: it is unknown, has expired or lacks the policy of infra/vault/wardlog.hcl"
    )]
    Forbidden {
        /// What was asked for.
        path: String,
    },
    /// Any other answer than success.
    #[error("HashiCorp Vault answers {path} with {status}: {errors}")]
    Refused {
        /// What was asked for.
        path: String,
        /// The answer's status.
        status: StatusCode,
        /// What it says.
        errors: String,
    },
    /// The answer is none of a transit engine.
    #[error("what answers {path} is no transit engine of HashiCorp Vault")]
    Strange {
        /// What was asked for.
        path: String,
    },
}

/// A client of the engine.
#[derive(Debug)]
pub(super) struct Engine {
    settings: TransitSettings,
    client: Client,
}

#[derive(Deserialize)]
struct Success<T> {
    data: T,
}

#[derive(Default, Deserialize)]
struct Failure {
    #[serde(default)]
    errors: Vec<String>,
}

impl Engine {
    pub(super) fn new(settings: TransitSettings) -> Result<Self, TransitError> {
        let wrong = |setting, reason: String| TransitError::Setting { setting, reason };
        // Whatever it may be redirected to is not to be shown the token, nor a proxy what TLS does not hide.
        let mut client = Client::builder().timeout(PATIENCE).redirect(redirect::Policy::none());
        match settings.url.scheme() {
            "https" => {}
            "http" if is_of_this_machine(&settings.url) => client = client.no_proxy(),
            _ => return Err(wrong("VAULT_TRANSIT_URL", "expected https, for keys travel over it".to_owned())),
        }
        if let Some(path) = &settings.authorities {
            let pem = fs::read(path).map_err(|e| wrong("VAULT_TRANSIT_CACERT", format!("{}: {e}", path.display())))?;
            let authorities = Certificate::from_pem_bundle(&pem);
            client =
                client.tls_certs_only(authorities.map_err(|error| wrong("VAULT_TRANSIT_CACERT", error.to_string()))?);
        }
        let client = client.build().map_err(|error| wrong("VAULT_TRANSIT_CACERT", error.to_string()))?;
        let engine = Self { settings, client };
        engine.token()?;
        Ok(engine)
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, TransitError> {
        read(path, self.send(Method::GET, path, None).await?).await
    }

    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, TransitError> {
        read(path, self.send(Method::POST, path, Some(body)).await?).await
    }

    /// What it answers says no more than that it is done.
    pub(super) async fn change(&self, path: &str, body: &Value) -> Result<(), TransitError> {
        self.send(Method::POST, path, Some(body)).await.map(drop)
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Response, TransitError> {
        let TransitSettings { url, namespace, .. } = &self.settings;
        let mut url = url.clone();
        url.set_path(&format!("{}/{path}", url.path().trim_end_matches('/')));
        let path = url.path().to_owned();
        let request = self.client.request(method, url).header("X-Vault-Token", self.token()?);
        // A Vault Agent may want it: no browser sends it.
        let mut request = request.header("X-Vault-Request", "true");
        if let Some(namespace) = namespace {
            request = request.header("X-Vault-Namespace", namespace);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(unreachable)?;
        match answer.status() {
            status if status.is_success() => Ok(answer),
            StatusCode::FORBIDDEN => Err(TransitError::Forbidden { path }),
            StatusCode::SERVICE_UNAVAILABLE => Err(TransitError::Sealed),
            status => {
                let Failure { errors } = answer.json().await.unwrap_or_default();
                Err(TransitError::Refused { path, status, errors: errors.join("; ") })
            }
        }
    }

    fn token(&self) -> Result<HeaderValue, TransitError> {
        let path = &self.settings.token;
        let wrong = |reason: &dyn std::fmt::Display| TransitError::Setting {
            setting: "VAULT_TRANSIT_TOKEN_FILE",
            reason: format!("{}: {reason}", path.display()),
        };
        let read = || {
            let (mut file, mut text) = (fs::File::open(path)?, String::new());
            file.read_to_string(&mut text)?;
            io::Result::Ok((file.metadata()?.mode(), text))
        };
        let (mode, text) = read().map_err(|error| wrong(&error))?;
        if mode & 0o007 != 0 {
            return Err(wrong(&"expected that not everybody may read it (mode 0600, or 0640 for a group)"));
        }
        let token = HeaderValue::from_str(text.trim()).ok().filter(|token| !token.is_empty());
        let mut token = token.ok_or_else(|| wrong(&"expected a token and nothing else"))?;
        token.set_sensitive(true);
        Ok(token)
    }
}

async fn read<T: DeserializeOwned>(path: &str, answer: Response) -> Result<T, TransitError> {
    let bytes = answer.bytes().await.map_err(unreachable)?;
    let read = serde_json::from_slice(&bytes).map(|Success { data }| data);
    read.map_err(|_| TransitError::Strange { path: path.to_owned() })
}

/// What is at the bottom of it tells the most: whose certificate, which port, or that it took too long.
fn unreachable(error: reqwest::Error) -> TransitError {
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    TransitError::Unreachable(cause.to_string())
}

fn is_of_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    host == "localhost" || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

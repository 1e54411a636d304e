//! Where the wrapping keys are, if not in a file.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Result, bail};
use reqwest::Url;
use vault::{Transit, TransitSettings};

/// The transit engine of HashiCorp Vault.
#[derive(Debug, clap::Args)]
pub(super) struct KeyService {
    /// The transit engine of HashiCorp Vault that wraps the keys of the key store, such as
    /// `https://vault.example:8200/v1/transit`; without it the file wrapping.keys in WARDLOG_HOME does
    #[arg(long = "vault-transit-url", id = "transit_url", env = "VAULT_TRANSIT_URL", global = true)]
    url: Option<Url>,
    /// A file with the engine's token, which is read again for every request
    #[arg(long = "vault-transit-token-file", id = "token_file", env = "VAULT_TRANSIT_TOKEN_FILE", global = true)]
    token: Option<PathBuf>,
    /// The certificate authorities of the engine's server, in PEM; without it those of this machine are trusted
    #[arg(long = "vault-transit-cacert", env = "VAULT_TRANSIT_CACERT", global = true)]
    authorities: Option<PathBuf>,
    /// The engine's namespace, where its server has any
    #[arg(long = "vault-transit-namespace", env = "VAULT_TRANSIT_NAMESPACE", global = true)]
    namespace: Option<String>,
}

impl KeyService {
    /// The engine, if one is given.
    pub(super) fn transit(&self) -> Result<Option<Arc<Transit>>> {
        let (namespace, authorities) = (self.namespace.clone(), self.authorities.clone());
        let (url, token) = match (self.url.clone(), self.token.clone()) {
            (Some(url), Some(token)) => (url, token),
            (None, None) if namespace.is_none() && authorities.is_none() => return Ok(None),
            _ => bail!(
                "half a key service: give VAULT_TRANSIT_URL and VAULT_TRANSIT_TOKEN_FILE, or none of the VAULT_TRANSIT settings"
            ),
        };
        Ok(Some(Transit::new(TransitSettings { url, namespace, token, authorities })?))
    }
}

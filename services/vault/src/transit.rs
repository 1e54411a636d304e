//! The wrapping keys of a larger installation: in the transit engine of HashiCorp Vault, which wraps and unwraps with them and
//! gives none of them away.
//!
//! A wrapping key is a key of the engine, `wardlog-CONTEXT-OWNER`, of type `aes256-gcm96`, and its versions are ours. What the
//! engine writes before a ciphertext (`vault:v1:`) stands in the row's version and is not kept.

mod engine;

use std::sync::Arc;

use data_encoding::BASE64;
use reqwest::StatusCode;
use schema::DataKeyId;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use uuid::Uuid;

use self::engine::Engine;
pub use self::engine::{TransitError, TransitSettings};
use crate::{
    VaultError,
    holder::{Holder, Versions},
    wrapping::{KeyBytes, State, WrappedKey, bound_to},
};

/// The key whose HMAC tells one engine from another.
const INSTALLATION: &str = "wardlog-installation";

/// How many keys are sent at once: those of a large school together would take longer than is waited for an answer.
const AT_ONCE: usize = 1000;

/// A transit engine.
#[derive(Debug)]
pub struct Transit {
    engine: Engine,
    id: OnceCell<Uuid>,
}

/// What the engine says of a key.
#[derive(Deserialize)]
struct KeyState {
    latest_version: i32,
    /// 0 until something was destroyed.
    min_available_version: i32,
}

#[derive(Deserialize)]
struct Hmac {
    hmac: String,
}

/// What became of the items of a batch, in their order.
#[derive(Deserialize)]
struct Batch<T> {
    batch_results: Vec<T>,
}

#[derive(Deserialize)]
struct Wrapped {
    ciphertext: String,
}

#[derive(Deserialize)]
struct Unwrapped {
    /// Empty if it does not open.
    plaintext: String,
}

impl Transit {
    /// An engine; nothing is asked of it yet.
    pub fn new(settings: TransitSettings) -> Result<Arc<Self>, TransitError> {
        Ok(Arc::new(Self { engine: Engine::new(settings)?, id: OnceCell::new() }))
    }

    /// Makes of a new engine one that can be told from others.
    pub(crate) async fn begin(&self) -> Result<(), VaultError> {
        if self.key(INSTALLATION).await?.is_none() {
            self.make(INSTALLATION).await?;
        }
        Ok(())
    }

    /// Which engine it is. How often its keys were changed, it does not tell.
    pub(crate) async fn state(&self) -> Result<State, VaultError> {
        let id = if let Some(id) = self.id.get() {
            *id
        } else {
            let found = self.installation().await?;
            // Of one that nothing was done with yet, none is kept.
            found.inspect(|id| drop(self.id.set(*id))).unwrap_or_default()
        };
        Ok(State { id, changes: 0 })
    }

    /// Made with a key that is in no other engine, and the same whenever it is asked for.
    async fn installation(&self) -> Result<Option<Uuid>, TransitError> {
        if self.key(INSTALLATION).await?.is_none() {
            return Ok(None);
        }
        let path = format!("hmac/{INSTALLATION}");
        let Hmac { hmac } =
            self.engine.post(&path, &json!({ "input": BASE64.encode(b"wardlog"), "key_version": 1 })).await?;
        let bytes = after(&version_prefix(1), &hmac);
        let first = bytes.as_deref().and_then(<[u8]>::first_chunk).ok_or(TransitError::Strange { path })?;
        Ok(Some(uuid::Builder::from_random_bytes(*first).into_uuid()))
    }

    pub(crate) async fn versions(&self, of: Holder) -> Result<Option<Versions>, VaultError> {
        let key = self.key(&name(of)).await?;
        Ok(key.map(|key| Versions { oldest: key.min_available_version.max(1), newest: key.latest_version }))
    }

    pub(crate) async fn add(&self, of: Holder, version: i32) -> Result<(), VaultError> {
        // Another may have taken its place since the process started.
        if self.installation().await?.as_ref() != self.id.get() {
            return Err(VaultError::OtherWrapping);
        }
        let name = name(of);
        match self.key(&name).await? {
            None => self.make(&name).await?,
            Some(key) if key.latest_version < version => {
                self.engine.change(&format!("keys/{name}/rotate"), &json!({})).await?;
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// The engine destroys no version that it might still be asked to use.
    pub(crate) async fn destroy_before(&self, of: Holder, version: i32) -> Result<(), VaultError> {
        let name = name(of);
        let unused = json!({ "min_decryption_version": version, "min_encryption_version": version });
        self.engine.change(&format!("keys/{name}/config"), &unused).await?;
        self.engine.change(&format!("keys/{name}/trim"), &json!({ "min_available_version": version })).await?;
        Ok(())
    }

    pub(crate) async fn wrap(
        &self,
        of: Holder,
        version: i32,
        keys: &[(DataKeyId, KeyBytes)],
    ) -> Result<Vec<WrappedKey>, VaultError> {
        let path = format!("encrypt/{}", name(of));
        let mut wrapped = Vec::with_capacity(keys.len());
        for keys in keys.chunks(AT_ONCE) {
            let items = keys.iter().map(|(id, key)| {
                json!({
                    "plaintext": BASE64.encode(key),
                    "associated_data": BASE64.encode(&bound_to(of, *id)),
                    "key_version": version,
                })
            });
            let Batch { batch_results } = self.engine.post(&path, &batch(items)).await?;
            wrapped.extend(keys.iter().zip(batch_results).map_while(|((id, _), Wrapped { ciphertext })| {
                Some(WrappedKey { id: *id, version, bytes: after(&version_prefix(version), &ciphertext)? })
            }));
        }
        if wrapped.len() == keys.len() { Ok(wrapped) } else { Err(TransitError::Strange { path }.into()) }
    }

    pub(crate) async fn unwrap(
        &self,
        of: Holder,
        wrapped: &[WrappedKey],
    ) -> Result<Vec<(DataKeyId, KeyBytes)>, VaultError> {
        let path = format!("decrypt/{}", name(of));
        let mut keys = Vec::with_capacity(wrapped.len());
        for wrapped in wrapped.chunks(AT_ONCE) {
            let items = wrapped.iter().map(|WrappedKey { id, version, bytes }| {
                json!({
                    "ciphertext": format!("{}{}", version_prefix(*version), BASE64.encode(bytes)),
                    "associated_data": BASE64.encode(&bound_to(of, *id)),
                })
            });
            let unopened = |at: usize| VaultError::Unwrapped { owner: of.owner, key: wrapped[at].id };
            let opened = self.engine.post(&path, &batch(items)).await;
            let Batch { batch_results } = opened.map_err(|error| match error {
                // So it answers a batch of which an item does not open, and where it has no such key.
                TransitError::Refused { status: StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND, .. } => unopened(0),
                error => error.into(),
            })?;
            let opened =
                wrapped.iter().zip(batch_results).map_while(|(WrappedKey { id, .. }, Unwrapped { plaintext })| {
                    Some((*id, BASE64.decode(plaintext.as_bytes()).ok()?.try_into().ok()?))
                });
            let before = keys.len();
            keys.extend(opened);
            if keys.len() - before < wrapped.len() {
                return Err(unopened(keys.len() - before));
            }
        }
        Ok(keys)
    }

    async fn key(&self, name: &str) -> Result<Option<KeyState>, TransitError> {
        match self.engine.get(&format!("keys/{name}")).await {
            Ok(key) => Ok(Some(key)),
            Err(TransitError::Refused { status: StatusCode::NOT_FOUND, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// One that is there stays as it is.
    async fn make(&self, name: &str) -> Result<(), TransitError> {
        self.engine.change(&format!("keys/{name}"), &json!({ "type": "aes256-gcm96" })).await
    }
}

fn name(of: Holder) -> String {
    format!("wardlog-{}-{}", of.context, of.owner)
}

fn batch(items: impl Iterator<Item = Value>) -> Value {
    json!({ "batch_input": items.collect::<Vec<_>>() })
}

/// What stands before all that the engine makes with a version.
fn version_prefix(version: i32) -> String {
    format!("vault:v{version}:")
}

fn after(prefix: &str, text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.strip_prefix(prefix)?.as_bytes()).ok()
}

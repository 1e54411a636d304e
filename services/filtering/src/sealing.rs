//! What is sealed before anything is stored: names, and what was asked for beyond a host. Each is under the key of whoever
//! it is of, so that to forget them is to destroy that key.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use quick_cache::sync::Cache;
use schema::{DataKeyId, PseudonymId, SchoolId, SourceId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use vault::{DataKey, Found, Place, Unopened, Vault, VaultError};

use crate::{pseudonym::stream, record::Whose};

/// How many keys are kept in memory.
const CACHED: usize = 20_000;

/// For how long what is known of a name or a key is believed: somebody may be forgotten meanwhile.
pub(crate) const BELIEVED: TimeDelta = TimeDelta::minutes(5);

/// What was asked for beyond a host.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked<'a> {
    /// The whole URL.
    pub url: Option<Cow<'a, str>>,
    /// What was searched for.
    pub search: Option<Cow<'a, str>>,
}

/// The keys of every school's pupils, staff and guests, cached in front of the key store.
#[derive(Debug)]
pub struct Sealing {
    vault: Vault,
    cache: Cache<(SchoolId, DataKeyId), Known>,
}

/// What is known of a key.
#[derive(Debug, Clone)]
struct Known {
    /// None for one that was destroyed.
    key: Option<Arc<DataKey>>,
    /// When it was asked for.
    at: DateTime<Utc>,
}

impl Sealing {
    /// With the keys of the context `filtering`. Where there are none, nothing is kept that would have to be sealed.
    pub fn new(vault: Vault) -> Self {
        Self { vault, cache: Cache::new(CACHED) }
    }

    /// Whether there are keys.
    pub(crate) fn can_seal(&self) -> bool {
        self.vault.has_keys()
    }

    /// The keys of these ids, made where there are none; none of those that were destroyed.
    pub(crate) async fn keys(
        &self,
        school: SchoolId,
        ids: &[DataKeyId],
        now: DateTime<Utc>,
    ) -> Result<HashMap<DataKeyId, Arc<DataKey>>, VaultError> {
        let cached = |id: &DataKeyId| {
            let known = self.cache.get(&(school, *id))?;
            ((now - known.at).abs() < BELIEVED).then_some((*id, known.key))
        };
        let mut keys: HashMap<DataKeyId, Option<Arc<DataKey>>> = ids.iter().filter_map(cached).collect();
        let unseen: Vec<DataKeyId> = ids.iter().copied().filter(|id| !keys.contains_key(id)).collect();
        if !unseen.is_empty() {
            for (id, found) in self.vault.make_all(school.into(), &unseen).await? {
                let key = match found {
                    Found::Key(key) => Some(Arc::new(key)),
                    Found::Destroyed => None,
                };
                self.cache.insert((school, id), Known { key: key.clone(), at: now });
                keys.insert(id, key);
            }
        }
        Ok(keys.into_iter().filter_map(|(id, key)| Some((id, key?))).collect())
    }
}

/// Which key is whose.
pub fn key_of(whose: Whose, source: SourceId) -> DataKeyId {
    match whose {
        Whose::Pseudonym(pseudonym) => pseudonym.into(),
        Whose::Source => Uuid::from(source).into(),
    }
}

/// Seals a name to its pseudonym.
pub fn seal_name(school: SchoolId, pseudonym: PseudonymId, key: &DataKey, name: &str) -> Result<Vec<u8>, VaultError> {
    key.seal_to_bytes(of_name(school, &stream(pseudonym)), name.trim())
}

/// Opens what [`seal_name`] sealed.
pub fn open_name(school: SchoolId, pseudonym: PseudonymId, key: &DataKey, sealed: &[u8]) -> Result<String, Unopened> {
    key.open_bytes(of_name(school, &stream(pseudonym)), sealed)
}

/// Seals what was asked for to its event: of this source, at this instant (milliseconds since 1970).
pub fn seal_asked(
    school: SchoolId,
    source: SourceId,
    millis: i64,
    key: &DataKey,
    asked: &Asked<'_>,
) -> Result<Vec<u8>, VaultError> {
    key.seal_to_bytes(of_event(school, &stream_at(source, millis)), asked)
}

/// Opens what [`seal_asked`] sealed.
pub fn open_asked(
    school: SchoolId,
    source: SourceId,
    millis: i64,
    key: &DataKey,
    sealed: &[u8],
) -> Result<Asked<'static>, Unopened> {
    key.open_bytes(of_event(school, &stream_at(source, millis)), sealed)
}

fn stream_at(source: SourceId, millis: i64) -> String {
    format!("filter-{source}-{millis}")
}

fn of_name(school: SchoolId, stream: &str) -> Place<'_> {
    Place { owner: school.into(), stream, field: "name" }
}

fn of_event(school: SchoolId, stream: &str) -> Place<'_> {
    Place { owner: school.into(), stream, field: "asked" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_keys_there_is_nothing_to_seal_with() {
        let sealing = Sealing::new(Vault::none());
        assert!(!sealing.can_seal());
        let school = Uuid::from_u128(1).into();
        assert!(matches!(
            sealing.keys(school, &[PseudonymId::from(1).into()], DateTime::UNIX_EPOCH).await,
            Err(VaultError::NoKeyStore)
        ));
    }
}

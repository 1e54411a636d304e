//! What is sealed before anything is stored: names, and what was asked for beyond a host. Each is under the key of whoever
//! it is of, so that to forget them is to destroy that key.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use chrono::{DateTime, TimeDelta, Utc};
use quick_cache::sync::Cache;
use schema::{DataKeyId, PseudonymId, SchoolId, SourceId};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use uuid::Uuid;
use vault::{DataKey, Found, Place, Unopened, Vault, VaultError};

use crate::{keys::names_any, pseudonym::stream, record::Whose};

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
    pool: PgPool,
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
    /// With the keys of the context `filtering`, and its records, over a pool of the role `Filtering`. Where there are no keys,
    /// nothing is kept that would have to be sealed.
    pub fn new(pool: PgPool, vault: Vault) -> Self {
        Self { pool, vault, cache: Cache::new(CACHED) }
    }

    /// Whether there are keys.
    pub(crate) fn can_seal(&self) -> bool {
        self.vault.has_keys()
    }

    /// The keys of names that are met for the first time.
    pub(crate) async fn new_keys(
        &self,
        school: SchoolId,
        ids: &[DataKeyId],
        now: DateTime<Utc>,
    ) -> Result<HashMap<DataKeyId, Arc<DataKey>>, VaultError> {
        let made = self.vault.make_all(school.into(), ids).await?;
        Ok(made.into_iter().filter_map(|(id, found)| Some((id, self.learn(school, id, found, now)?))).collect())
    }

    /// The keys of these ids, made where nothing was ever sealed under one; none of those that were destroyed.
    ///
    /// # Errors
    /// [`VaultError::Lost`] if something was sealed under a key that is not there: one made in its place would have it taken for
    /// the key that it is not, and the newest key store, which has that, for one that is lost.
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
            for (id, found) in self.found_or_made(school, &unseen).await? {
                keys.insert(id, self.learn(school, id, found, now));
            }
        }
        Ok(keys.into_iter().filter_map(|(id, key)| Some((id, key?))).collect())
    }

    async fn found_or_made(
        &self,
        school: SchoolId,
        ids: &[DataKeyId],
    ) -> Result<HashMap<DataKeyId, Found>, VaultError> {
        let owner = Uuid::from(school);
        let mut found = self.vault.find(owner, ids).await?;
        let absent = |found: &HashMap<DataKeyId, Found>| {
            ids.iter().copied().filter(|id| !found.contains_key(id)).collect::<BTreeSet<_>>()
        };
        let mut to_make = absent(&found);
        if !to_make.is_empty() && names_any(&self.pool, school, &to_make).await? {
            // What is named has been made: by another door, since it was looked for.
            found.extend(self.vault.find(owner, &to_make.into_iter().collect::<Vec<_>>()).await?);
            to_make = absent(&found);
            if !to_make.is_empty() && names_any(&self.pool, school, &to_make).await? {
                return Err(VaultError::Lost);
            }
        }
        if !to_make.is_empty() {
            found.extend(self.vault.make_all(owner, &to_make.into_iter().collect::<Vec<_>>()).await?);
        }
        Ok(found)
    }

    /// None of a key that was destroyed.
    fn learn(&self, school: SchoolId, id: DataKeyId, found: Found, now: DateTime<Utc>) -> Option<Arc<DataKey>> {
        let key = match found {
            Found::Key(key) => Some(Arc::new(key)),
            Found::Destroyed => None,
        };
        self.cache.insert((school, id), Known { key: key.clone(), at: now });
        key
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

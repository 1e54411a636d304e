//! Opening what the door sealed, for a command that may.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fmt,
};

use chrono::{DateTime, Utc};
use eventlog::{CommandError, StreamError};
use schema::{DataKeyId, PseudonymId, SchoolId, SourceId};
use vault::{DataKey, Found, Unopened, VaultError};
use web::command::Means;

use crate::{
    pseudonym::{forgotten, sealed_names},
    record::Whose,
    sealing::{Asked, key_of, open_asked, open_name},
};

/// A school's names, and the keys of them and of what was asked for.
pub(crate) struct Opener {
    school: SchoolId,
    keys: HashMap<DataKeyId, Found>,
    names: HashMap<PseudonymId, Vec<u8>>,
    forgotten: HashSet<PseudonymId>,
}

/// Why something sealed is not shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unshown {
    /// The database refused or could not be reached.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// What was decided about its name cannot be read.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// Its key cannot be had.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// It was not sealed under its key, at its place.
    #[error(transparent)]
    Sealed(#[from] Unopened),
}

impl<R: fmt::Debug + fmt::Display> From<Unshown> for CommandError<R> {
    fn from(error: Unshown) -> Self {
        match error {
            Unshown::Database(error) => Self::Database(error),
            Unshown::Stream(error) => Self::Unreadable(error),
            Unshown::Vault(_) | Unshown::Sealed(_) => Self::Unprepared(Box::new(error)),
        }
    }
}

impl Opener {
    /// For these names, and for what somebody asked for who is among `others`.
    pub(crate) async fn new(
        means: &Means,
        school: SchoolId,
        names: &BTreeSet<PseudonymId>,
        others: impl IntoIterator<Item = (Whose, SourceId)>,
    ) -> Result<Self, Unshown> {
        let others = others.into_iter().map(|(whose, source)| key_of(whose, source));
        let ids: Vec<DataKeyId> = names.iter().copied().map(DataKeyId::from).chain(others).collect();
        let (sealed, forgotten) = {
            let mut connection = means.pool.acquire().await?;
            let sealed = sealed_names(&mut connection, school, names.iter().copied()).await?;
            (sealed, forgotten(&mut connection, school, names.iter().copied()).await?)
        };
        let keys = means.vault.find(school.into(), &ids).await?;
        Ok(Self { school, keys, names: sealed, forgotten })
    }

    /// Whether whoever has a name is forgotten: decided, though its key may be there still; or destroyed, though a log from before
    /// does not know.
    pub(crate) fn is_forgotten(&self, pseudonym: PseudonymId) -> bool {
        self.forgotten.contains(&pseudonym) || matches!(self.keys.get(&pseudonym.into()), Some(Found::Destroyed))
    }

    /// A name; none if it was never kept, or is forgotten.
    pub(crate) fn name(&self, pseudonym: PseudonymId) -> Result<Option<String>, Unshown> {
        if self.is_forgotten(pseudonym) {
            return Ok(None);
        }
        let Some(sealed) = self.names.get(&pseudonym) else { return Ok(None) };
        let Some(key) = self.key(pseudonym.into())? else { return Ok(None) };
        Ok(Some(open_name(self.school, pseudonym, key, sealed)?))
    }

    /// What was asked for beyond the host, at an instant; none if whoever asked is forgotten.
    pub(crate) fn asked(
        &self,
        whose: Whose,
        source: SourceId,
        at: DateTime<Utc>,
        sealed: &[u8],
    ) -> Result<Option<Asked<'static>>, Unshown> {
        if matches!(whose, Whose::Pseudonym(name) if self.is_forgotten(name)) {
            return Ok(None);
        }
        let Some(key) = self.key(key_of(whose, source))? else { return Ok(None) };
        Ok(Some(open_asked(self.school, source, at.timestamp_millis(), key, sealed)?))
    }

    /// None for one that was destroyed. Something was sealed under it, so one that is not there is lost, and may be found.
    fn key(&self, id: DataKeyId) -> Result<Option<&DataKey>, VaultError> {
        match self.keys.get(&id) {
            Some(Found::Key(key)) => Ok(Some(key)),
            Some(Found::Destroyed) => Ok(None),
            None => Err(VaultError::Lost),
        }
    }
}

//! From a body to a record in the telemetry log.

use std::{borrow::Cow, sync::Arc};

use chrono::{DateTime, Utc};
use eventlog::{
    Partition,
    telemetry::{NewBatch, StoredBatch, Writer, WriterError},
};
use hashbrown::HashMap;
use schema::{CommandId, DataKeyId, PseudonymId, SchoolId, SourceId, Vocabulary, categories::CategoryMap};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use utoipa::ToSchema;
use vault::{Secret, Vault, VaultError};

use crate::{
    FilterEvent, Refusal,
    body::{self, BodyError, Shape},
    check::check,
    columns::{Columns, slices},
    fold::is_flagged,
    host::is_host_alone,
    pseudonym::{Kind, PseudonymError, Pseudonyms},
    record::{RecordError, Whose},
    sealing::{Asked, Sealing, key_of, seal_asked},
    secret,
};

/// How many refused lines of a batch are listed, in its answer and in the quarantine; a batch with more is not one of
/// events, and its first lines tell why.
const LISTED: usize = 1_000;

/// A line that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rejected {
    /// The line's number, from 1; in a JSON array the element's.
    pub line: u32,
    /// The field at fault, or `line`.
    pub field: String,
    /// What was expected.
    pub reason: String,
    /// The line's keyed hash, for the school's quarantine; never part of an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub hash: Option<String>,
}

/// Who sends a batch.
#[derive(Debug, Clone, Copy)]
pub struct Sender {
    /// The school.
    pub school: SchoolId,
    /// The school's partition.
    pub partition: Partition,
    /// The filter.
    pub source: SourceId,
    /// How its labels are read.
    pub vocabulary: Vocabulary,
}

/// Where records go.
#[derive(Debug, Clone)]
pub enum Sink {
    /// The telemetry log.
    Log(Writer),
    /// Nowhere: what the door can do without a log, for `make bench` to measure the log against.
    Nothing,
}

/// Everything that a batch passes through.
#[derive(Debug, Clone)]
pub struct Pipeline {
    secret: Secret,
    sealing: Arc<Sealing>,
    pseudonyms: Arc<Pseudonyms>,
    sink: Sink,
}

/// Why a batch is not stored.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The body as a whole is refused.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The batch id was used for another body.
    #[error("expected a new batch id: this one was sent before with another body")]
    BatchIdReused,
    /// The log did not take it, or the outcome is unknown.
    #[error(transparent)]
    Writer(#[from] WriterError),
    /// The pseudonyms could not be had.
    #[error(transparent)]
    Pseudonym(#[from] PseudonymError),
    /// What must be sealed cannot be, now.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// An event does not fit in a slice: refused by the limits on its texts before it comes to this.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// What is stored under the batch's id: by this request, or by an earlier one with the same body.
#[derive(Debug, Clone)]
pub struct Taken {
    /// How many events were taken.
    pub accepted: i32,
    /// The lines that were not.
    pub rejected: Vec<Rejected>,
}

impl Pipeline {
    /// Hashes with `secret`, keeps pseudonyms by a pool of the role `Filtering`, seals with the keys of `vault`, and stores in
    /// `sink`.
    pub fn new(secret: Secret, pool: PgPool, vault: Vault, sink: Sink) -> Self {
        let sealing = Arc::new(Sealing::new(pool.clone(), vault));
        Self { secret, pseudonyms: Arc::new(Pseudonyms::new(pool, Arc::clone(&sealing))), sealing, sink }
    }

    /// Takes a body: reads, checks, replaces names by pseudonyms, seals, compresses, stores. What is returned is durable.
    pub async fn take(
        &self,
        sender: Sender,
        batch_id: CommandId,
        body: &[u8],
        shape: Shape,
        now: DateTime<Utc>,
    ) -> Result<Taken, IngestError> {
        let (events, rejected) = self.read(sender, body, shape, now)?;
        let people = self.pseudonymise(sender.school, &events, now).await?;
        let sealed = self.seal(sender, &events, &people, now).await?;
        let columns = Columns { events: &events, people: &people, sealed };
        let slices = slices(columns, sender.vocabulary, &secret::of_ids(&self.secret, sender.source))?;
        let digest = *blake3::hash(body).as_bytes();
        let batch = NewBatch {
            partition: sender.partition,
            school: sender.school,
            source: sender.source,
            batch_id,
            digest,
            accepted: i32::try_from(events.len()).unwrap_or(i32::MAX),
            rejected: serde_json::to_value(&rejected).unwrap_or_default(),
            slices,
        };
        let stored = match &self.sink {
            Sink::Log(writer) => writer.append(batch).await?,
            Sink::Nothing => {
                StoredBatch { is_new: true, digest: digest.into(), accepted: batch.accepted, rejected: batch.rejected }
            }
        };
        if stored.digest != digest {
            return Err(IngestError::BatchIdReused);
        }
        let rejected =
            if stored.is_new { rejected } else { serde_json::from_value(stored.rejected).unwrap_or(rejected) };
        Ok(Taken { accepted: stored.accepted, rejected })
    }

    fn read<'a>(
        &self,
        sender: Sender,
        body: &'a [u8],
        shape: Shape,
        now: DateTime<Utc>,
    ) -> Result<(Vec<FilterEvent<'a>>, Vec<Rejected>), BodyError> {
        let lines = body::lines(body, shape)?;
        let key = secret::of_lines(&self.secret, sender.school);
        let mut events = Vec::with_capacity(lines.len());
        let mut rejected = Vec::new();
        for line in lines {
            let checked = line.event.and_then(|event| match event {
                Some(event) => check(&event, now).map(|()| Some(event)),
                None => Ok(None),
            });
            match checked {
                Ok(event) => events.extend(event),
                Err(_) if rejected.len() == LISTED => {}
                Err(Refusal { field, reason }) => rejected.push(Rejected {
                    line: line.number,
                    field: field.to_owned(),
                    reason: reason.to_owned(),
                    hash: Some(data_encoding::HEXLOWER.encode(&key.short_hash(line.bytes))),
                }),
            }
        }
        Ok((events, rejected))
    }

    /// Per event: the pseudonyms of its user, device and address.
    async fn pseudonymise(
        &self,
        school: SchoolId,
        events: &[FilterEvent<'_>],
        now: DateTime<Utc>,
    ) -> Result<Vec<[Option<PseudonymId>; 3]>, PseudonymError> {
        let mut names: Vec<(Kind, &str)> = Vec::new();
        let mut known: HashMap<(Kind, &str), usize> = HashMap::new();
        let people: Vec<[Option<usize>; 3]> = events
            .iter()
            .map(|event| {
                [(Kind::User, &event.user), (Kind::Device, &event.device), (Kind::Address, &event.address)].map(
                    |(kind, name)| {
                        let name = name.as_deref()?;
                        Some(*known.entry((kind, name)).or_insert_with(|| {
                            names.push((kind, name));
                            names.len() - 1
                        }))
                    },
                )
            })
            .collect();
        let pseudonyms = self.pseudonyms.of(school, &secret::of_names(&self.secret, school), &names, now).await?;
        Ok(people.into_iter().map(|names| names.map(|name| name.map(|n| pseudonyms[n]))).collect())
    }

    /// Per event: what was asked for beyond the host, sealed, where the event is of those that are looked at.
    async fn seal(
        &self,
        sender: Sender,
        events: &[FilterEvent<'_>],
        people: &[[Option<PseudonymId>; 3]],
        now: DateTime<Utc>,
    ) -> Result<Vec<Option<Vec<u8>>>, VaultError> {
        let mut sealed = vec![None; events.len()];
        if !self.sealing.can_seal() {
            return Ok(sealed);
        }
        let has_more = |event: &FilterEvent<'_>| {
            event.search.is_some() || event.url.as_deref().is_some_and(|url| !is_host_alone(url))
        };
        let kept: Vec<(usize, DataKeyId)> = (0..events.len())
            .filter(|&n| has_more(&events[n]) && is_looked_at(&events[n], sender.vocabulary))
            .map(|n| (n, key_of(Whose::of(people[n]), sender.source)))
            .collect();
        let mut ids: Vec<DataKeyId> = kept.iter().map(|(_, id)| *id).collect();
        ids.sort_unstable();
        ids.dedup();
        let keys = self.sealing.keys(sender.school, &ids, now).await?;
        for (n, id) in kept {
            // Of somebody who is forgotten nothing more is kept.
            let Some(key) = keys.get(&id) else { continue };
            let FilterEvent { url, search, time, .. } = &events[n];
            let asked = Asked { url: url.as_deref().map(Cow::Borrowed), search: search.as_deref().map(Cow::Borrowed) };
            sealed[n] = Some(seal_asked(sender.school, sender.source, time.timestamp_millis(), key, &asked)?);
        }
        Ok(sealed)
    }
}

/// Whether somebody may have to look at an event: for what the filter did, or for its category.
fn is_looked_at(event: &FilterEvent<'_>, vocabulary: Vocabulary) -> bool {
    let category = |label: &Cow<'_, str>| CategoryMap::bundled().category(vocabulary, label);
    is_flagged(event.action, None) || is_flagged(event.action, event.labels.iter().filter_map(category).min())
}

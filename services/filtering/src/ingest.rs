//! From a body to a record in the telemetry log.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use eventlog::{
    Partition,
    telemetry::{NewBatch, SLICE_LIMIT, StoredBatch, Writer, WriterError},
};
use hashbrown::HashMap;
use schema::{CommandId, SchoolId, SourceId, Vocabulary};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    FilterEvent, Refusal,
    body::{self, BodyError, Shape},
    check::check,
    pseudonym::{Key, Kind, Pseudonyms, Secret},
    record::{Record, RecordError},
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
    Database(#[from] sqlx::Error),
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
    /// Hashes with `secret`, and stores in `sink`.
    pub fn new(secret: Secret, pseudonyms: Pseudonyms, sink: Sink) -> Self {
        Self { secret, pseudonyms: Arc::new(pseudonyms), sink }
    }

    /// Takes a body: reads, checks, replaces names by pseudonyms, compresses, stores. What is returned is durable.
    pub async fn take(
        &self,
        sender: Sender,
        batch_id: CommandId,
        body: &[u8],
        shape: Shape,
        now: DateTime<Utc>,
    ) -> Result<Taken, IngestError> {
        let (events, rejected) = self.read(sender, body, shape, now)?;
        let people = self.pseudonymise(sender.school, &events).await?;
        let slices = slices(&events, &people, sender.vocabulary, &self.secret.ids(sender.source))?;
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
        let key = self.secret.lines(sender.school);
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
    ) -> Result<Vec<[Option<i64>; 3]>, sqlx::Error> {
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
        let pseudonyms = self.pseudonyms.of(school, &self.secret.names(school), &names).await?;
        Ok(people.into_iter().map(|names| names.map(|name| name.map(|n| pseudonyms[n]))).collect())
    }
}

/// Encodes events into as many slices as their size needs.
fn slices(
    events: &[FilterEvent<'_>],
    people: &[[Option<i64>; 3]],
    vocabulary: Vocabulary,
    ids: &Key,
) -> Result<Vec<Vec<u8>>, RecordError> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let bytes = columns(events, people, vocabulary, ids).encode()?;
    if bytes.len() <= SLICE_LIMIT {
        return Ok(vec![bytes]);
    }
    if events.len() == 1 {
        return Err(RecordError::Shape);
    }
    let half = events.len() / 2;
    let mut both = slices(&events[..half], &people[..half], vocabulary, ids)?;
    both.extend(slices(&events[half..], &people[half..], vocabulary, ids)?);
    Ok(both)
}

fn columns(events: &[FilterEvent<'_>], people: &[[Option<i64>; 3]], vocabulary: Vocabulary, ids: &Key) -> Record {
    let mut record = Record::new(vocabulary);
    let mut texts = Dictionary::default();
    let mut pseudonyms = Dictionary::default();
    let mut last = 0;
    for (event, people) in events.iter().zip(people) {
        let millis = event.time.timestamp_millis();
        record.ids.push(event.id.as_ref().map(|id| ids.short_hash(id.as_bytes())));
        record.times.push(millis - last);
        record.actions.push(event.action);
        record.groups.push(event.group);
        record.hosts.push(texts.index(event.host.as_ref()));
        record.labels.push(event.labels.iter().map(|label| texts.index(label.as_ref())).collect());
        record.policies.push(event.policy.as_deref().map(|policy| texts.index(policy)));
        record.people.push(people.map(|pseudonym| pseudonym.map(|p| pseudonyms.index(p))));
        last = millis;
    }
    record.texts = texts.values.into_iter().map(str::to_owned).collect();
    record.pseudonyms = pseudonyms.values;
    record
}

/// Distinct values in the order in which they were met.
#[derive(Default)]
struct Dictionary<T> {
    values: Vec<T>,
    indices: HashMap<T, u32>,
}

impl<T: Copy + Eq + std::hash::Hash> Dictionary<T> {
    fn index(&mut self, value: T) -> u32 {
        *self.indices.entry(value).or_insert_with(|| {
            self.values.push(value);
            u32::try_from(self.values.len() - 1).unwrap_or(u32::MAX)
        })
    }
}

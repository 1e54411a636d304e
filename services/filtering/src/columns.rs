//! The events of a batch, laid out in columns.

use eventlog::telemetry::SLICE_LIMIT;
use hashbrown::HashMap;
use schema::{PseudonymId, Vocabulary};
use vault::HashKey;

use crate::{
    FilterEvent,
    record::{Record, RecordError},
};

/// Events, each with what became of the names in it and of what was asked for.
pub(crate) struct Columns<'a, 'b> {
    pub(crate) events: &'a [FilterEvent<'b>],
    /// The pseudonyms of user, device and address.
    pub(crate) people: &'a [[Option<PseudonymId>; 3]],
    /// What was asked for beyond the host, sealed.
    pub(crate) sealed: Vec<Option<Vec<u8>>>,
}

impl Columns<'_, '_> {
    fn split_at(mut self, middle: usize) -> (Self, Self) {
        let (events, more_events) = self.events.split_at(middle);
        let (people, more_people) = self.people.split_at(middle);
        let more_sealed = self.sealed.split_off(middle);
        (
            Self { events, people, sealed: self.sealed },
            Self { events: more_events, people: more_people, sealed: more_sealed },
        )
    }
}

/// Encodes events into as many slices as their size needs.
pub(crate) fn slices(
    batch: Columns<'_, '_>,
    vocabulary: Vocabulary,
    ids: &HashKey,
) -> Result<Vec<Vec<u8>>, RecordError> {
    let Columns { events, people, sealed } = batch;
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let record = Record { sealed, ..unsealed(events, people, vocabulary, ids) };
    let bytes = record.encode()?;
    if bytes.len() <= SLICE_LIMIT {
        return Ok(vec![bytes]);
    }
    if events.len() == 1 {
        return Err(RecordError::Shape);
    }
    let (half, rest) = Columns { events, people, sealed: record.sealed }.split_at(events.len() / 2);
    let mut both = slices(half, vocabulary, ids)?;
    both.extend(slices(rest, vocabulary, ids)?);
    Ok(both)
}

/// All of a record but what is sealed.
fn unsealed(
    events: &[FilterEvent<'_>],
    people: &[[Option<PseudonymId>; 3]],
    vocabulary: Vocabulary,
    ids: &HashKey,
) -> Record {
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
        record.people.push(people.map(|pseudonym| pseudonym.map(|p| pseudonyms.index(i64::from(p)))));
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

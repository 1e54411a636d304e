//! A batch as the telemetry log keeps it: columns, each distinct text once, compressed.
//!
//! A record is one byte of format version, then zstd of the postcard of [`Record`]. What decides a count (labels,
//! vocabulary) is kept as sent, so that a better mapping needs a rebuild and no second sending.

use chrono::{DateTime, Utc};
use schema::{Action, PseudonymId, UserGroup, Vocabulary};
use serde::{Deserialize, Serialize};

/// The format's version.
const VERSION: u8 = 2;

/// The version before there was anything sealed: the same but for the last column.
const WITHOUT_SEALED: u8 = 1;

/// zstd's fastest ordinary level: the log is written once and read once or twice.
const LEVEL: i32 = 1;

/// The most that one slice may inflate to, in bytes.
const INFLATED: usize = 64 * 1024 * 1024;

/// A slice of a batch. All columns of events are equally long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// How the labels are to be read.
    pub vocabulary: Vocabulary,
    /// Distinct hosts, labels and policies.
    pub texts: Vec<String>,
    /// Distinct pseudonyms of users, devices and addresses.
    pub pseudonyms: Vec<i64>,
    /// Per event: the keyed hash of the sender's id, if it sent one.
    pub ids: Vec<Option<[u8; 8]>>,
    /// Per event: milliseconds since the one before it (since 1970 for the first).
    pub times: Vec<i64>,
    /// Per event: what the filter did.
    pub actions: Vec<Action>,
    /// Per event: the group of users.
    pub groups: Vec<UserGroup>,
    /// Per event: the host, as an index into `texts`.
    pub hosts: Vec<u32>,
    /// Per event: the labels, as indices into `texts`.
    pub labels: Vec<Vec<u32>>,
    /// Per event: the policy, as an index into `texts`.
    pub policies: Vec<Option<u32>>,
    /// Per event: user, device and address, as indices into `pseudonyms`.
    pub people: Vec<[Option<u32>; 3]>,
    /// Per event: what was asked for beyond the host, sealed under the key of [`Whose`] it is; none where there is nothing
    /// of the kind, or nothing that is kept.
    pub sealed: Vec<Option<Vec<u8>>>,
}

/// Under whose key an event's sealed part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Whose {
    /// Of the user or, unless the filter knows one, of the device or address.
    Pseudonym(PseudonymId),
    /// Of nobody that the filter knows: the key is its source's.
    Source,
}

impl Whose {
    /// Of an event with these pseudonyms of user, device and address.
    pub fn of(people: [Option<PseudonymId>; 3]) -> Self {
        people.into_iter().flatten().next().map_or(Self::Source, Self::Pseudonym)
    }
}

/// An event as counting sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted<'a> {
    /// The keyed hash of the sender's id, if it sent one.
    pub id: Option<i64>,
    /// When the request was made.
    pub time: DateTime<Utc>,
    /// What the filter did.
    pub action: Action,
    /// The group of users.
    pub group: UserGroup,
    /// The labels, as indices into the record's texts.
    pub labels: &'a [u32],
    /// Its number in the record, from 0.
    pub number: usize,
}

/// Why a slice cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It is of a later format.
    #[error("record format {0} is unknown")]
    Version(u8),
    /// It does not inflate.
    #[error("record does not inflate")]
    Compression,
    /// It is not what was written.
    #[error("record has another shape")]
    Shape,
}

impl Record {
    /// An empty record of a source that uses `vocabulary`.
    pub fn new(vocabulary: Vocabulary) -> Self {
        Self {
            vocabulary,
            texts: Vec::new(),
            pseudonyms: Vec::new(),
            ids: Vec::new(),
            times: Vec::new(),
            actions: Vec::new(),
            groups: Vec::new(),
            hosts: Vec::new(),
            labels: Vec::new(),
            policies: Vec::new(),
            people: Vec::new(),
            sealed: Vec::new(),
        }
    }

    /// How many events it holds.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// The bytes to keep.
    pub fn encode(&self) -> Result<Vec<u8>, RecordError> {
        let plain = postcard::to_stdvec(self).map_err(|_| RecordError::Shape)?;
        // In one piece, so that the frame says how large it will be, and reading it takes no more memory than that.
        let mut bytes = vec![VERSION; 1 + zstd::zstd_safe::compress_bound(plain.len())];
        let written =
            zstd::bulk::compress_to_buffer(&plain, &mut bytes[1..], LEVEL).map_err(|_| RecordError::Compression)?;
        bytes.truncate(1 + written);
        Ok(bytes)
    }

    /// Reads what [`Record::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let (version, plain) = inflate(bytes)?;
        Self::read(version, &plain)
    }

    /// The same if anything in it has this pseudonym. What has not is not read beyond its names, which takes a part of the time.
    pub fn decode_if_of(bytes: &[u8], name: PseudonymId) -> Result<Option<Self>, RecordError> {
        let (version, plain) = inflate(bytes)?;
        let ((_, _, pseudonyms), _): ((Vocabulary, Vec<&str>, Vec<i64>), _) =
            postcard::take_from_bytes(&plain).map_err(|_| RecordError::Shape)?;
        if pseudonyms.contains(&name.into()) { Self::read(version, &plain).map(Some) } else { Ok(None) }
    }

    fn read(version: u8, plain: &[u8]) -> Result<Self, RecordError> {
        let mut record: Self = postcard::from_bytes(plain).map_err(|_| RecordError::Shape)?;
        let events = record.times.len();
        if version == WITHOUT_SEALED {
            record.sealed = vec![None; events];
        }
        let whole =
            [record.ids.len(), record.actions.len(), record.groups.len(), record.hosts.len(), record.labels.len()]
                .into_iter()
                .chain([record.policies.len(), record.people.len(), record.sealed.len()])
                .all(|column| column == events)
                && record
                    .labels
                    .iter()
                    .flatten()
                    .chain(&record.hosts)
                    .chain(record.policies.iter().flatten())
                    .all(|&text| (text as usize) < record.texts.len())
                && record.people.iter().flatten().flatten().all(|&name| (name as usize) < record.pseudonyms.len());
        if whole { Ok(record) } else { Err(RecordError::Shape) }
    }

    /// Its events, in the order in which they were sent.
    pub fn events(&self) -> impl Iterator<Item = Counted<'_>> {
        let mut millis = 0_i64;
        self.times.iter().enumerate().map(move |(n, step)| {
            millis = millis.wrapping_add(*step);
            Counted {
                id: self.ids[n].map(i64::from_le_bytes),
                time: DateTime::from_timestamp_millis(millis).unwrap_or_default(),
                action: self.actions[n],
                group: self.groups[n],
                labels: &self.labels[n],
                number: n,
            }
        })
    }

    /// The host of an event.
    pub fn host(&self, number: usize) -> &str {
        &self.texts[self.hosts[number] as usize]
    }

    /// The pseudonyms of an event's user, device and address.
    pub fn pseudonyms(&self, number: usize) -> [Option<PseudonymId>; 3] {
        self.people[number].map(|name| name.map(|name| self.pseudonyms[name as usize].into()))
    }
}

/// The format's version, and what was compressed.
fn inflate(bytes: &[u8]) -> Result<(u8, Vec<u8>), RecordError> {
    let (&version, compressed) = bytes.split_first().ok_or(RecordError::Shape)?;
    if !(WITHOUT_SEALED..=VERSION).contains(&version) {
        return Err(RecordError::Version(version));
    }
    let mut plain = zstd::bulk::decompress(compressed, INFLATED).map_err(|_| RecordError::Compression)?;
    if version == WITHOUT_SEALED {
        plain.push(0); // a last column of no values
    }
    Ok((version, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let mut record = Record::new(Vocabulary::General);
        record.texts = vec!["a.org".into(), "Gambling".into()];
        record.pseudonyms = vec![-7];
        record.ids = vec![None, Some([1, 0, 0, 0, 0, 0, 0, 0])];
        record.times = vec![1_795_166_043_120, -20];
        record.actions = vec![Action::Allowed, Action::Blocked];
        record.groups = vec![UserGroup::Learner, UserGroup::Staff];
        record.hosts = vec![0, 0];
        record.labels = vec![vec![], vec![1]];
        record.policies = vec![None, None];
        record.people = vec![[Some(0), None, None], [None; 3]];
        record.sealed = vec![None, Some(vec![1, 2, 3])];
        record
    }

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        let record = record();
        assert_eq!(Record::decode(&record.encode().unwrap()).unwrap(), record);
        let times: Vec<i64> = record.events().map(|e| e.time.timestamp_millis()).collect();
        assert_eq!(times, [1_795_166_043_120, 1_795_166_043_100]);
    }

    #[test]
    fn a_record_is_read_for_a_name_if_the_name_is_in_it() {
        let record = record();
        let bytes = record.encode().unwrap();
        assert_eq!(Record::decode_if_of(&bytes, (-7).into()).unwrap(), Some(record));
        assert_eq!(Record::decode_if_of(&bytes, 7.into()).unwrap(), None);
        assert!(Record::decode_if_of(&bytes[..bytes.len() - 3], 7.into()).is_err());
    }

    #[test]
    fn a_record_of_before_anything_was_sealed_reads_as_one_in_which_nothing_is() {
        let mut before = Record { sealed: Vec::new(), ..record() };
        let mut plain = postcard::to_stdvec(&before).unwrap();
        assert_eq!(plain.pop(), Some(0), "the last column, of no values");
        let bytes = [[WITHOUT_SEALED].as_slice(), &zstd::bulk::compress(&plain, LEVEL).unwrap()].concat();
        before.sealed = vec![None, None];
        assert_eq!(Record::decode(&bytes).unwrap(), before);
    }

    #[test]
    fn a_damaged_or_foreign_record_is_an_error_and_no_panic() {
        let bytes = record().encode().unwrap();
        assert!(matches!(Record::decode(&[]), Err(RecordError::Shape)));
        assert!(matches!(Record::decode(&[9, 9]), Err(RecordError::Version(9))));
        assert!(Record::decode(&bytes[..bytes.len() - 3]).is_err());
        let mut short = record();
        short.actions.pop();
        assert!(matches!(Record::decode(&short.encode().unwrap()), Err(RecordError::Shape)));
    }
}

//! What is held of whoever has a name that a filter sends, as it is given to them (UK GDPR Art. 15).

use chrono::{DateTime, Utc};
use schema::{Action, Category, PseudonymId, SourceId, UserGroup};
use serde::{Deserialize, Serialize};

use crate::{
    fold::Categories,
    record::{Record, Whose},
};

/// How many requests one disclosure lists.
pub const MOST: usize = 20_000;

/// All that is held of whoever has a name, of what they asked for in some time.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disclosure {
    /// The name, by its pseudonym.
    pub pseudonym: PseudonymId,
    /// The name as the filter sent it; none if it was never kept, or is forgotten.
    pub name: Option<String>,
    /// When it was put together.
    pub made_at: DateTime<Utc>,
    /// What they asked for, the earliest first.
    pub requests: Vec<Request>,
    /// When they asked for the first of those that are not listed, for there are too many; none if all are.
    pub continues_at: Option<DateTime<Utc>>,
    /// What was decided about the name, and who was shown what of it, the earliest first.
    pub decisions: Vec<Decision>,
}

/// A request that somebody made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// When.
    pub at: DateTime<Utc>,
    /// Which filter saw it.
    pub source: SourceId,
    /// What the filter did.
    pub action: Action,
    /// The canonical category.
    pub category: Category,
    /// The group of users.
    pub group: UserGroup,
    /// The host that was asked for.
    pub host: String,
    /// The whole URL, if it was kept.
    pub url: Option<String>,
    /// What was searched for, if it was kept.
    pub search: Option<String>,
    /// The device's name.
    pub device: Option<String>,
    /// The client's address.
    pub address: Option<String>,
}

/// Something that was decided about a name, or shown of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// When it was recorded.
    pub at: DateTime<Utc>,
    /// What kind of event it is.
    pub event: String,
    /// Why: a word of the vocabulary that its kind has; none where there is none.
    pub why: Option<String>,
}

/// Of whom requests are looked for, and of which time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) name: PseudonymId,
    pub(crate) from: DateTime<Utc>,
    pub(crate) to: DateTime<Utc>,
}

/// A request as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) at: DateTime<Utc>,
    pub(crate) source: SourceId,
    pub(crate) action: Action,
    pub(crate) category: Category,
    pub(crate) group: UserGroup,
    pub(crate) host: String,
    pub(crate) people: [Option<PseudonymId>; 3],
    pub(crate) sealed: Option<Vec<u8>>,
}

/// The earliest requests of those that were looked through.
#[derive(Debug)]
pub(crate) struct Earliest {
    wanted: Wanted,
    most: usize,
    found: Vec<Found>,
    continues_at: Option<DateTime<Utc>>,
}

impl Earliest {
    pub(crate) fn new(wanted: Wanted, most: usize) -> Self {
        Self { wanted, most, found: Vec::new(), continues_at: None }
    }

    /// Looks through a slice. What a device or an address asked for is its own only where the filter knew no user.
    pub(crate) fn add(&mut self, source: SourceId, record: &Record) {
        let Wanted { name, from, to } = self.wanted;
        let categories = Categories::of(record);
        for event in record.events().filter(|event| (from..to).contains(&event.time)) {
            let people = record.pseudonyms(event.number);
            if Whose::of(people) != Whose::Pseudonym(name) {
                continue;
            }
            self.found.push(Found {
                at: event.time,
                source,
                action: event.action,
                category: categories.of_labels(event.labels).unwrap_or(Category::Uncategorised),
                group: event.group,
                host: record.host(event.number).to_owned(),
                people,
                sealed: record.sealed[event.number].clone(),
            });
        }
        if self.found.len() > 2 * self.most {
            self.cut();
        }
    }

    /// The earliest, in their order, and when the first of the others was made. All of one instant are listed or none are, so
    /// that who asks again from then on is told of each once; of the first instant all are.
    pub(crate) fn finish(mut self) -> (Vec<Found>, Option<DateTime<Utc>>) {
        self.cut();
        (self.found, self.continues_at)
    }

    fn cut(&mut self) {
        if let Some(end) = self.continues_at {
            self.found.retain(|found| found.at < end);
        }
        self.found.sort_by_key(|found| found.at);
        let Some(over) = self.found.get(self.most).map(|found| found.at) else { return };
        let keep = match self.found.partition_point(|found| found.at < over) {
            0 => self.found.partition_point(|found| found.at == over),
            before => before,
        };
        if let Some(left_out) = self.found.get(keep) {
            self.continues_at = Some(left_out.at);
            self.found.truncate(keep);
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use schema::Vocabulary;
    use uuid::Uuid;

    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    /// A record of one event each second, by whoever has these pseudonyms (as user, device and address).
    fn record(people: &[[Option<u32>; 3]], first: i64, step: i64) -> Record {
        let mut record = Record::new(Vocabulary::General);
        record.texts = vec!["a.org".to_owned()];
        record.pseudonyms = vec![1, 2];
        for n in 0..people.len() {
            record.ids.push(None);
            record.times.push(if n == 0 { first * 1_000 } else { step * 1_000 });
            record.actions.push(Action::Allowed);
            record.groups.push(UserGroup::Learner);
            record.hosts.push(0);
            record.labels.push(vec![]);
            record.policies.push(None);
            record.sealed.push(None);
        }
        record.people = people.to_vec();
        record
    }

    fn earliest(most: usize, name: i64, records: &[Record]) -> (Vec<i64>, Option<DateTime<Utc>>) {
        let mut earliest = Earliest::new(Wanted { name: name.into(), from: at(0), to: at(100) }, most);
        for record in records {
            earliest.add(Uuid::nil().into(), record);
        }
        let (found, continues_at) = earliest.finish();
        (found.iter().map(|found| found.at.timestamp()).collect(), continues_at)
    }

    const USER: [Option<u32>; 3] = [Some(0), Some(1), None];
    const DEVICE_ALONE: [Option<u32>; 3] = [None, Some(1), None];

    #[test]
    fn what_is_listed_is_of_the_name_and_of_the_time() {
        let records = [record(&[USER, DEVICE_ALONE, USER], -1, 1), record(&[USER, USER], 99, 1)];
        assert_eq!(earliest(9, 1, &records), (vec![1, 99], None));
        assert_eq!(earliest(9, 2, &records), (vec![0], None), "what a user asked for is not the device's");
        assert_eq!(earliest(9, 3, &records), (vec![], None));
    }

    #[test]
    fn of_too_many_the_earliest_are_listed_and_whoever_goes_on_from_there_is_told_each_once() {
        let records: Vec<Record> = (0..10).rev().map(|n| record(&[USER, USER], n * 2, 1)).collect();
        assert_eq!(earliest(20, 1, &records), ((0..20).collect(), None));
        assert_eq!(earliest(7, 1, &records), ((0..7).collect(), Some(at(7))));
        assert_eq!(earliest(1, 1, &records), (vec![0], Some(at(1))));
    }

    #[test]
    fn all_of_an_instant_are_listed_or_none_are() {
        let records = [record(&[USER, USER], 1, 0), record(&[USER, USER, USER], 2, 0), record(&[USER], 3, 0)];
        assert_eq!(earliest(3, 1, &records), (vec![1, 1], Some(at(2))));
        assert_eq!(earliest(2, 1, &records[1..]), (vec![2, 2, 2], Some(at(3))), "else nobody came further");
        assert_eq!(earliest(2, 1, &records[1..2]), (vec![2, 2, 2], None));
    }
}

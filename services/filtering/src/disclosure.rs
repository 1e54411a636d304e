//! What is held of whoever has a name that a filter sends, as it is given to them (UK GDPR Art. 15).

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, Utc};
use schema::{Action, Category, PseudonymId, SourceId, UserGroup, people::StaffRole};
use serde::{Deserialize, Serialize};

use crate::{
    fold::Categories,
    record::{Record, Whose},
    views::flagged::{EARLY, LATE},
};

/// How many requests one disclosure lists,
pub const MOST: usize = 20_000;

/// and how many bytes of hosts and of what is sealed.
pub(crate) const MOST_BYTES: usize = 16 * 1024 * 1024;

/// How many events of a school are looked through at most.
pub(crate) const MOST_EVENTS: i64 = 20_000_000;

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
    /// From when on there may be more that is not listed, for it is too much; none if all is.
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
    /// The labels of the category, as the filter has them.
    pub labels: Vec<String>,
    /// The filter's policy that decided it, if it said so.
    pub policy: Option<String>,
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
    /// In which roles whoever was shown it was; of what was decided, none.
    pub roles: Vec<StaffRole>,
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
    /// The keyed hash of the sender's id, if it sent one.
    pub(crate) id: Option<i64>,
    pub(crate) action: Action,
    pub(crate) category: Category,
    pub(crate) labels: Vec<String>,
    pub(crate) policy: Option<String>,
    pub(crate) group: UserGroup,
    pub(crate) host: String,
    pub(crate) people: [Option<PseudonymId>; 3],
    pub(crate) sealed: Option<Vec<u8>>,
}

/// The earliest requests of those that were looked through.
#[derive(Debug)]
pub(crate) struct Earliest {
    wanted: Wanted,
    most: Most,
    found: Vec<Found>,
    bytes: usize,
    continues_at: Option<DateTime<Utc>>,
}

/// How many requests are listed, and how many bytes of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Most {
    pub(crate) requests: usize,
    pub(crate) bytes: usize,
}

/// The UTC days on which what was asked for in some time may have been received, both included.
pub(crate) fn received(from: DateTime<Utc>, to: DateTime<Utc>) -> (NaiveDate, NaiveDate) {
    let early = from.date_naive().checked_sub_days(EARLY).unwrap_or(NaiveDate::MIN);
    let late = to.date_naive().checked_add_days(LATE).unwrap_or(NaiveDate::MAX);
    (early, late)
}

/// Up to when what was asked for from an instant on can be looked through, of a school that sent as many events on each day: to
/// the end, or to a midnight before it. None if not even a day's can; of no time at all, its end.
pub(crate) fn reach(
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    sent: &BTreeMap<NaiveDate, i64>,
    most: i64,
) -> Option<DateTime<Utc>> {
    if from >= to {
        return Some(to);
    }
    let fits = |to: &DateTime<Utc>| {
        let (early, late) = received(from, *to);
        sent.range(early..=late).map(|(_, events)| events).sum::<i64>() <= most
    };
    let midnights =
        std::iter::successors(to.date_naive().and_hms_opt(0, 0, 0), |day| day.checked_sub_days(Days::new(1)));
    std::iter::once(to).chain(midnights.map(|day| day.and_utc())).take_while(|to| *to > from).find(fits)
}

impl Earliest {
    pub(crate) fn new(wanted: Wanted, most: Most) -> Self {
        Self { wanted, most, found: Vec::new(), bytes: 0, continues_at: None }
    }

    /// Looks through a slice. What a device or an address asked for is its own only where the filter knew no user.
    pub(crate) fn add(&mut self, source: SourceId, record: &Record) {
        let Wanted { name, from, to } = self.wanted;
        let categories = Categories::of(record);
        for event in record.events().filter(|event| (from..to).contains(&event.time)) {
            let people = record.pseudonyms(event.number);
            if Whose::of(people) != Whose::Pseudonym(name) || self.continues_at.is_some_and(|end| event.time >= end) {
                continue;
            }
            let found = Found {
                at: event.time,
                source,
                id: event.id,
                action: event.action,
                category: categories.of_labels(event.labels).unwrap_or(Category::Uncategorised),
                labels: event.labels.iter().map(|&label| record.texts[label as usize].clone()).collect(),
                policy: record.policies[event.number].map(|policy| record.texts[policy as usize].clone()),
                group: event.group,
                host: record.host(event.number).to_owned(),
                people,
                sealed: record.sealed[event.number].clone(),
            };
            self.bytes += found.bytes();
            self.found.push(found);
        }
        if self.found.len() > 2 * self.most.requests || self.bytes > 2 * self.most.bytes {
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
        self.found.sort_by_key(|found| (found.at, found.source, found.id));
        // What was sent twice is one.
        self.found.dedup_by(|a, b| a.id.is_some() && (a.at, a.source, a.id) == (b.at, b.source, b.id));
        self.bytes = self.found.iter().map(Found::bytes).sum();
        let Some(over) = self.found.get(self.fitting()).map(|found| found.at) else { return };
        let keep = match self.found.partition_point(|found| found.at < over) {
            0 => self.found.partition_point(|found| found.at == over),
            before => before,
        };
        if let Some(left_out) = self.found.get(keep) {
            self.continues_at = Some(left_out.at);
            self.found.truncate(keep);
            self.bytes = self.found.iter().map(Found::bytes).sum();
        }
    }

    /// How many of the first are within both bounds.
    fn fitting(&self) -> usize {
        let within = self.found.iter().scan(0, |bytes, found| {
            *bytes += found.bytes();
            Some(*bytes)
        });
        within.take(self.most.requests).take_while(|bytes| *bytes <= self.most.bytes).count()
    }
}

impl Found {
    fn bytes(&self) -> usize {
        let texts = self.labels.iter().chain(&self.policy).chain([&self.host]);
        texts.map(String::len).sum::<usize>() + self.sealed.as_ref().map_or(0, Vec::len)
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
        let most = Most { requests: most, bytes: 1_000 };
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
    fn what_is_too_large_is_as_what_is_too_many() {
        let large = |first| {
            let mut record = record(&[USER, USER], first, 1);
            record.sealed = vec![Some(vec![0; 400]), None];
            record
        };
        let records: Vec<Record> = (0..4).map(|n| large(n * 2)).collect();
        assert_eq!(earliest(9, 1, &records), (vec![0, 1, 2, 3], Some(at(4))));
    }

    #[test]
    fn what_was_sent_twice_is_listed_once_and_what_has_no_id_as_often_as_it_was_sent() {
        let mut sent = record(&[USER, USER], 1, 1);
        sent.ids = vec![Some([1; 8]), None];
        let again = [sent.clone(), sent.clone()];
        assert_eq!(earliest(9, 1, &again).0, [1, 2, 2]);
        let mut earliest =
            Earliest::new(Wanted { name: 1.into(), from: at(0), to: at(100) }, Most { requests: 9, bytes: 1_000 });
        for source in [1, 2].map(|source| Uuid::from_u128(source).into()) {
            earliest.add(source, &sent);
        }
        assert_eq!(earliest.finish().0.len(), 4, "the ids are each source's own");
    }

    #[test]
    fn of_a_school_that_sends_very_much_fewer_days_are_looked_through() {
        let day = |day: i64| DateTime::UNIX_EPOCH + TimeDelta::days(day);
        let (noon, end) = (day(100) + TimeDelta::hours(12), day(130));
        let sent: BTreeMap<_, _> = (90..150).map(|n| (day(n).date_naive(), 10)).collect();
        let reach = |most| reach((noon, end), &sent, most);
        // Received from a day before to 9 days after.
        assert_eq!(reach(410), Some(end));
        assert_eq!(reach(409), Some(day(129)));
        assert_eq!(reach(120), Some(day(101)));
        assert_eq!(reach(119), None, "not even what is left of the first day");
    }

    #[test]
    fn all_of_an_instant_are_listed_or_none_are() {
        let records = [record(&[USER, USER], 1, 0), record(&[USER, USER, USER], 2, 0), record(&[USER], 3, 0)];
        assert_eq!(earliest(3, 1, &records), (vec![1, 1], Some(at(2))));
        assert_eq!(earliest(2, 1, &records[1..]), (vec![2, 2, 2], Some(at(3))), "else nobody came further");
        assert_eq!(earliest(2, 1, &records[1..2]), (vec![2, 2, 2], None));
    }
}

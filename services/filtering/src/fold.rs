//! Counting, as a pure fold: batches in, counts out. What is counted once is an event; an id seen again is not one.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use schema::{Action, Category, Month, SchoolId, UserGroup, Vocabulary, categories::CategoryMap, london_day};

use crate::record::Record;

/// How many distinct unmapped labels one tally lists; a sender that makes up labels must not grow it without end.
const UNMAPPED: usize = 500;

/// The label under which the rest of them are counted.
const OTHERS: &str = "(others)";

/// A cell of the hourly counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hourly {
    /// The school.
    pub school: SchoolId,
    /// The UTC hour's beginning.
    pub hour: DateTime<Utc>,
    /// The canonical category.
    pub category: Category,
    /// What the filter did.
    pub action: Action,
    /// The group of users.
    pub group: UserGroup,
}

/// A cell of the monthly counts; the month is London's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Monthly {
    /// The school.
    pub school: SchoolId,
    /// The month.
    pub month: Month,
    /// The canonical category.
    pub category: Category,
    /// What the filter did.
    pub action: Action,
    /// The group of users.
    pub group: UserGroup,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Events counted.
    pub counted: i32,
    /// Events whose id had been seen.
    pub duplicates: i32,
}

/// Whether somebody may have to look at an event: the filter did not simply let it pass, or its category is of high concern.
pub const fn is_flagged(action: Action, category: Option<Category>) -> bool {
    match action {
        Action::Blocked | Action::Warned | Action::Overridden | Action::Captured => true,
        Action::Allowed | Action::AuthChallenge => match category {
            Some(category) => category.is_high_concern(),
            None => false,
        },
    }
}

/// What the texts of a record are as labels.
pub(crate) struct Categories(Vec<Option<Category>>);

impl Categories {
    pub(crate) fn of(record: &Record) -> Self {
        let category = |label: &String| CategoryMap::bundled().category(record.vocabulary, label);
        Self(record.texts.iter().map(category).collect())
    }

    fn of_label(&self, label: u32) -> Option<Category> {
        self.0[label as usize]
    }

    /// The gravest of an event's categories.
    pub(crate) fn of_labels(&self, labels: &[u32]) -> Option<Category> {
        labels.iter().filter_map(|&label| self.of_label(label)).min()
    }
}

/// An event that is flagged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flagged {
    /// Its number in its record.
    pub number: usize,
    /// When the request was made.
    pub time: DateTime<Utc>,
    /// Where it is counted.
    pub cell: Hourly,
}

/// Counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Events by hour.
    pub hourly: BTreeMap<Hourly, i64>,
    /// Events by unmapped label.
    pub unmapped: BTreeMap<(SchoolId, Vocabulary, String), i64>,
}

/// What became of a slice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Added {
    /// How many events of it were counted.
    pub outcome: Outcome,
    /// Those of them that are flagged.
    pub flagged: Vec<Flagged>,
}

impl Tally {
    /// Adds a slice of a batch of `school`. `unseen` holds the ids that may still be counted; one that is, leaves it.
    pub fn add(&mut self, school: SchoolId, record: &Record, unseen: &mut HashSet<i64>) -> Added {
        let categories = Categories::of(record);
        let Added { mut outcome, mut flagged } = Added::default();
        let mut cell: Option<(Hourly, i64)> = None;
        for event in record.events() {
            if event.id.is_some_and(|id| !unseen.remove(&id)) {
                outcome.duplicates += 1;
                continue;
            }
            outcome.counted += 1;
            for &label in event.labels.iter().filter(|&&label| categories.of_label(label).is_none()) {
                self.add_unmapped(school, record.vocabulary, &record.texts[label as usize]);
            }
            let category = categories.of_labels(event.labels);
            let next = Hourly {
                school,
                hour: event.time.duration_trunc(TimeDelta::hours(1)).unwrap_or(event.time),
                category: category.unwrap_or(Category::Uncategorised),
                action: event.action,
                group: event.group,
            };
            if is_flagged(event.action, category) {
                flagged.push(Flagged { number: event.number, time: event.time, cell: next });
            }
            // Neighbours are often of one cell: it is looked up when it changes.
            match &mut cell {
                Some((current, events)) if *current == next => *events += 1,
                _ => {
                    self.flush(cell.take());
                    cell = Some((next, 1));
                }
            }
        }
        self.flush(cell);
        Added { outcome, flagged }
    }

    fn add_unmapped(&mut self, school: SchoolId, vocabulary: Vocabulary, label: &str) {
        let key = (school, vocabulary, label.to_owned());
        if self.unmapped.len() < UNMAPPED || self.unmapped.contains_key(&key) {
            *self.unmapped.entry(key).or_default() += 1;
        } else {
            *self.unmapped.entry((school, vocabulary, OTHERS.to_owned())).or_default() += 1;
        }
    }

    fn flush(&mut self, cell: Option<(Hourly, i64)>) {
        if let Some((cell, events)) = cell {
            *self.hourly.entry(cell).or_default() += events;
        }
    }

    /// The same events by London month.
    pub fn monthly(&self) -> BTreeMap<Monthly, i64> {
        let mut monthly = BTreeMap::new();
        for (cell, events) in &self.hourly {
            let month = Month::of(london_day(cell.hour));
            let cell =
                Monthly { school: cell.school, month, category: cell.category, action: cell.action, group: cell.group };
            *monthly.entry(cell).or_default() += events;
        }
        monthly
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn record(events: &[(i64, Option<i64>, &[u32])]) -> Record {
        let mut record = Record::new(Vocabulary::General);
        record.texts = vec!["gambling".into(), "self-harm".into(), "Beekeeping".into()];
        let mut last = 0;
        for (millis, id, labels) in events {
            record.times.push(millis - last);
            last = *millis;
            record.ids.push(id.map(i64::to_le_bytes));
            record.actions.push(Action::Blocked);
            record.groups.push(UserGroup::Learner);
            record.hosts.push(0);
            record.labels.push(labels.to_vec());
            record.policies.push(None);
            record.people.push([None; 3]);
            record.sealed.push(None);
        }
        record
    }

    fn school() -> SchoolId {
        Uuid::from_u128(1).into()
    }

    #[test]
    fn the_gravest_of_several_categories_counts_and_an_unmapped_label_is_listed() {
        let mut tally = Tally::default();
        let record = record(&[(0, None, &[0, 1]), (1, None, &[2]), (2, None, &[2, 0])]);
        assert_eq!(tally.add(school(), &record, &mut HashSet::new()).outcome, Outcome { counted: 3, duplicates: 0 });
        let by_category: Vec<_> = tally.hourly.iter().map(|(cell, n)| (cell.category, *n)).collect();
        assert_eq!(
            by_category,
            [(Category::SelfHarmSuicide, 1), (Category::Gambling, 1), (Category::Uncategorised, 1)]
        );
        assert_eq!(tally.unmapped, BTreeMap::from([((school(), Vocabulary::General, "Beekeeping".into()), 2)]));
    }

    #[test]
    fn labels_without_end_are_counted_under_one() {
        let mut many = record(&[(0, None, &[])]);
        many.texts = (0..2_000).map(|n| format!("label {n}")).collect();
        many.labels = vec![(0..2_000).collect()];
        let mut tally = Tally::default();
        tally.add(school(), &many, &mut HashSet::new());
        assert_eq!(tally.unmapped.len(), UNMAPPED + 1);
        assert_eq!(tally.unmapped[&(school(), Vocabulary::General, OTHERS.to_owned())], 1_500);
    }

    #[test]
    fn an_id_counts_once_and_events_without_an_id_always() {
        let mut tally = Tally::default();
        let record = record(&[(0, Some(7), &[]), (0, Some(7), &[]), (0, None, &[]), (0, None, &[]), (0, Some(8), &[])]);
        let mut unseen = HashSet::from([7]);
        let added = tally.add(school(), &record, &mut unseen);
        assert_eq!(added.outcome, Outcome { counted: 3, duplicates: 2 });
        let flagged: Vec<usize> = added.flagged.iter().map(|event| event.number).collect();
        assert_eq!(flagged, [0, 2, 3], "a repeat is not looked at again");
        assert!(unseen.is_empty());
    }

    #[test]
    fn what_the_filter_did_not_simply_let_pass_is_flagged_and_so_is_what_is_of_high_concern() {
        let flagged =
            |action| (is_flagged(action, Some(Category::News)), is_flagged(action, Some(Category::Extremism)));
        for action in [Action::Allowed, Action::AuthChallenge] {
            assert_eq!((flagged(action), is_flagged(action, None)), ((false, true), false), "{action}");
        }
        for action in [Action::Blocked, Action::Warned, Action::Overridden, Action::Captured] {
            assert_eq!((flagged(action), is_flagged(action, None)), ((true, true), true), "{action}");
        }
    }

    #[test]
    fn an_hour_before_utc_midnight_in_summer_is_of_the_next_london_month() {
        let mut tally = Tally::default();
        let last_hour: DateTime<Utc> = "2026-06-30T23:10:00Z".parse().unwrap();
        tally.add(school(), &record(&[(last_hour.timestamp_millis(), None, &[])]), &mut HashSet::new());
        let months: Vec<_> = tally.monthly().keys().map(|cell| cell.month.to_string()).collect();
        assert_eq!(months, ["2026-07"]);
    }
}

//! The generated school day: pure, and the same for the same seed on every machine.

mod hours;
mod kinds;
mod temper;

use chrono::{DateTime, NaiveDate, Utc};
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use schema::{Action, Category, UserGroup};
use serde::Serialize;

use super::schools::SchoolFacts;
use kinds::{BESIDE, KINDS, Kind, UNMAPPED};
pub use temper::{Temper, tempers};

/// How much is browsed, and how much of it is of concern.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Requests per pupil of a usual secondary school.
    pub events_per_pupil: u32,
    /// Requests of a category of concern, in percent of the usual.
    pub concern: u32,
    /// Requests of high concern, in percent of the usual.
    pub high_concern: u32,
}

/// A request as a school's filter reports it, in the door's own JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    id: String,
    time: DateTime<Utc>,
    /// What the filter did.
    pub action: Action,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'static str>,
    /// The labels that the filter sends.
    #[serde(rename = "category")]
    pub labels: Vec<&'static str>,
    #[serde(flatten)]
    person: Person,
    policy: &'static str,
    /// The canonical category that the labels are meant to lead to; not sent.
    #[serde(skip)]
    pub meant: Category,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Person {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    group: UserGroup,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    address: String,
}

/// The requests of a school's day, in the order of time.
pub struct Day {
    rng: Xoshiro256PlusPlus,
    date: NaiveDate,
    pupils: u32,
    weights: Vec<u32>,
    instants: std::iter::Enumerate<std::vec::IntoIter<DateTime<Utc>>>,
}

/// The day of a school; `date` is a Monday to Friday.
pub fn day(school: &SchoolFacts, temper: Temper, seed: u64, date: NaiveDate, shape: Shape) -> Day {
    let mut rng = seeded(school, seed, date);
    let pupils = school.pupils.unwrap_or(300).clamp(1, 9_999);
    let count = count(&mut rng, school, temper, pupils, shape);
    let weights = KINDS.iter().map(|kind| weight(&mut rng, kind, temper, shape)).collect();
    let instants = hours::instants(&mut rng, date, count).into_iter().enumerate();
    Day { rng, date, pupils, weights, instants }
}

/// Schools are told apart by their URN: their ids differ from one installation to the next.
fn seeded(school: &SchoolFacts, seed: u64, date: NaiveDate) -> Xoshiro256PlusPlus {
    let from = format!("wardlog demo {seed} {} {date}", school.urn);
    Xoshiro256PlusPlus::from_seed(*blake3::hash(from.as_bytes()).as_bytes())
}

fn count(rng: &mut Xoshiro256PlusPlus, school: &SchoolFacts, temper: Temper, pupils: u32, shape: Shape) -> u32 {
    let of_the_phase = match school.phase.as_str() {
        "Primary" | "Nursery" | "Middle deemed primary" => 40,
        "All-through" => 80,
        _ => 100,
    };
    let usual =
        u64::from(pupils) * u64::from(shape.events_per_pupil) * of_the_phase * rng.random_range(80..=120) / 10_000;
    match temper {
        Temper::Usual | Temper::ManyProxies => u32::try_from(usual).unwrap_or(u32::MAX),
        Temper::NearlySilent => 30,
        Temper::NoEvents => 0,
    }
}

/// How often a school's requests are of a kind: half to twice as often as usual where it is of concern.
fn weight(rng: &mut Xoshiro256PlusPlus, kind: &Kind, temper: Temper, shape: Shape) -> u32 {
    let of_concern = kind.category < Category::Social;
    let here = rng.random_range(50..=200);
    let scale = if kind.category.is_high_concern() { shape.high_concern } else { shape.concern };
    match (kind.category, temper) {
        (Category::ProxyBypass, Temper::ManyProxies) => kind.weight * 12 * scale / 100,
        _ if of_concern => kind.weight * here / 100 * scale / 100,
        _ => kind.weight,
    }
}

impl Iterator for Day {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let (number, time) = self.instants.next()?;
        let id = format!("{}-{number:06}", self.date.format("%Y%m%d"));
        let person = self.person();
        // Some requests come before their device has said who is using it (HTTP 407).
        if person.user.is_none() && self.rng.random_range(0..100) < 80 {
            let host = self.pick(KINDS[KINDS.len() - 1].hosts);
            let (labels, meant) = (vec![], Category::Uncategorised);
            let (action, policy) = (Action::AuthChallenge, "default");
            return Some(Event { id, time, action, url: None, host: Some(host), labels, person, policy, meant });
        }
        let kind = self.kind();
        let action = self.action(kind, person.group);
        let labels = self.labels(kind);
        let host = self.pick(kind.hosts);
        let whole = self.rng.random_bool(0.5).then(|| format!("https://{host}/{:08x}", self.rng.random::<u32>()));
        Some(Event {
            id,
            time,
            action,
            host: whole.is_none().then_some(host),
            url: whole,
            labels,
            policy: if person.group == UserGroup::Staff { "staff" } else { "learners" },
            person,
            meant: kind.category,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.instants.size_hint()
    }
}

impl ExactSizeIterator for Day {}

impl Day {
    fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.rng.random_range(0..among.len())]
    }

    fn kind(&mut self) -> &'static Kind {
        let mut drawn = self.rng.random_range(0..self.weights.iter().sum::<u32>());
        let reached = |weight: &u32| {
            let here = drawn < *weight;
            drawn = drawn.saturating_sub(*weight);
            here
        };
        let index = self.weights.iter().position(reached).unwrap_or(KINDS.len() - 1);
        &KINDS[index]
    }

    fn person(&mut self) -> Person {
        let (name, group, number) = match self.rng.random_range(0..1_000) {
            0..880 => ("pupil", UserGroup::Learner, self.rng.random_range(1..=self.pupils)),
            880..980 => ("staff", UserGroup::Staff, self.rng.random_range(1..=self.pupils / 9 + 1)),
            980..990 => ("guest", UserGroup::Guest, self.rng.random_range(1..=20)),
            _ => ("", UserGroup::Unknown, self.rng.random_range(1..=self.pupils)),
        };
        let user = (group != UserGroup::Unknown).then(|| format!("{name}-{number:04}"));
        let device = user.as_ref().map(|_| format!("LT-{group}-{number:04}"));
        let network = group as u32 + 1;
        Person { user, group, device, address: format!("10.{network}.{}.{}", number / 250, number % 250 + 1) }
    }

    fn action(&mut self, kind: &Kind, group: UserGroup) -> Action {
        let [blocked, warned, captured] = kind.done;
        let drawn = self.rng.random_range(0..100);
        // Staff may lift a block where it is not of high concern.
        let lifted = group == UserGroup::Staff && !kind.category.is_high_concern() && self.rng.random_ratio(1, 5);
        match drawn {
            _ if drawn < blocked && lifted => Action::Overridden,
            _ if drawn < blocked => Action::Blocked,
            _ if drawn < blocked + warned => Action::Warned,
            _ if drawn < blocked + warned + captured => Action::Captured,
            _ => Action::Allowed,
        }
    }

    /// Usually one label; now and then a second one of less weight, and for what is not categorised one that is unknown.
    fn labels(&mut self, kind: &Kind) -> Vec<&'static str> {
        if kind.labels.is_empty() {
            return if self.rng.random_bool(0.25) { vec![self.pick(&UNMAPPED)] } else { vec![] };
        }
        let mut labels = vec![self.pick(kind.labels)];
        if self.rng.random_ratio(1, 16) {
            labels.insert(self.rng.random_range(0..=1), self.pick(&BESIDE));
        }
        labels
    }
}

/// Whether no vocabulary knows `label`, so that it must turn up in the school's list of unmapped labels.
pub fn is_unmapped(label: &str) -> bool {
    UNMAPPED.contains(&label)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use uuid::Uuid;

    use super::*;

    const SHAPE: Shape = Shape { events_per_pupil: 6, concern: 100, high_concern: 100 };

    fn school(urn: u32, phase: &str, pupils: u32) -> SchoolFacts {
        SchoolFacts {
            id: Uuid::from_u128(urn.into()).into(),
            urn: urn.try_into().unwrap(),
            name: "A school".to_owned(),
            phase: phase.to_owned(),
            open: true,
            pupils: Some(pupils),
        }
    }

    fn friday() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 11, 20).unwrap()
    }

    fn bytes(school: &SchoolFacts, temper: Temper, seed: u64) -> Vec<u8> {
        day(school, temper, seed, friday(), SHAPE)
            .flat_map(|event| serde_json::to_vec(&event).unwrap().into_iter().chain(*b"\n"))
            .collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_seed_or_school_gives_others() {
        let paddington = school(130_912, "Secondary", 1_256);
        let first = bytes(&paddington, Temper::Usual, 1);
        assert_eq!(first, bytes(&paddington, Temper::Usual, 1));
        assert_ne!(first, bytes(&paddington, Temper::Usual, 2));
        assert_ne!(first, bytes(&school(130_913, "Secondary", 1_256), Temper::Usual, 1));
    }

    #[test]
    fn a_primary_school_browses_less_and_a_silent_one_not_at_all() {
        let count = |phase, temper| day(&school(139_404, phase, 900), temper, 1, friday(), SHAPE).len();
        assert!(count("Primary", Temper::Usual) * 2 < count("Secondary", Temper::Usual));
        assert!((4_000..7_000).contains(&count("Secondary", Temper::Usual)));
        assert_eq!(count("Secondary", Temper::NearlySilent), 30);
        assert_eq!(count("Secondary", Temper::NoEvents), 0);
    }

    #[test]
    fn ids_are_unique_times_are_in_order_and_a_day_is_as_long_as_it_says() {
        let mut day = day(&school(130_912, "Secondary", 1_256), Temper::Usual, 1, friday(), SHAPE);
        let announced = day.len();
        let events: Vec<Event> = day.by_ref().collect();
        assert_eq!(events.len(), announced);
        assert!(events.is_sorted_by_key(|event| event.time));
        assert_eq!(events.iter().map(|event| &event.id).collect::<HashSet<_>>().len(), announced);
    }

    #[test]
    fn a_day_has_what_a_safeguarding_lead_looks_for_and_proxies_where_they_are_many() {
        let school = school(130_912, "Secondary", 1_256);
        let of = |temper, wanted: &dyn Fn(&Event) -> bool| {
            day(&school, temper, 1, friday(), SHAPE).filter(|event| wanted(event)).count()
        };
        let proxies = |event: &Event| event.meant == Category::ProxyBypass;
        assert!(of(Temper::ManyProxies, &proxies) > 3 * of(Temper::Usual, &proxies));
        assert!(of(Temper::Usual, &|event| event.meant.is_high_concern() && event.action == Action::Blocked) > 0);
        assert!(of(Temper::Usual, &|event| event.labels.iter().any(|label| is_unmapped(label))) > 0);
        for &action in Action::ALL {
            assert!(of(Temper::Usual, &|event| event.action == action) > 0, "{action}");
        }
    }

    #[test]
    fn nothing_is_of_concern_in_a_day_without_concern() {
        let shape = Shape { concern: 0, high_concern: 0, ..SHAPE };
        let mut day = day(&school(130_912, "Secondary", 1_256), Temper::ManyProxies, 1, friday(), shape);
        assert!(day.all(|event| event.meant >= Category::Social));
    }
}

//! Who holds which role at a school or trust, from which day to which: one DSL at every instant (R013).

use std::collections::BTreeMap;

use chrono::NaiveDate;
use eventlog::Aggregate;
use schema::{
    AppointmentId, PersonId,
    people::{Appointed, AppointmentEnded, DslGap, Site, StaffRole, StaffingEvent, SubstitutesNamed},
};

/// How many roles a school or trust may ever have given: 300 people could each take a new one twice a year, for sixteen
/// years. All of them are read to decide on one.
pub const APPOINTMENTS_EVER: usize = 10_000;

/// How many stand in for one role.
pub const SUBSTITUTES: usize = 20;

/// The roles held at a school or trust, past and to come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Staffing {
    /// Every role ever given, the first one first.
    pub appointments: Vec<Appointed>,
    /// The days without a DSL that have been told of, in order.
    pub gaps: Vec<DslGap>,
    /// Who stands in for a role's holder who is recused, the first of them who can (R087).
    pub substitutes: BTreeMap<StaffRole, Vec<PersonId>>,
}

/// What can be asked of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StaffingCommand {
    /// Give somebody a role.
    Appoint {
        /// Where.
        site: Site,
        /// The day on which it is said.
        today: NaiveDate,
        /// Who, what, and when.
        appointed: Appointed,
        /// End the role of whoever alone can hold it, when the new holder begins: there is no day between them.
        succeeds: bool,
    },
    /// End a role, or end it earlier than was said.
    End(AppointmentEnded),
    /// Say who stands in.
    NameSubstitutes {
        /// Where.
        site: Site,
        /// For whom, and who.
        named: SubstitutesNamed,
    },
}

/// Why it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StaffingError {
    /// Such a role is not held there.
    #[error("the role is not held at such a place")]
    NotHeldThere,
    /// A role is held for a day at least.
    #[error("expected an end after the beginning")]
    EndsBeforeItBegins,
    /// The id was used before.
    #[error("the role was given before, to another person or for other days")]
    GivenDifferently,
    /// The person would hold the same role twice.
    #[error("the person holds the role already on some of these days")]
    HeldAlready,
    /// One person alone can hold it.
    #[error(
        "another person holds the role on some of these days, and one alone can: end theirs, or say that this one succeeds"
    )]
    HeldByAnother,
    /// Nobody was given it.
    #[error("no such role was given")]
    NotGiven,
    /// An end is brought forward, never put off: for days after it, the role is given anew.
    #[error("the role ends earlier than that already")]
    EndsEarlier,
    /// Each stands in once, after those before.
    #[error("expected at most 20 people, each once")]
    Substitutes,
    /// More than any school has.
    #[error("the school or trust has given as many roles as it may")]
    TooMany,
}

impl Aggregate for Staffing {
    type Command = StaffingCommand;
    type Event = StaffingEvent;
    type Error = StaffingError;

    fn decide(&self, command: &StaffingCommand) -> Result<Vec<StaffingEvent>, StaffingError> {
        let (mut events, begins) = match command {
            StaffingCommand::Appoint { site, today, appointed, succeeds } => {
                (self.appoint(*site, appointed, *succeeds)?, (*site == Site::School).then_some(*today))
            }
            StaffingCommand::End(ended) => (self.end(ended)?, None),
            StaffingCommand::NameSubstitutes { site, named } => (self.name_substitutes(*site, named)?, None),
        };
        let after = events.iter().fold(self.clone(), Self::evolve);
        // Whoever is the first to be given a role there begins the days of which each has a DSL or is told of.
        let since = self.since().or(begins).into_iter().chain(after.since()).min();
        let gaps = since.map(|since| gaps(&after.appointments, since)).unwrap_or_default();
        let closed = self.gaps.iter().filter(|gap| !gaps.contains(gap));
        events.extend(closed.map(|gap| StaffingEvent::DslGapClosed(*gap)));
        let found = gaps.iter().filter(|gap| !self.gaps.contains(gap));
        events.extend(found.map(|gap| StaffingEvent::DslGapFound(*gap)));
        Ok(events)
    }

    fn evolve(mut self, event: &StaffingEvent) -> Self {
        match event {
            StaffingEvent::Appointed(appointed) => self.appointments.push(appointed.clone()),
            StaffingEvent::Ended(AppointmentEnded { appointment, to }) => {
                for ended in self.appointments.iter_mut().filter(|one| one.appointment == *appointment) {
                    ended.to = Some(*to);
                }
            }
            StaffingEvent::DslGapFound(gap) => {
                self.gaps.push(*gap);
                self.gaps.sort_unstable();
            }
            StaffingEvent::DslGapClosed(gap) => self.gaps.retain(|known| known.from != gap.from),
            StaffingEvent::SubstitutesNamed(SubstitutesNamed { role, people }) => {
                self.substitutes.insert(*role, people.clone());
            }
        }
        self
    }
}

impl Staffing {
    fn appoint(&self, site: Site, new: &Appointed, succeeds: bool) -> Result<Vec<StaffingEvent>, StaffingError> {
        if !new.role.is_of(site) {
            return Err(StaffingError::NotHeldThere);
        }
        if new.to.is_some_and(|to| to <= new.from) {
            return Err(StaffingError::EndsBeforeItBegins);
        }
        if let Some(known) = self.given(new.appointment) {
            return if known == new { Ok(vec![]) } else { Err(StaffingError::GivenDifferently) };
        }
        if self.appointments.len() >= APPOINTMENTS_EVER {
            return Err(StaffingError::TooMany);
        }
        let mut events = Vec::new();
        for held in self.appointments.iter().filter(|held| held.role == new.role && overlap(held, new)) {
            if held.person == new.person {
                return Err(StaffingError::HeldAlready);
            }
            if !new.role.is_sole() {
                continue;
            }
            // Only who was there before is succeeded: somebody who is to come keeps their days.
            if !(succeeds && held.from < new.from) {
                return Err(StaffingError::HeldByAnother);
            }
            events.push(StaffingEvent::Ended(AppointmentEnded { appointment: held.appointment, to: new.from }));
        }
        events.push(StaffingEvent::Appointed(new.clone()));
        Ok(events)
    }

    fn end(&self, ended: &AppointmentEnded) -> Result<Vec<StaffingEvent>, StaffingError> {
        let given = self.given(ended.appointment).ok_or(StaffingError::NotGiven)?;
        if ended.to < given.from {
            return Err(StaffingError::EndsBeforeItBegins);
        }
        match given.to {
            Some(to) if to == ended.to => Ok(vec![]),
            Some(to) if to < ended.to => Err(StaffingError::EndsEarlier),
            Some(_) | None => Ok(vec![StaffingEvent::Ended(ended.clone())]),
        }
    }

    fn name_substitutes(&self, site: Site, named: &SubstitutesNamed) -> Result<Vec<StaffingEvent>, StaffingError> {
        if !named.role.is_of(site) {
            return Err(StaffingError::NotHeldThere);
        }
        let repeats = (1..named.people.len()).any(|at| named.people[..at].contains(&named.people[at]));
        if repeats || named.people.len() > SUBSTITUTES {
            return Err(StaffingError::Substitutes);
        }
        let known = self.substitutes.get(&named.role).map_or(&[][..], Vec::as_slice);
        if known == named.people { Ok(vec![]) } else { Ok(vec![StaffingEvent::SubstitutesNamed(named.clone())]) }
    }

    /// From which day on each has a DSL, or is told of as one that has none; none while nobody was given a role.
    fn since(&self) -> Option<NaiveDate> {
        let first = dsls(&self.appointments).map(|dsl| dsl.from).min();
        self.gaps.first().map(|gap| gap.from).into_iter().chain(first).min()
    }

    fn given(&self, appointment: AppointmentId) -> Option<&Appointed> {
        self.appointments.iter().find(|given| given.appointment == appointment)
    }

    /// Whether a person holds a role beyond a day that one alone can hold.
    pub fn holds_alone_after(&self, person: PersonId, day: NaiveDate) -> bool {
        let mut theirs = self.appointments.iter().filter(|one| one.person == person && one.role.is_sole());
        theirs.any(|one| one.to.is_none_or(|to| day < to && one.from < to))
    }
}

/// Whether there is a day on which both are held.
fn overlap(a: &Appointed, b: &Appointed) -> bool {
    let begins_before_it_ends = |a: &Appointed, b: &Appointed| b.to.is_none_or(|to| a.from < to);
    let is_held = |one: &Appointed| one.to.is_none_or(|to| one.from < to);
    is_held(a) && is_held(b) && begins_before_it_ends(a, b) && begins_before_it_ends(b, a)
}

/// The DSLs there were and will be. One whose role ended before it began was never there.
fn dsls(appointments: &[Appointed]) -> impl Iterator<Item = &Appointed> {
    appointments.iter().filter(|one| one.role == StaffRole::Dsl && one.to.is_none_or(|to| one.from < to))
}

/// The days without a DSL from a day on, in order.
fn gaps(appointments: &[Appointed], since: NaiveDate) -> Vec<DslGap> {
    let mut held: Vec<_> = dsls(appointments).map(|one| (one.from, one.to)).collect();
    held.sort_unstable();
    let ends = [since].into_iter().chain(held.iter().filter_map(|(_, to)| *to));
    let begins = held.iter().map(|(from, _)| Some(*from)).chain([None]);
    ends.zip(begins).filter(|(end, begin)| Some(*end) != *begin).map(|(from, to)| DslGap { from, to }).collect()
}

#[cfg(test)]
mod tests;

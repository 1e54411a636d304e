//! Who holds which role.

use chrono::NaiveDate;
use eventlog::{Aggregate, CommandError, Done, Owner, StreamError};
use schema::{
    AppointmentId, PersonId, london_day,
    people::{Appointed, AppointmentEnded, PersonEvent, StaffRole, StaffingEvent, SubstitutesNamed},
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use web::command::{Command, Given, Refusal, Rule};

use super::{lock_person, person_stream, staffing_stream};
use crate::{
    domain::{
        person::{Known, Person},
        staffing::{SUBSTITUTES, Staffing, StaffingCommand, StaffingError},
        workplace::Workplace,
    },
    http::SERVICE,
    views::school::trusts_of,
};

/// Gives a person a role.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Appoint {
    /// Where.
    pub at: Workplace,
    /// Somebody who is recorded there, or at a trust that the school belongs to.
    pub person: PersonId,
    /// The role.
    pub role: StaffRole,
    /// The first day.
    pub from: NaiveDate,
    /// The first day on which it is no longer held, if that is known.
    pub to: Option<NaiveDate>,
    /// Whether the role of whoever alone can hold it ends when this one begins.
    pub succeeds: bool,
}

/// Ends a role.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EndAppointment {
    /// Where.
    pub at: Workplace,
    /// The role as the person holds it.
    pub appointment: AppointmentId,
    /// The first day on which it is no longer held.
    pub to: NaiveDate,
}

/// Says who stands in for the holder of a role who is recused (R087).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NameSubstitutes {
    /// Where.
    pub at: Workplace,
    /// The role.
    pub role: StaffRole,
    /// People who are recorded there, or at a trust that the school belongs to; the first of them who can.
    pub people: Vec<PersonId>,
}

type Error = CommandError<StaffingRefusal>;

/// Why a command about a role is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum StaffingRefusal {
    /// The rules of roles refuse it.
    #[error(transparent)]
    Staffing(#[from] StaffingError),
    /// Nobody of this id is recorded there.
    #[error("the person is not recorded")]
    PersonUnknown,
    /// A role is given to somebody who is there.
    #[error("the person has left by then")]
    HasLeft,
    /// A role that one alone can hold ends when its holder leaves, and not by itself later.
    #[error("expected an end by the day on which the person leaves, for a role that one alone can hold")]
    LeavesBefore,
}

impl Refusal for StaffingRefusal {
    fn rule(&self) -> Option<Rule> {
        match self {
            Self::PersonUnknown | Self::Staffing(StaffingError::NotGiven) => None,
            Self::HasLeft => Some(Rule::of("HAS_LEFT", "from")),
            Self::LeavesBefore => Some(Rule::of("LEAVES_BEFORE", "to")),
            Self::Staffing(StaffingError::NotHeldThere) => Some(Rule::of("NOT_HELD_THERE", "role")),
            Self::Staffing(StaffingError::EndsBeforeItBegins) => Some(Rule::of("ENDS_BEFORE_IT_BEGINS", "to")),
            Self::Staffing(StaffingError::GivenDifferently) => Some(Rule::new("GIVEN_DIFFERENTLY")),
            Self::Staffing(StaffingError::HeldAlready) => Some(Rule::of("HELD_ALREADY", "personId")),
            Self::Staffing(StaffingError::HeldByAnother) => Some(Rule::of("HELD_BY_ANOTHER", "role")),
            Self::Staffing(StaffingError::EndsEarlier) => Some(Rule::of("ENDS_EARLIER", "to")),
            Self::Staffing(StaffingError::Substitutes) => Some(Rule::of("WRONG_NUMBER", "personIds")),
            Self::Staffing(StaffingError::TooMany) => Some(Rule::new("TOO_MANY_ROLES")),
        }
    }
}

impl Command for Appoint {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "appoint";
    type Record = Staffing;
    type Refusal = StaffingRefusal;
    type Answer = AppointmentId;

    fn owner(&self) -> Owner {
        self.at.owner()
    }

    fn stream(&self, _: &Given) -> String {
        staffing_stream(self.at.owner()).name
    }

    async fn ask(&self, given: &Given) -> Result<StaffingCommand, Error> {
        let Self { at, person, role, from, to, succeeds } = *self;
        let appointed = Appointed { appointment: given.id.into(), person, role, from, to };
        Ok(StaffingCommand::Appoint { site: at.site(), today: london_day(given.at), appointed, succeeds })
    }

    async fn check(&self, _: &Given, connection: &mut PgConnection) -> Result<(), Error> {
        lock_person(connection, self.person).await?;
        let found = recorded_at(connection, self.at, self.person, Some(self.from)).await?;
        let (_, known) = found.ok_or(CommandError::Refused(StaffingRefusal::PersonUnknown))?;
        match known.left {
            Some(left) if left <= self.from => Err(CommandError::Refused(StaffingRefusal::HasLeft)),
            Some(left) if self.role.is_sole() && self.to.is_none_or(|to| left < to) => {
                Err(CommandError::Refused(StaffingRefusal::LeavesBefore))
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn answer(&self, _: &Given, done: &Done<StaffingEvent>) -> Result<AppointmentId, Error> {
        let given = done.events.iter().find_map(|event| match event {
            StaffingEvent::Appointed(given) => Some(given),
            StaffingEvent::Ended(_)
            | StaffingEvent::DslGapFound(_)
            | StaffingEvent::DslGapClosed(_)
            | StaffingEvent::SubstitutesNamed(_) => None,
        });
        match given {
            Some(given)
                if (given.person, given.role, given.from, given.to) == (self.person, self.role, self.from, self.to) =>
            {
                Ok(given.appointment)
            }
            _ => Err(CommandError::CommandIdReused),
        }
    }
}

/// Who has the person's record, and what it says: the workplace itself, or a trust that the school belongs to on a day, or ever
/// did.
pub(super) async fn recorded_at(
    connection: &mut PgConnection,
    at: Workplace,
    person: PersonId,
    on: Option<NaiveDate>,
) -> Result<Option<(Owner, Known)>, StreamError> {
    let mut owners = vec![at.owner()];
    if let Workplace::School(school) = at {
        let trusts = trusts_of(&mut *connection, school, on).await?;
        owners.extend(trusts.into_iter().map(Owner::Trust));
    }
    for owner in owners {
        let events = eventlog::load::<PersonEvent>(&mut *connection, owner, &person_stream(person)).await?;
        match Person::after(events.iter().map(|stored| &stored.event)) {
            Person::Known(known) => return Ok(Some((owner, known))),
            Person::Unknown | Person::Forgotten => {}
        }
    }
    Ok(None)
}

impl Command for EndAppointment {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "end-appointment";
    type Record = Staffing;
    type Refusal = StaffingRefusal;
    type Answer = AppointmentId;

    fn owner(&self) -> Owner {
        self.at.owner()
    }

    fn stream(&self, _: &Given) -> String {
        staffing_stream(self.at.owner()).name
    }

    async fn ask(&self, _: &Given) -> Result<StaffingCommand, Error> {
        Ok(StaffingCommand::End(AppointmentEnded { appointment: self.appointment, to: self.to }))
    }

    async fn answer(&self, _: &Given, done: &Done<StaffingEvent>) -> Result<AppointmentId, Error> {
        match done.events.first() {
            None => Ok(self.appointment),
            Some(StaffingEvent::Ended(ended)) if (ended.appointment, ended.to) == (self.appointment, self.to) => {
                Ok(self.appointment)
            }
            Some(_) => Err(CommandError::CommandIdReused),
        }
    }
}

impl Command for NameSubstitutes {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "name-substitutes";
    type Record = Staffing;
    type Refusal = StaffingRefusal;
    type Answer = StaffRole;

    fn owner(&self) -> Owner {
        self.at.owner()
    }

    fn stream(&self, _: &Given) -> String {
        staffing_stream(self.at.owner()).name
    }

    async fn ask(&self, _: &Given) -> Result<StaffingCommand, Error> {
        let named = SubstitutesNamed { role: self.role, people: self.people.clone() };
        Ok(StaffingCommand::NameSubstitutes { site: self.at.site(), named })
    }

    async fn check(&self, given: &Given, connection: &mut PgConnection) -> Result<(), Error> {
        // More than there may be is the aggregate's to refuse.
        for &person in self.people.iter().take(SUBSTITUTES) {
            let found = recorded_at(connection, self.at, person, Some(london_day(given.at))).await?;
            found.ok_or(CommandError::Refused(StaffingRefusal::PersonUnknown))?;
        }
        Ok(())
    }

    async fn answer(&self, _: &Given, done: &Done<StaffingEvent>) -> Result<StaffRole, Error> {
        match done.events.as_slice() {
            [] => Ok(self.role),
            [StaffingEvent::SubstitutesNamed(named)] if (named.role, &named.people) == (self.role, &self.people) => {
                Ok(self.role)
            }
            _ => Err(CommandError::CommandIdReused),
        }
    }
}

//! A school's or trust's people: who they are, how they log in, when they leave.

use chrono::NaiveDate;
use eventlog::{Aggregate, CommandError, Done, Owner};
use schema::{
    PersonId, Sealed, london_day,
    people::{Identity, LoginName, PersonAmended, PersonCategory, PersonEvent, PersonRecorded, StaffingEvent},
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use vault::{DataKey, Found, Place, VaultError};
use web::command::{Command, Given, Refusal, Rule, unsealed};

use super::{lock_person, person_stream, staffing_stream};
use crate::{
    domain::{
        email::Email,
        name::Name,
        person::{Person, PersonCommand, PersonError},
        staffing::Staffing,
        workplace::Workplace,
    },
    http::SERVICE,
    views::school::schools_of,
};

/// Lets a person be known.
#[derive(Clone, Serialize, Deserialize)]
pub struct RecordPerson {
    /// Where the person works.
    pub at: Workplace,
    /// What the person is there.
    pub category: PersonCategory,
    /// The name.
    pub name: Name,
    /// The address.
    pub email: Option<Email>,
}

/// Says what is so of a person from now on.
#[derive(Clone, Serialize, Deserialize)]
pub struct AmendPerson {
    /// Where the person is recorded.
    pub at: Workplace,
    /// The person.
    pub person: PersonId,
    /// What the person is there.
    pub category: PersonCategory,
    /// The name.
    pub name: Name,
    /// The address.
    pub email: Option<Email>,
}

/// Lets a person log in by a name, or no longer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChangeLogin {
    /// Where the person is recorded.
    pub at: Workplace,
    /// The person.
    pub person: PersonId,
    /// Our own name for who logs in.
    pub login: LoginName,
    /// Whether it is linked from now on.
    pub linked: bool,
}

/// Says when a person leaves.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecordLeaving {
    /// Where the person is recorded.
    pub at: Workplace,
    /// The person.
    pub person: PersonId,
    /// The first day on which the person is no longer there.
    pub on: NaiveDate,
}

type Error = CommandError<PersonRefusal>;

/// Why a command about a person is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PersonRefusal {
    /// The record's rules refuse it.
    #[error(transparent)]
    Person(#[from] PersonError),
    /// The person's key was destroyed.
    #[error("the person is forgotten")]
    Forgotten,
    /// Otherwise a school would have no DSL, and nobody would be told.
    #[error("the person holds a role after that day that one alone can hold: end it first, or let another succeed")]
    HoldsSoleRole,
}

impl Refusal for PersonRefusal {
    fn rule(&self) -> Option<Rule> {
        match self {
            Self::Forgotten | Self::Person(PersonError::NotRecorded) => None,
            Self::HoldsSoleRole => Some(Rule::of("HOLDS_SOLE_ROLE", "on")),
            Self::Person(PersonError::Recorded) => Some(Rule::new("RECORDED")),
            Self::Person(PersonError::HasLeft) => Some(Rule::new("HAS_LEFT")),
            Self::Person(PersonError::TooManyLogins) => Some(Rule::new("TOO_MANY_LOGINS")),
            Self::Person(PersonError::LoginUnknown) => Some(Rule::of("LOGIN_UNKNOWN", "login")),
            Self::Person(PersonError::OnHold) => Some(Rule::new("ON_HOLD")),
            Self::Person(PersonError::IsThere) => Some(Rule::new("IS_THERE")),
            Self::Person(PersonError::RetainedStill) => Some(Rule::of("RETAINED_STILL", "ground")),
            Self::Person(PersonError::ProposedAlready) => Some(Rule::new("PROPOSED_ALREADY")),
            Self::Person(PersonError::NothingProposed) => Some(Rule::new("NOTHING_PROPOSED")),
            Self::Person(PersonError::HeldOtherwise) => Some(Rule::of("HELD_OTHERWISE", "reason")),
            Self::Person(PersonError::OneAlone) => Some(Rule::new("ONE_ALONE")),
            Self::Person(PersonError::AccountIsAnother) => Some(Rule::new("ACCOUNT_IS_ANOTHER")),
        }
    }
}

impl Command for RecordPerson {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "record-person";
    type Record = Person;
    type Refusal = PersonRefusal;
    type Answer = PersonId;

    fn owner(&self) -> Owner {
        self.at.owner()
    }

    fn stream(&self, given: &Given) -> String {
        person_stream(given.id.into())
    }

    async fn ask(&self, given: &Given) -> Result<PersonCommand, Error> {
        let person = PersonId::from(given.id);
        let key = new_key(given, person, || CommandError::Refused(PersonRefusal::Forgotten)).await?;
        let identity = seal(given.owner, person, &key, &identity(&self.name, self.email.as_ref()))?;
        Ok(PersonCommand::Record(PersonRecorded { person, category: self.category, identity }))
    }

    async fn answer(&self, given: &Given, done: &Done<PersonEvent>) -> Result<PersonId, Error> {
        let asked = identity(&self.name, self.email.as_ref());
        match done.events.as_slice() {
            [PersonEvent::Recorded(PersonRecorded { person, category, identity })]
                if *category == self.category && is_asked(given, done, *person, identity, &asked).await? =>
            {
                Ok(*person)
            }
            _ => Err(CommandError::CommandIdReused),
        }
    }
}

impl Command for AmendPerson {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "amend-person";
    type Record = Person;
    type Refusal = PersonRefusal;
    type Answer = PersonId;

    fn owner(&self) -> Owner {
        self.at.owner()
    }

    fn stream(&self, _: &Given) -> String {
        person_stream(self.person)
    }

    async fn ask(&self, given: &Given) -> Result<PersonCommand, Error> {
        let key = key(given, self.person).await?.ok_or(CommandError::Refused(PersonRefusal::Forgotten))?;
        let identity = seal(given.owner, self.person, &key, &identity(&self.name, self.email.as_ref()))?;
        Ok(PersonCommand::Amend(PersonAmended { category: self.category, identity }))
    }

    async fn answer(&self, given: &Given, done: &Done<PersonEvent>) -> Result<PersonId, Error> {
        let asked = identity(&self.name, self.email.as_ref());
        match done.events.as_slice() {
            [PersonEvent::Amended(PersonAmended { category, identity })]
                if *category == self.category && is_asked(given, done, self.person, identity, &asked).await? =>
            {
                Ok(self.person)
            }
            _ => Err(CommandError::CommandIdReused),
        }
    }
}

impl Command for ChangeLogin {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "change-login";
    type Record = Person;
    type Refusal = PersonRefusal;
    type Answer = PersonId;

    fn owner(&self) -> Owner {
        self.at.owner()
    }

    fn stream(&self, _: &Given) -> String {
        person_stream(self.person)
    }

    async fn ask(&self, given: &Given) -> Result<PersonCommand, Error> {
        let (login, by) = (self.login.clone(), given.actor.clone());
        Ok(if self.linked { PersonCommand::LinkLogin(login, by) } else { PersonCommand::UnlinkLogin(login) })
    }

    async fn answer(&self, _: &Given, done: &Done<PersonEvent>) -> Result<PersonId, Error> {
        match done.events.as_slice() {
            [] => Ok(self.person),
            [PersonEvent::LoginLinked(was)] if self.linked && was.login == self.login => Ok(self.person),
            [PersonEvent::LoginUnlinked(was)] if !self.linked && was.login == self.login => Ok(self.person),
            _ => Err(CommandError::CommandIdReused),
        }
    }
}

impl Command for RecordLeaving {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "record-leaving";
    type Record = Person;
    type Refusal = PersonRefusal;
    type Answer = PersonId;

    fn owner(&self) -> Owner {
        self.at.owner()
    }

    fn stream(&self, _: &Given) -> String {
        person_stream(self.person)
    }

    async fn ask(&self, given: &Given) -> Result<PersonCommand, Error> {
        Ok(PersonCommand::Leave { on: self.on, today: london_day(given.at) })
    }

    async fn check(&self, given: &Given, connection: &mut PgConnection) -> Result<(), Error> {
        lock_person(connection, self.person).await?;
        let mut places = vec![given.owner];
        if let Workplace::Trust(trust) = self.at {
            let schools = schools_of(&mut *connection, trust).await?;
            places.extend(schools.into_iter().map(Owner::School));
        }
        for place in places {
            let stream = staffing_stream(place);
            let events = eventlog::load::<StaffingEvent>(connection, stream.owner, &stream.name).await?;
            let staffing = Staffing::after(events.iter().map(|stored| &stored.event));
            if staffing.holds_alone_after(self.person, self.on) {
                return Err(CommandError::Refused(PersonRefusal::HoldsSoleRole));
            }
        }
        Ok(())
    }

    async fn answer(&self, _: &Given, done: &Done<PersonEvent>) -> Result<PersonId, Error> {
        match done.events.as_slice() {
            [] => Ok(self.person),
            [PersonEvent::Left(left)] if left.on == self.on => Ok(self.person),
            _ => Err(CommandError::CommandIdReused),
        }
    }
}

pub(super) fn identity(name: &Name, email: Option<&Email>) -> Identity {
    Identity { name: name.as_str().to_owned(), email: email.map(|email| email.as_str().to_owned()) }
}

/// Seals who somebody is under the person's own key.
pub(super) fn seal<R: Refusal>(
    owner: Owner,
    person: PersonId,
    key: &DataKey,
    identity: &Identity,
) -> Result<Sealed<Identity>, CommandError<R>> {
    let stream = person_stream(person);
    key.seal(Place { owner: owner.id(), stream: &stream, field: "identity" }, identity).map_err(unsealed)
}

/// Opens it again.
pub(super) fn open_identity<R: Refusal>(
    owner: Owner,
    person: PersonId,
    key: &DataKey,
    identity: &Sealed<Identity>,
) -> Result<Identity, CommandError<R>> {
    let stream = person_stream(person);
    let opened = key.open(Place { owner: owner.id(), stream: &stream, field: "identity" }, identity);
    opened.map_err(|unopened| CommandError::Unprepared(Box::new(unopened)))
}

/// The key of somebody who is to be recorded: made, unless they are recorded by now.
pub(super) async fn new_key<R: Refusal>(
    given: &Given,
    person: PersonId,
    forgotten: impl FnOnce() -> CommandError<R> + Send,
) -> Result<DataKey, CommandError<R>> {
    if let Some(key) = key(given, person).await? {
        return Ok(key);
    }
    given.means.vault.make(given.owner.id(), person.into()).await.map_err(|error| match error {
        VaultError::Destroyed => forgotten(),
        error => unsealed(error),
    })
}

/// A person's key; none if there is no such person, or one who is forgotten. One that is recorded has one, and if it is not there
/// it is lost, and may be found.
pub(super) async fn key<R: Refusal>(given: &Given, person: PersonId) -> Result<Option<DataKey>, CommandError<R>> {
    let mut found = given.means.vault.find(given.owner.id(), &[person.into()]).await.map_err(unsealed)?;
    match found.remove(&person.into()) {
        Some(Found::Key(key)) => Ok(Some(key)),
        Some(Found::Destroyed) => Ok(None),
        None => {
            let stream = person_stream(person);
            let mut connection = given.means.pool.acquire().await?;
            let events = eventlog::load::<PersonEvent>(&mut connection, given.owner, &stream).await;
            let events = events.map_err(CommandError::Unreadable)?;
            match Person::after(events.iter().map(|stored| &stored.event)) {
                Person::Known(_) => Err(unsealed(VaultError::Lost)),
                Person::Unknown | Person::Forgotten => Ok(None),
            }
        }
    }
}

/// Whether what was sealed is what is asked: of a command that came before it is opened again, for an id is answered for
/// the same content alone.
async fn is_asked(
    given: &Given,
    done: &Done<PersonEvent>,
    person: PersonId,
    sealed: &Sealed<Identity>,
    asked: &Identity,
) -> Result<bool, Error> {
    if !done.appended.as_ref().is_some_and(|appended| appended.replayed) {
        return Ok(true);
    }
    let Some(key) = key(given, person).await? else { return Ok(false) };
    Ok(open_identity::<PersonRefusal>(given.owner, person, &key, sealed)? == *asked)
}

//! A school's or trust's people: who they are, how they log in, when they leave.

use access::{Caller, Scope};
use chrono::NaiveDate;
use eventlog::{CommandError, Done, Owner};
use schema::{
    PersonId, Sealed,
    people::{Identity, LoginName, PersonAmended, PersonCategory, PersonEvent, PersonRecorded},
};
use serde::{Deserialize, Serialize};
use vault::{Place, VaultError};
use web::command::{Command, Given, Refusal, Rule, unsealed};

use crate::{
    domain::{
        email::Email,
        name::Name,
        person::{Person, PersonCommand, PersonError},
        workplace::Workplace,
    },
    http::SERVICE,
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
}

impl Refusal for PersonRefusal {
    fn rule(&self) -> Option<Rule> {
        match self {
            Self::Forgotten | Self::Person(PersonError::NotRecorded) => None,
            Self::Person(PersonError::Recorded) => Some(Rule::new("RECORDED")),
            Self::Person(PersonError::HasLeft) => Some(Rule::new("HAS_LEFT")),
            Self::Person(PersonError::TooManyLogins) => Some(Rule::new("TOO_MANY_LOGINS")),
            Self::Person(PersonError::LoginUnknown) => Some(Rule::of("LOGIN_UNKNOWN", "subject")),
        }
    }
}

impl Command for RecordPerson {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "record-person";
    type Record = Person;
    type Refusal = PersonRefusal;
    type Answer = PersonId;

    fn authorise(&self, caller: &Caller) -> Option<Owner> {
        own_people(caller, self.at)
    }

    fn stream(&self, given: &Given) -> String {
        stream(given.id.into())
    }

    async fn ask(&self, given: &Given) -> Result<PersonCommand, Error> {
        let person = PersonId::from(given.id);
        let identity = seal(given, person, &self.name, self.email.as_ref()).await?;
        Ok(PersonCommand::Record(PersonRecorded { person, category: self.category, identity }))
    }

    async fn answer(&self, _: &Given, done: &Done<PersonEvent>) -> Result<PersonId, Error> {
        match done.events.as_slice() {
            [PersonEvent::Recorded(recorded)] if recorded.category == self.category => Ok(recorded.person),
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

    fn authorise(&self, caller: &Caller) -> Option<Owner> {
        own_people(caller, self.at)
    }

    fn stream(&self, _: &Given) -> String {
        stream(self.person)
    }

    async fn ask(&self, given: &Given) -> Result<PersonCommand, Error> {
        let identity = seal(given, self.person, &self.name, self.email.as_ref()).await?;
        Ok(PersonCommand::Amend(PersonAmended { category: self.category, identity }))
    }

    async fn answer(&self, _: &Given, done: &Done<PersonEvent>) -> Result<PersonId, Error> {
        match done.events.as_slice() {
            [PersonEvent::Amended(amended)] if amended.category == self.category => Ok(self.person),
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

    fn authorise(&self, caller: &Caller) -> Option<Owner> {
        own_people(caller, self.at)
    }

    fn stream(&self, _: &Given) -> String {
        stream(self.person)
    }

    async fn ask(&self, _: &Given) -> Result<PersonCommand, Error> {
        let login = self.login.clone();
        Ok(if self.linked { PersonCommand::LinkLogin(login) } else { PersonCommand::UnlinkLogin(login) })
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

    fn authorise(&self, caller: &Caller) -> Option<Owner> {
        own_people(caller, self.at)
    }

    fn stream(&self, _: &Given) -> String {
        stream(self.person)
    }

    async fn ask(&self, _: &Given) -> Result<PersonCommand, Error> {
        Ok(PersonCommand::Leave(self.on))
    }

    async fn answer(&self, _: &Given, done: &Done<PersonEvent>) -> Result<PersonId, Error> {
        match done.events.as_slice() {
            [] => Ok(self.person),
            [PersonEvent::Left(left)] if left.on == self.on => Ok(self.person),
            _ => Err(CommandError::CommandIdReused),
        }
    }
}

/// A school's people are its own staff's affair, and those of the trust itself its lead's.
pub(super) fn own_people(caller: &Caller, at: Workplace) -> Option<Owner> {
    let scope = match at {
        Workplace::School(school) => Scope::School(school),
        Workplace::Trust(trust) => Scope::Trust(trust),
    };
    caller.scopes.contain(scope).then(|| at.owner())
}

/// The stream of what is known of a person.
pub(crate) fn stream(person: PersonId) -> String {
    format!("person-{person}")
}

/// Where a person's identity opens, and nowhere else.
pub(super) fn place(owner: Owner, stream: &str) -> Place<'_> {
    Place { owner: owner.id(), stream, field: "identity" }
}

/// Seals who somebody is under the person's own key, which is made the first time.
async fn seal(given: &Given, person: PersonId, name: &Name, email: Option<&Email>) -> Result<Sealed<Identity>, Error> {
    let identity = Identity { name: name.as_str().to_owned(), email: email.map(|email| email.as_str().to_owned()) };
    let key = given.means.vault.make(given.owner.id(), person.into()).await;
    let sealed = key.and_then(|key| key.seal(place(given.owner, &stream(person)), &identity));
    sealed.map_err(|error| match error {
        VaultError::Destroyed => CommandError::Refused(PersonRefusal::Forgotten),
        error => unsealed(error),
    })
}

//! The account that a school's or trust's own directory keeps of somebody: who provisions, records the person with it.

use eventlog::{CommandError, Done, Owner};
use schema::{
    AccountId, PersonId,
    people::{PersonCategory, PersonEvent, PersonRecorded},
    provisioning::{Account, PersonProvisioned},
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use web::command::{Command, Given, Refusal, Rule, unsealed};

use super::{
    lock,
    people::{identity, key, new_key, seal},
    person_stream,
};
use crate::{
    accounts::{Accounts, Field, mark, place},
    domain::{
        email::Email,
        name::Name,
        person::{Person, PersonCommand, PersonError},
        workplace::Workplace,
    },
    http::SERVICE,
};

/// Says what a directory keeps of somebody.
#[derive(Clone, Serialize, Deserialize)]
pub struct Provision {
    /// Where the person works.
    pub at: Workplace,
    /// Who it is; none: somebody who is not known yet, or whose last record is of one who left.
    pub person: Option<PersonId>,
    /// The account and how many records it had before this one; none: a new account.
    pub account: Option<(AccountId, u32)>,
    /// What the person is there.
    pub category: PersonCategory,
    /// The name.
    pub name: Name,
    /// The address.
    pub email: Option<Email>,
    /// How the directory knows the person.
    pub known_as: Account,
}

/// Says that a directory keeps no account of somebody any more.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Deprovision {
    /// Where the person is recorded.
    pub at: Workplace,
    /// The person.
    pub person: PersonId,
}

type Error = CommandError<AccountRefusal>;

/// Why a command about an account is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountRefusal {
    /// The record's rules refuse it.
    #[error(transparent)]
    Person(#[from] PersonError),
    /// The person's key was destroyed.
    #[error("the person is forgotten")]
    Forgotten,
    /// A directory tells its accounts apart by it.
    #[error("another account has this user name")]
    UserNameTaken,
    /// Somebody else was faster.
    #[error("the account has changed since: ask for it again")]
    Overtaken,
}

impl Refusal for AccountRefusal {
    fn rule(&self) -> Option<Rule> {
        match self {
            Self::Person(PersonError::NotRecorded) | Self::Forgotten => None,
            Self::Person(PersonError::HasLeft) => Some(Rule::of("HAS_LEFT", "active")),
            Self::Person(_) | Self::Overtaken => Some(Rule::new("OVERTAKEN")),
            Self::UserNameTaken => Some(Rule::of("USER_NAME_TAKEN", "userName")),
        }
    }
}

impl Provision {
    fn person(&self, given: &Given) -> PersonId {
        self.person.unwrap_or_else(|| given.id.into())
    }
}

impl Command for Provision {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "provision";
    type Record = Person;
    type Refusal = AccountRefusal;
    type Answer = AccountId;

    fn owner(&self) -> Owner {
        self.at.owner()
    }

    fn stream(&self, given: &Given) -> String {
        person_stream(self.person(given))
    }

    async fn ask(&self, given: &Given) -> Result<PersonCommand, Error> {
        let person = self.person(given);
        let forgotten = || CommandError::Refused(AccountRefusal::Forgotten);
        let key = match self.person {
            Some(person) => key(given, person).await?.ok_or_else(forgotten)?,
            None => new_key(given, person, forgotten).await?,
        };
        let identity = seal(given.owner, person, &key, &identity(&self.name, self.email.as_ref()))?;
        let (account, before) = self.account.unwrap_or_else(|| (given.id.into(), 0));
        let stream = person_stream(person);
        let known_as = key.seal(place(given.owner.id(), &stream, "known_as"), &self.known_as).map_err(unsealed)?;
        let external_id = self.known_as.external_id.as_deref();
        let provisioned = PersonProvisioned {
            account,
            before,
            known_as,
            user_name: mark(given.owner, person, &key, Field::UserName, &self.known_as.user_name),
            external_id: external_id.map(|id| mark(given.owner, person, &key, Field::ExternalId, id)),
        };
        Ok(PersonCommand::Provision(PersonRecorded { person, category: self.category, identity }, provisioned))
    }

    /// Whoever provisions at the same place waits here: two accounts of one user name would each find the name free.
    async fn check(&self, given: &Given, connection: &mut PgConnection) -> Result<(), Error> {
        let number = lock("Wardlog 2026 locks of those who provision", given.owner.id());
        sqlx::query!("SELECT pg_advisory_xact_lock($1)", number).fetch_one(&mut *connection).await?;
        let accounts = Accounts::load(connection, given.owner).await?;
        let own = self.account.map(|(account, _)| account);
        let named = accounts.named(&given.means.vault, Field::UserName, &self.known_as.user_name).await;
        if named.map_err(unsealed)?.is_some_and(|named| Some(named) != own) {
            return Err(CommandError::Refused(AccountRefusal::UserNameTaken));
        }
        // Somebody comes back once, though it is said twice at the same time.
        let before = |account| accounts.get(account).and_then(|known| Some(known.account.as_ref()?.before + 1));
        match (self.person, self.account) {
            (None, Some((account, nth))) if before(account) != Some(nth) => {
                Err(CommandError::Refused(AccountRefusal::Overtaken))
            }
            _ => Ok(()),
        }
    }

    async fn answer(&self, _: &Given, done: &Done<PersonEvent>) -> Result<AccountId, Error> {
        // It comes with an id of its own each time.
        let is_new = done.appended.as_ref().is_some_and(|appended| !appended.replayed);
        match done.events.as_slice() {
            [_, PersonEvent::Provisioned(provisioned)] if is_new => Ok(provisioned.account),
            _ => Err(CommandError::CommandIdReused),
        }
    }
}

impl Command for Deprovision {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "deprovision";
    type Record = Person;
    type Refusal = AccountRefusal;
    type Answer = ();

    fn owner(&self) -> Owner {
        self.at.owner()
    }

    fn stream(&self, _: &Given) -> String {
        person_stream(self.person)
    }

    async fn ask(&self, _: &Given) -> Result<PersonCommand, Error> {
        Ok(PersonCommand::Deprovision)
    }

    async fn answer(&self, _: &Given, done: &Done<PersonEvent>) -> Result<(), Error> {
        match done.events.as_slice() {
            [] | [PersonEvent::Deprovisioned(_)] => Ok(()),
            _ => Err(CommandError::CommandIdReused),
        }
    }
}

//! Forgetting somebody: two people decide it, and the key of who it was is destroyed for ever.

use chrono::NaiveDate;
use eventlog::{Aggregate, CommandError, Done, Owner};
use schema::{
    PersonId, london_day,
    people::{ForgettingGround, ForgettingProposed, HoldReason, PersonEvent},
};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;
use vault::{Vault, VaultError};
use web::command::{Command, Given, unsealed};

use super::{people::PersonRefusal, person_stream};
use crate::{
    domain::{
        person::{ForgettingCommand, Person, PersonCommand, PersonError},
        workplace::Workplace,
    },
    http::SERVICE,
    views::people,
};

/// Says that somebody is to be forgotten.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProposeForgetting {
    /// Where the person is recorded.
    pub at: Workplace,
    /// The person.
    pub person: PersonId,
    /// Why.
    pub ground: ForgettingGround,
}

/// Agrees, as another, and has it done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConfirmForgetting {
    /// Where the person is recorded.
    pub at: Workplace,
    /// The person.
    pub person: PersonId,
}

/// Says that somebody is not to be forgotten after all.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WithdrawForgetting {
    /// Where the person is recorded.
    pub at: Workplace,
    /// The person.
    pub person: PersonId,
}

/// Keeps somebody from being forgotten, or no longer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChangeHold {
    /// Where the person is recorded.
    pub at: Workplace,
    /// The person.
    pub person: PersonId,
    /// Why; none lifts the hold.
    pub hold: Option<HoldReason>,
}

type Error = CommandError<PersonRefusal>;

impl Command for ProposeForgetting {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "propose-forgetting";
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
        let proposed = ForgettingProposed { ground: self.ground, by: given.actor.clone() };
        Ok(PersonCommand::Forget(ForgettingCommand::Propose(proposed, today(given))))
    }

    async fn check(&self, given: &Given, connection: &mut PgConnection) -> Result<(), Error> {
        about_another(connection, &given.actor, self.person).await
    }

    async fn answer(&self, given: &Given, done: &Done<PersonEvent>) -> Result<PersonId, Error> {
        match done.events.as_slice() {
            [] => Ok(self.person),
            [PersonEvent::ForgettingProposed(was)] if was.ground == self.ground && was.by == given.actor => {
                Ok(self.person)
            }
            _ => Err(CommandError::CommandIdReused),
        }
    }
}

impl Command for ConfirmForgetting {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "confirm-forgetting";
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
        // Without a key store nothing would be destroyed: it is asked before anything is decided.
        given.means.vault.find(given.owner.id(), &[]).await.map_err(unsealed)?;
        Ok(PersonCommand::Forget(ForgettingCommand::Confirm { by: given.actor.clone(), today: today(given) }))
    }

    async fn check(&self, given: &Given, connection: &mut PgConnection) -> Result<(), Error> {
        about_another(connection, &given.actor, self.person).await?;
        let stream = person_stream(self.person);
        let events = eventlog::load::<PersonEvent>(connection, given.owner, &stream).await?;
        let Person::Known(known) = Person::after(events.iter().map(|stored| &stored.event)) else { return Ok(()) };
        match known.forgetting.proposed {
            Some(proposed) if people::are_one(connection, &proposed.by, &given.actor).await? => {
                Err(CommandError::Refused(PersonError::OneAlone.into()))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Destroys the key: what the events say must become so. Cut short here, it is done by [`destroy_left_over`].
    async fn answer(&self, given: &Given, done: &Done<PersonEvent>) -> Result<PersonId, Error> {
        match done.events.as_slice() {
            [] | [PersonEvent::Forgotten(_)] => {}
            _ => return Err(CommandError::CommandIdReused),
        }
        given.means.vault.destroy(given.owner.id(), &[self.person.into()]).await.map_err(unsealed)?;
        Ok(self.person)
    }
}

impl Command for WithdrawForgetting {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "withdraw-forgetting";
    type Record = Person;
    type Refusal = PersonRefusal;
    type Answer = PersonId;

    fn owner(&self) -> Owner {
        self.at.owner()
    }

    fn stream(&self, _: &Given) -> String {
        person_stream(self.person)
    }

    async fn ask(&self, _: &Given) -> Result<PersonCommand, Error> {
        Ok(PersonCommand::Forget(ForgettingCommand::Withdraw))
    }

    async fn answer(&self, _: &Given, done: &Done<PersonEvent>) -> Result<PersonId, Error> {
        match done.events.as_slice() {
            [PersonEvent::ForgettingWithdrawn(_)] => Ok(self.person),
            _ => Err(CommandError::CommandIdReused),
        }
    }
}

impl Command for ChangeHold {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "change-hold";
    type Record = Person;
    type Refusal = PersonRefusal;
    type Answer = PersonId;

    fn owner(&self) -> Owner {
        self.at.owner()
    }

    fn stream(&self, _: &Given) -> String {
        person_stream(self.person)
    }

    async fn ask(&self, _: &Given) -> Result<PersonCommand, Error> {
        Ok(PersonCommand::Forget(ForgettingCommand::Hold(self.hold)))
    }

    async fn answer(&self, _: &Given, done: &Done<PersonEvent>) -> Result<PersonId, Error> {
        match done.events.as_slice() {
            [] => Ok(self.person),
            [PersonEvent::HoldPlaced(was)] if self.hold == Some(was.reason) => Ok(self.person),
            [PersonEvent::HoldLifted(_)] if self.hold.is_none() => Ok(self.person),
            _ => Err(CommandError::CommandIdReused),
        }
    }
}

/// Destroys the keys that are left of people who are forgotten, such as those whose forgetting was cut short or whom a
/// restored backup of the key store brought back; how many there were.
pub async fn destroy_left_over(pool: &PgPool, vault: &Vault) -> Result<usize, VaultError> {
    let mut destroyed = 0;
    for (owner, people) in people::forgotten(&mut *pool.acquire().await?).await? {
        let left = vault.kept(owner, &people).await?;
        if !left.is_empty() {
            vault.destroy(owner, &left).await?;
            destroyed += left.len();
        }
    }
    Ok(destroyed)
}

/// Nobody decides whether they are forgotten themselves.
async fn about_another(connection: &mut PgConnection, actor: &str, person: PersonId) -> Result<(), Error> {
    if people::logs_in_as(connection, Uuid::from(person), actor).await? {
        return Err(CommandError::Refused(PersonError::OneAlone.into()));
    }
    Ok(())
}

fn today(given: &Given) -> NaiveDate {
    london_day(given.at)
}

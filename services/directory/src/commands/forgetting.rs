//! Forgetting somebody: two people decide it, and the key of who it was is destroyed for ever.

use eventlog::{Aggregate, CommandError, Done, Owner, Stored};
use schema::{
    PersonId, london_day,
    people::{ForgettingGround, HoldReason, PersonEvent},
};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool};
use vault::Vault;
use web::{
    command::{Command, Given, unsealed},
    left_over, second,
};

use super::{people::PersonRefusal, person_stream};
use crate::{
    domain::{
        person::{ForgettingCommand, ForgettingStep, Person, PersonCommand, PersonError},
        workplace::Workplace,
    },
    http::SERVICE,
    keys::OfPeople,
    views::{people, school::trusts_of},
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

/// Keeps somebody from being forgotten.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlaceHold {
    /// Where the person is recorded.
    pub at: Workplace,
    /// The person.
    pub person: PersonId,
    /// Why.
    pub reason: HoldReason,
}

/// Lets somebody be forgotten again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LiftHold {
    /// Where the person is recorded.
    pub at: Workplace,
    /// The person.
    pub person: PersonId,
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
        Ok(step(given, ForgettingStep::Propose(self.ground)))
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
        // Without a key store, or in an older one, nothing would be destroyed: it is asked before anything is decided.
        let (pool, vault, gone) = (&given.means.pool, &given.means.vault, self.person.into());
        left_over::check(pool, vault, (given.owner.id(), gone), &OfPeople).await.map_err(unsealed)?;
        Ok(step(given, ForgettingStep::Confirm))
    }

    async fn check(&self, given: &Given, connection: &mut PgConnection) -> Result<(), Error> {
        let stream = person_stream(self.person);
        let events = eventlog::load::<PersonEvent>(&mut *connection, given.owner, &stream).await?;
        let Person::Known(known) = Person::after(events.iter().map(|stored| &stored.event)) else { return Ok(()) };
        let Some(proposed) = known.forgetting.proposed else { return Ok(()) };
        let is_it = |stored: &&Stored<PersonEvent>| matches!(stored.event, PersonEvent::ForgettingProposed(_));
        let proposed_at = events.iter().rev().find(is_it).map_or(given.at, |stored| stored.recorded_at);
        let may_agree =
            second::may_agree(&mut *connection, given.owner, &given.actor, (&proposed.by, proposed_at)).await?;
        if !may_agree || self.are_one(given, connection, &proposed.by).await? {
            return Err(CommandError::Refused(PersonError::OneAlone.into()));
        }
        Ok(())
    }

    /// Destroys the key: what the events say must become so. Cut short here, it is done by [`destroy_left_over`].
    async fn answer(&self, given: &Given, done: &Done<PersonEvent>) -> Result<PersonId, Error> {
        match done.events.as_slice() {
            [] | [PersonEvent::Forgotten(_)] => {}
            _ => return Err(CommandError::CommandIdReused),
        }
        let (pool, vault, gone) = (&given.means.pool, &given.means.vault, [self.person.into()]);
        left_over::destroy(pool, vault, (given.owner.id(), &gone), &OfPeople).await.map_err(unsealed)?;
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

    async fn ask(&self, given: &Given) -> Result<PersonCommand, Error> {
        Ok(step(given, ForgettingStep::Withdraw))
    }

    async fn answer(&self, _: &Given, done: &Done<PersonEvent>) -> Result<PersonId, Error> {
        match done.events.as_slice() {
            [PersonEvent::ForgettingWithdrawn(_)] => Ok(self.person),
            _ => Err(CommandError::CommandIdReused),
        }
    }
}

impl Command for PlaceHold {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "place-hold";
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
        Ok(step(given, ForgettingStep::PlaceHold(self.reason)))
    }

    async fn answer(&self, _: &Given, done: &Done<PersonEvent>) -> Result<PersonId, Error> {
        match done.events.as_slice() {
            [] => Ok(self.person),
            [PersonEvent::HoldPlaced(was)] if was.reason == self.reason => Ok(self.person),
            _ => Err(CommandError::CommandIdReused),
        }
    }
}

impl Command for LiftHold {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "lift-hold";
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
        Ok(step(given, ForgettingStep::LiftHold))
    }

    async fn answer(&self, _: &Given, done: &Done<PersonEvent>) -> Result<PersonId, Error> {
        match done.events.as_slice() {
            [] | [PersonEvent::HoldLifted(_)] => Ok(self.person),
            _ => Err(CommandError::CommandIdReused),
        }
    }
}

impl ConfirmForgetting {
    /// Whether whoever confirms is whoever proposed, by another login: one that the record's owner, or a trust that the
    /// school belongs to, knows or knew as the same person's.
    async fn are_one(&self, given: &Given, connection: &mut PgConnection, proposer: &str) -> Result<bool, Error> {
        let mut owners = vec![given.owner];
        if let Workplace::School(school) = self.at {
            let trusts = trusts_of(&mut *connection, school, Some(london_day(given.at))).await?;
            owners.extend(trusts.into_iter().map(Owner::Trust));
        }
        for owner in owners {
            let records = eventlog::load_family::<PersonEvent>(&mut *connection, owner).await?;
            let both = |person| match person {
                Person::Known(known) => known.ever_logged_in_as(proposer) && known.ever_logged_in_as(&given.actor),
                Person::Unknown | Person::Forgotten => false,
            };
            if records.values().map(Person::after).any(both) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Destroys the keys that are left of people who are forgotten, such as those whose forgetting was cut short or whom a
/// restored backup of the key store brought back; how many there were.
pub async fn destroy_left_over(pool: &PgPool, vault: &Vault) -> Result<u64, sqlx::Error> {
    let forgotten = people::forgotten(&mut *pool.acquire().await?).await?;
    Ok(left_over::destroy_all(pool, vault, forgotten, &OfPeople).await.1)
}

fn step(given: &Given, step: ForgettingStep) -> PersonCommand {
    PersonCommand::Forget(ForgettingCommand { by: given.actor.clone(), today: london_day(given.at), step })
}

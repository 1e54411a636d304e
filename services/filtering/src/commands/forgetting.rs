//! Forgetting a name that a filter sends: two people decide it, of a name that is not on hold, and the key of it, and of all
//! that was asked for under it, is destroyed for ever.

use eventlog::{Aggregate, CommandError, Done, Owner, StreamError};
use schema::{
    DataKeyId, PseudonymId, SchoolId,
    filtering::PseudonymEvent,
    people::{ForgettingGround, HoldReason},
};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;
use vault::{Vault, VaultError};
use web::{
    command::{Command, Given, Refusal, Rule, unsealed},
    left_over, second,
};

use super::SERVICE;
use crate::{
    domain::pseudonym::{Pseudonym, PseudonymCommand, PseudonymError, Step},
    keys::OfNames,
    pseudonym,
    views::decisions,
};

/// Says that a name is to be forgotten.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProposeForgetting {
    /// Whose it is.
    pub of: Named,
    /// Why.
    pub ground: ForgettingGround,
}

/// Agrees, as another, and has it done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConfirmForgetting {
    /// Whose it is.
    pub of: Named,
}

/// Says that a name is not to be forgotten after all.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WithdrawForgetting {
    /// Whose it is.
    pub of: Named,
}

/// Keeps a name from being forgotten.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlaceHold {
    /// Whose it is.
    pub of: Named,
    /// Why.
    pub reason: HoldReason,
}

/// Lets a name be forgotten again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LiftHold {
    /// Whose it is.
    pub of: Named,
}

/// A name that a school's filters send, by its pseudonym.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The school.
    pub school: SchoolId,
    /// The pseudonym.
    pub pseudonym: PseudonymId,
}

type Error = CommandError<ForgettingRefusal>;

/// Why a step is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForgettingRefusal {
    /// The rules refuse it.
    #[error(transparent)]
    Pseudonym(#[from] PseudonymError),
    /// The school's filters sent no such name, or it is forgotten.
    #[error("no name that the school\'s filters sent has this pseudonym")]
    Unknown,
}

impl Refusal for ForgettingRefusal {
    fn rule(&self) -> Option<Rule> {
        Some(match self {
            Self::Unknown => Rule::of("NAME_UNKNOWN", "name"),
            Self::Pseudonym(PseudonymError::Forgotten) => Rule::new("FORGOTTEN"),
            Self::Pseudonym(PseudonymError::ProposedAlready) => Rule::new("PROPOSED_ALREADY"),
            Self::Pseudonym(PseudonymError::NothingProposed) => Rule::new("NOTHING_PROPOSED"),
            Self::Pseudonym(PseudonymError::OneAlone) => Rule::new("ONE_ALONE"),
            Self::Pseudonym(PseudonymError::OnHold) => Rule::new("ON_HOLD"),
            Self::Pseudonym(PseudonymError::HeldOtherwise) => Rule::of("HELD_OTHERWISE", "reason"),
        })
    }
}

impl Named {
    fn owner(self) -> Owner {
        Owner::School(self.school)
    }

    fn stream(self) -> String {
        pseudonym::stream(self.pseudonym)
    }

    async fn must_be_known(self, connection: &mut PgConnection) -> Result<(), Error> {
        let known = pseudonym::is_known(connection, self.school, self.pseudonym).await?;
        if known { Ok(()) } else { Err(CommandError::Refused(ForgettingRefusal::Unknown)) }
    }
}

impl Command for ProposeForgetting {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "propose-name-forgetting";
    type Record = Pseudonym;
    type Refusal = ForgettingRefusal;
    type Answer = PseudonymId;

    fn owner(&self) -> Owner {
        self.of.owner()
    }

    fn stream(&self, _: &Given) -> String {
        self.of.stream()
    }

    async fn ask(&self, given: &Given) -> Result<PseudonymCommand, Error> {
        Ok(step(given, Step::Propose(self.ground)))
    }

    async fn check(&self, _: &Given, connection: &mut PgConnection) -> Result<(), Error> {
        self.of.must_be_known(connection).await
    }

    async fn answer(&self, given: &Given, done: &Done<PseudonymEvent>) -> Result<PseudonymId, Error> {
        match done.events.as_slice() {
            [] => Ok(self.of.pseudonym),
            [PseudonymEvent::ForgettingProposed(was)] if was.ground == self.ground && was.by == given.actor => {
                Ok(self.of.pseudonym)
            }
            _ => Err(CommandError::CommandIdReused),
        }
    }
}

impl Command for ConfirmForgetting {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "confirm-name-forgetting";
    type Record = Pseudonym;
    type Refusal = ForgettingRefusal;
    type Answer = PseudonymId;

    fn owner(&self) -> Owner {
        self.of.owner()
    }

    fn stream(&self, _: &Given) -> String {
        self.of.stream()
    }

    async fn ask(&self, given: &Given) -> Result<PseudonymCommand, Error> {
        // Without a key store, or in an older one, nothing would be destroyed: it is asked before anything is decided.
        let (pool, vault, gone) = (&given.means.pool, &given.means.vault, self.of.pseudonym.into());
        left_over::check(pool, vault, (given.owner.id(), gone), &OfNames).await.map_err(unsealed)?;
        Ok(step(given, Step::Confirm))
    }

    async fn check(&self, given: &Given, connection: &mut PgConnection) -> Result<(), Error> {
        let (owner, stream) = (given.owner, self.of.stream());
        let events = eventlog::load::<PseudonymEvent>(&mut *connection, owner, &stream).await?;
        let state = Pseudonym::after(events.iter().map(|stored| &stored.event));
        if let (Pseudonym::Known(Some(proposed)), Some(last)) = (state, events.last())
            && !second::may_agree(connection, given.owner, &given.actor, (&proposed.by, last.recorded_at)).await?
        {
            return Err(CommandError::Refused(PseudonymError::OneAlone.into()));
        }
        Ok(())
    }

    /// Destroys what the events say is destroyed. Cut short here, it is done by [`destroy_left_over`].
    async fn answer(&self, given: &Given, done: &Done<PseudonymEvent>) -> Result<PseudonymId, Error> {
        match done.events.as_slice() {
            [] | [PseudonymEvent::Forgotten(_)] => {}
            _ => return Err(CommandError::CommandIdReused),
        }
        let (pool, vault) = (&given.means.pool, &given.means.vault);
        destroy(pool, vault, self.of).await.map_err(unsealed)?;
        Ok(self.of.pseudonym)
    }
}

impl Command for WithdrawForgetting {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "withdraw-name-forgetting";
    type Record = Pseudonym;
    type Refusal = ForgettingRefusal;
    type Answer = PseudonymId;

    fn owner(&self) -> Owner {
        self.of.owner()
    }

    fn stream(&self, _: &Given) -> String {
        self.of.stream()
    }

    async fn ask(&self, given: &Given) -> Result<PseudonymCommand, Error> {
        Ok(step(given, Step::Withdraw))
    }

    async fn answer(&self, _: &Given, done: &Done<PseudonymEvent>) -> Result<PseudonymId, Error> {
        match done.events.as_slice() {
            [PseudonymEvent::ForgettingWithdrawn(_)] => Ok(self.of.pseudonym),
            _ => Err(CommandError::CommandIdReused),
        }
    }
}

impl Command for PlaceHold {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "place-name-hold";
    type Record = Pseudonym;
    type Refusal = ForgettingRefusal;
    type Answer = PseudonymId;

    fn owner(&self) -> Owner {
        self.of.owner()
    }

    fn stream(&self, _: &Given) -> String {
        self.of.stream()
    }

    async fn ask(&self, given: &Given) -> Result<PseudonymCommand, Error> {
        Ok(step(given, Step::PlaceHold(self.reason)))
    }

    async fn check(&self, _: &Given, connection: &mut PgConnection) -> Result<(), Error> {
        self.of.must_be_known(connection).await
    }

    async fn answer(&self, _: &Given, done: &Done<PseudonymEvent>) -> Result<PseudonymId, Error> {
        match done.events.as_slice() {
            [] => Ok(self.of.pseudonym),
            [PseudonymEvent::HoldPlaced(was)] if was.reason == self.reason => Ok(self.of.pseudonym),
            _ => Err(CommandError::CommandIdReused),
        }
    }
}

impl Command for LiftHold {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "lift-name-hold";
    type Record = Pseudonym;
    type Refusal = ForgettingRefusal;
    type Answer = PseudonymId;

    fn owner(&self) -> Owner {
        self.of.owner()
    }

    fn stream(&self, _: &Given) -> String {
        self.of.stream()
    }

    async fn ask(&self, given: &Given) -> Result<PseudonymCommand, Error> {
        Ok(step(given, Step::LiftHold))
    }

    async fn check(&self, _: &Given, connection: &mut PgConnection) -> Result<(), Error> {
        self.of.must_be_known(connection).await
    }

    async fn answer(&self, _: &Given, done: &Done<PseudonymEvent>) -> Result<PseudonymId, Error> {
        match done.events.as_slice() {
            [] | [PseudonymEvent::HoldLifted(_)] => Ok(self.of.pseudonym),
            _ => Err(CommandError::CommandIdReused),
        }
    }
}

/// Destroys what is left of names that are forgotten, such as those whose forgetting was cut short or that a restored backup
/// brought back; how many keys there were.
pub async fn destroy_left_over(pool: &PgPool, vault: &Vault) -> Result<u64, sqlx::Error> {
    let forgotten = decisions::forgotten(&mut *pool.acquire().await?).await?;
    let of_keys = |(school, names): (&SchoolId, &Vec<PseudonymId>)| {
        (Uuid::from(*school), names.iter().copied().map(DataKeyId::from).collect())
    };
    let (done, destroyed) = left_over::destroy_all(pool, vault, forgotten.iter().map(of_keys), &OfNames).await;
    for school in done.into_iter().map(SchoolId::from) {
        if let Err(error) = delete_left_over(pool, school, &forgotten[&school]).await {
            tracing::error!(%school, %error, "names that are forgotten are left; it is tried again in a minute");
        }
    }
    Ok(destroyed)
}

/// Nothing is written where nothing is left.
async fn delete_left_over(pool: &PgPool, school: SchoolId, forgotten: &[PseudonymId]) -> Result<(), sqlx::Error> {
    let left = pseudonym::known(&mut *pool.acquire().await?, school, forgotten).await?;
    if left.is_empty() { Ok(()) } else { pseudonym::delete(pool, school, &left).await }
}

/// Forgets which names had these keys, which are lost: each is met anew when it is sent again. Not those that are on hold (R276).
pub async fn give_up(pool: &PgPool, school: Uuid, lost: &[DataKeyId]) -> Result<(), StreamError> {
    let (school, lost) = (school.into(), lost.iter().filter_map(|key| key.pseudonym()));
    let mut decided = pseudonym::decided(&mut *pool.acquire().await?, school, lost.clone()).await?;
    let free = lost.filter(|name| !matches!(decided.remove(name), Some(Pseudonym::Held(_))));
    Ok(pseudonym::delete(pool, school, &free.collect::<Vec<_>>()).await?)
}

/// The key first: a row without a key tells nothing, and a key without its row would never be looked for again.
async fn destroy(pool: &PgPool, vault: &Vault, Named { school, pseudonym }: Named) -> Result<(), VaultError> {
    left_over::destroy(pool, vault, (school.into(), &[pseudonym.into()]), &OfNames).await?;
    Ok(pseudonym::delete(pool, school, &[pseudonym]).await?)
}

fn step(given: &Given, step: Step) -> PseudonymCommand {
    PseudonymCommand { by: given.actor.clone(), step }
}

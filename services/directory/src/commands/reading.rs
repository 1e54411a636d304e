//! Showing who people are: recorded first, then opened.

use access::Facts;
use eventlog::{Aggregate, CommandError, Done, Owner};
use schema::{
    DataKeyId, MatterId, PersonId, Sealed,
    people::{IdentitiesRead, Identity, PersonEvent, ReadingEvent, ReadingPurpose},
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use vault::{Found, VaultError};
use web::command::{Command, Given, Refusal, Rule, unsealed};

use super::{people::open_identity, person_stream};
use crate::{
    domain::{
        person::Person,
        reading::{MOST, Reading, ReadingError, is_the_same},
        workplace::Workplace,
    },
    http::SERVICE,
};

/// Shows who some people are.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadIdentities {
    /// Where they are recorded.
    pub at: Workplace,
    /// Who.
    pub people: Vec<PersonId>,
    /// What for.
    pub purpose: ReadingPurpose,
    /// The matter that it is done for, if it is kept from some (R130).
    pub matter: Option<MatterId>,
}

/// Who somebody is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// The person.
    pub person: PersonId,
    /// Who it is; none if the person's key was destroyed: the person is forgotten.
    pub identity: Option<Identity>,
}

type Error = CommandError<ReadingRefusal>;

/// Why nothing is shown.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadingRefusal {
    /// The rules of readings refuse it.
    #[error(transparent)]
    Reading(#[from] ReadingError),
    /// One of them is not recorded there.
    #[error("one of the people is not recorded")]
    PersonUnknown,
}

impl Refusal for ReadingRefusal {
    fn rule(&self) -> Option<Rule> {
        match self {
            Self::PersonUnknown => None,
            Self::Reading(ReadingError::People) => Some(Rule::of("WRONG_NUMBER", "personIds")),
            Self::Reading(ReadingError::RecordedDifferently) => Some(Rule::new("RECORDED_DIFFERENTLY")),
        }
    }
}

impl Command for ReadIdentities {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "read-identities";
    type Record = Reading;
    type Refusal = ReadingRefusal;
    type Answer = Vec<Shown>;

    fn owner(&self) -> Owner {
        self.at.owner()
    }

    fn facts(&self) -> Facts {
        Facts { purpose: Some(self.purpose.as_str()), ..Facts::default() }
    }

    fn matter(&self) -> Option<MatterId> {
        self.matter
    }

    fn stream(&self, given: &Given) -> String {
        format!("reading-{}", given.id)
    }

    async fn ask(&self, given: &Given) -> Result<IdentitiesRead, Error> {
        Ok(self.reading(given))
    }

    async fn check(&self, given: &Given, connection: &mut PgConnection) -> Result<(), Error> {
        if self.people.len() > MOST {
            return Err(CommandError::Refused(ReadingError::People.into()));
        }
        sealed(connection, given.owner, &self.people).await.map(drop)
    }

    async fn answer(&self, given: &Given, done: &Done<ReadingEvent>) -> Result<Vec<Shown>, Error> {
        if !given.may_show(done) {
            return Err(CommandError::CommandIdReused);
        }
        match done.events.as_slice() {
            [ReadingEvent::IdentitiesRead(read)] if is_the_same(read, &self.reading(given)) => {
                open(given, &self.people).await
            }
            _ => Err(CommandError::CommandIdReused),
        }
    }
}

impl ReadIdentities {
    fn reading(&self, given: &Given) -> IdentitiesRead {
        let (people, roles) = (self.people.clone(), given.roles.clone());
        IdentitiesRead { people, purpose: self.purpose, matter: self.matter, roles }
    }
}

/// Who these people are, sealed; in their order. Nothing of one who is forgotten.
async fn sealed(
    connection: &mut PgConnection,
    owner: Owner,
    people: &[PersonId],
) -> Result<Vec<(PersonId, Option<Sealed<Identity>>)>, Error> {
    let streams: Vec<String> = people.iter().copied().map(person_stream).collect();
    let records = eventlog::load_each::<PersonEvent>(connection, owner, &streams).await?;
    let identity =
        |(person, stream): (PersonId, &String)| match Person::after(records.get(stream).into_iter().flatten()) {
            Person::Known(known) => Ok((person, Some(known.identity))),
            Person::Forgotten => Ok((person, None)),
            Person::Unknown => Err(CommandError::Refused(ReadingRefusal::PersonUnknown)),
        };
    people.iter().copied().zip(&streams).map(identity).collect()
}

async fn open(given: &Given, people: &[PersonId]) -> Result<Vec<Shown>, Error> {
    let sealed = sealed(&mut *given.means.pool.acquire().await?, given.owner, people).await?;
    let ids: Vec<DataKeyId> = sealed.iter().filter_map(|(_, identity)| Some(identity.as_ref()?.key())).collect();
    let keys = given.means.vault.find(given.owner.id(), &ids).await.map_err(unsealed)?;
    let shown = sealed.iter().map(|(person, identity)| {
        let Some(identity) = identity else { return Ok(Shown { person: *person, identity: None }) };
        let identity = match keys.get(&identity.key()) {
            Some(Found::Key(key)) => Some(open_identity(given.owner, *person, key, identity)?),
            Some(Found::Destroyed) => None,
            None => return Err(unsealed(VaultError::Lost)),
        };
        Ok(Shown { person: *person, identity })
    });
    shown.collect()
}

//! Recusing somebody from a matter (R130).

use eventlog::{CommandError, Done, Owner};
use schema::{
    MatterId, PersonId,
    recusal::{MatterEvent, PersonRecused},
};
use serde::{Deserialize, Serialize};
use web::command::{Command, Given, Refusal, Rule};

use super::staffing::recorded_at;
use crate::{
    domain::{
        matter::{Matter, MatterError},
        workplace::Workplace,
    },
    http::SERVICE,
};

/// Recuses a person from a matter: one that is known, or a new one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recuse {
    /// Whose matter it is.
    pub at: Workplace,
    /// The matter; none for a new one.
    pub matter: Option<MatterId>,
    /// Somebody who is recorded there, or at a trust that the school belongs or belonged to.
    pub person: PersonId,
}

type Error = CommandError<RecusalRefusal>;

/// Why nobody is recused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecusalRefusal {
    /// The rules of matters refuse it.
    #[error(transparent)]
    Matter(#[from] MatterError),
    /// Nobody of this id is recorded there.
    #[error("the person is not recorded")]
    PersonUnknown,
}

impl Refusal for RecusalRefusal {
    fn rule(&self) -> Option<Rule> {
        match self {
            Self::PersonUnknown => None,
            Self::Matter(MatterError::TooMany) => Some(Rule::of("TOO_MANY_RECUSED", "matterId")),
        }
    }
}

impl Command for Recuse {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "recuse";
    type Record = Matter;
    type Refusal = RecusalRefusal;
    type Answer = MatterId;

    fn owner(&self) -> Owner {
        self.at.owner()
    }

    fn matter(&self) -> Option<MatterId> {
        self.matter
    }

    fn stream(&self, given: &Given) -> String {
        access::recusal::matter_stream(self.id(given))
    }

    async fn ask(&self, given: &Given) -> Result<PersonRecused, Error> {
        let mut connection = given.means.pool.acquire().await?;
        // Of a trust that the school has left too: its people may hold roles there still.
        let found = recorded_at(&mut connection, self.at, self.person, None).await?;
        let (of, _) = found.ok_or(CommandError::Refused(RecusalRefusal::PersonUnknown))?;
        let (school, trust) = match of {
            Owner::School(school) => (Some(school), None),
            Owner::Trust(trust) => (None, Some(trust)),
        };
        Ok(PersonRecused { person: self.person, school, trust })
    }

    async fn answer(&self, given: &Given, done: &Done<MatterEvent>) -> Result<MatterId, Error> {
        match done.events.as_slice() {
            [] => Ok(self.id(given)),
            [MatterEvent::PersonRecused(recused)] if recused.person == self.person => Ok(self.id(given)),
            _ => Err(CommandError::CommandIdReused),
        }
    }
}

impl Recuse {
    fn id(&self, given: &Given) -> MatterId {
        self.matter.unwrap_or_else(|| given.id.into())
    }
}

//! A school's filters and their keys.

use access::IngestKey;
use eventlog::{Aggregate, CommandError, Done, Owner};
use schema::{
    KeyId, SchoolId, SourceId, Vocabulary,
    directory::{SchoolEvent, SourceEvent},
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use web::command::{Command, Given, Refusal, Rule};

use super::school_stream;
use crate::{
    domain::{
        name::Name,
        school::School,
        source::{self, Source, SourceCommand, SourceError},
    },
    http::SERVICE,
    views::ingest_key,
};

/// How many filters a school may have; the largest have a handful.
const MOST_SOURCES: usize = 100;

/// Lets one of a registered school's filters send.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RegisterSource {
    /// The school.
    pub school: SchoolId,
    /// What the school calls the filter.
    pub name: Name,
    /// How its category labels are read.
    pub vocabulary: Vocabulary,
}

/// Makes a source one more key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IssueKey {
    /// The school.
    pub school: SchoolId,
    /// Its filter.
    pub source: SourceId,
}

/// Refuses a key from now on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RevokeKey {
    /// The school.
    pub school: SchoolId,
    /// Its filter.
    pub source: SourceId,
    /// The key, by its public id.
    pub key: KeyId,
}

/// A key that was made.
#[derive(Serialize, Deserialize)]
pub struct IssuedKey {
    /// Its public id.
    pub id: KeyId,
    /// The key as its holder writes it, shown this once: none when the command came before.
    pub key: Option<String>,
}

type Error = CommandError<SourceRefusal>;

/// Why a command about a school's filters is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceRefusal {
    /// The source's rules refuse it.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The register does not know the school.
    #[error("the school is not registered")]
    SchoolUnknown,
    /// A school tells its filters apart by their names.
    #[error("the school has a filter of this name")]
    NameTaken,
    /// No school has that many.
    #[error("the school has as many filters as a school may have")]
    TooManySources,
}

impl Refusal for SourceRefusal {
    fn rule(&self) -> Option<Rule> {
        match self {
            Self::SchoolUnknown | Self::Source(SourceError::NotRegistered | SourceError::KeyUnknown) => None,
            Self::Source(SourceError::RegisteredDifferently) => Some(Rule::new("REGISTERED_DIFFERENTLY")),
            Self::Source(SourceError::TooManyKeys) => Some(Rule::new("TOO_MANY_KEYS")),
            Self::Source(SourceError::TooManyKeysEver) => Some(Rule::new("TOO_MANY_KEYS_EVER")),
            Self::Source(SourceError::KeyExists) => Some(Rule::new("KEY_EXISTS")),
            Self::NameTaken => Some(Rule::of("NAME_TAKEN", "name")),
            Self::TooManySources => Some(Rule::new("TOO_MANY_SOURCES")),
        }
    }
}

impl Command for RegisterSource {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "register-source";
    type Record = Source;
    type Refusal = SourceRefusal;
    type Answer = SourceId;

    fn owner(&self) -> Owner {
        Owner::School(self.school)
    }

    fn stream(&self, given: &Given) -> String {
        stream(given.id.into())
    }

    async fn ask(&self, given: &Given) -> Result<SourceCommand, Error> {
        let Self { school, name, vocabulary } = self.clone();
        Ok(SourceCommand::Register(source::RegisterSource { source: given.id.into(), school, name, vocabulary }))
    }

    async fn check(&self, _: &Given, connection: &mut PgConnection) -> Result<(), Error> {
        let school = school_stream(self.school);
        let events = eventlog::load::<SchoolEvent>(connection, school.owner, &school.name).await?;
        match School::after(events.iter().map(|stored| &stored.event)) {
            School::Unknown => return Err(CommandError::Refused(SourceRefusal::SchoolUnknown)),
            School::Registered(_) => {}
        }
        let known = ingest_key::names(connection, self.school).await?;
        if known.contains(&self.name) {
            return Err(CommandError::Refused(SourceRefusal::NameTaken));
        }
        if known.len() >= MOST_SOURCES {
            return Err(CommandError::Refused(SourceRefusal::TooManySources));
        }
        Ok(())
    }

    async fn answer(&self, given: &Given, done: &Done<SourceEvent>) -> Result<SourceId, Error> {
        match done.events.as_slice() {
            [] => Ok(given.id.into()),
            [SourceEvent::Registered(was)] if was.name == self.name.as_str() && was.vocabulary == self.vocabulary => {
                Ok(was.source)
            }
            _ => Err(CommandError::CommandIdReused),
        }
    }
}

impl Command for IssueKey {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "issue-key";
    type Record = Source;
    type Refusal = SourceRefusal;
    type Answer = IssuedKey;

    fn owner(&self) -> Owner {
        Owner::School(self.school)
    }

    fn stream(&self, _: &Given) -> String {
        stream(self.source)
    }

    async fn ask(&self, given: &Given) -> Result<SourceCommand, Error> {
        Ok(SourceCommand::IssueKey { key: given.id.into(), hash: IngestKey::from_random(given.random).hash() })
    }

    async fn answer(&self, given: &Given, done: &Done<SourceEvent>) -> Result<IssuedKey, Error> {
        let key = IngestKey::from_random(given.random);
        match done.events.as_slice() {
            [SourceEvent::KeyIssued(issued)] => {
                let is_this_one = issued.hash == key.hash().to_string();
                Ok(IssuedKey { id: issued.key, key: is_this_one.then(|| key.reveal()) })
            }
            _ => Err(CommandError::CommandIdReused),
        }
    }
}

impl Command for RevokeKey {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "revoke-key";
    type Record = Source;
    type Refusal = SourceRefusal;
    type Answer = KeyId;

    fn owner(&self) -> Owner {
        Owner::School(self.school)
    }

    fn stream(&self, _: &Given) -> String {
        stream(self.source)
    }

    async fn ask(&self, _: &Given) -> Result<SourceCommand, Error> {
        Ok(SourceCommand::RevokeKey { key: self.key })
    }

    async fn answer(&self, _: &Given, done: &Done<SourceEvent>) -> Result<KeyId, Error> {
        match done.events.as_slice() {
            [] => Ok(self.key),
            [SourceEvent::KeyRevoked(revoked)] if revoked.key == self.key => Ok(self.key),
            _ => Err(CommandError::CommandIdReused),
        }
    }
}

fn stream(source: SourceId) -> String {
    format!("source-{source}")
}

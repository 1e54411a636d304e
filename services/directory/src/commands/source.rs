//! A school's filters and their keys.

use access::{Caller, IngestKey, Scope};
use eventlog::{Aggregate, CommandError, Done, Owner};
use schema::{
    KeyId, SchoolId, SourceId, Vocabulary,
    directory::{SchoolEvent, SourceEvent},
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use web::command::{Command, Fresh};

use super::{DirectoryError, DirectoryRefusal, school_stream};
use crate::{
    domain::{
        name::Name,
        school::{School, SchoolError},
        source::{self, Source, SourceCommand},
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

impl Command for RegisterSource {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "register-source";
    type Record = Source;
    type Refusal = DirectoryRefusal;
    type Answer = SourceId;

    fn authorise(&self, caller: &Caller) -> Option<Owner> {
        own_staff(caller, self.school)
    }

    fn stream(&self, fresh: &Fresh) -> String {
        stream(fresh.id.into())
    }

    fn ask(&self, _: Owner, fresh: &Fresh) -> SourceCommand {
        let Self { school, name, vocabulary } = self.clone();
        SourceCommand::Register(source::RegisterSource { source: fresh.id.into(), school, name, vocabulary })
    }

    async fn check(&self, _: Owner, connection: &mut PgConnection) -> Result<(), DirectoryError> {
        let school = school_stream(self.school);
        let events = eventlog::load::<SchoolEvent>(connection, school.owner, &school.name).await?;
        match School::after(events.iter().map(|stored| &stored.event)) {
            School::Unknown => return Err(CommandError::Refused(SchoolError::NotRegistered.into())),
            School::Registered(_) => {}
        }
        let known = ingest_key::names(connection, self.school).await?;
        if known.contains(&self.name) {
            return Err(CommandError::Refused(DirectoryRefusal::NameTaken));
        }
        if known.len() >= MOST_SOURCES {
            return Err(CommandError::Refused(DirectoryRefusal::TooManySources));
        }
        Ok(())
    }

    fn answer(&self, fresh: &Fresh, done: &Done<SourceEvent>) -> Result<SourceId, DirectoryError> {
        match done.events.as_slice() {
            [] => Ok(fresh.id.into()),
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
    type Refusal = DirectoryRefusal;
    type Answer = IssuedKey;

    fn authorise(&self, caller: &Caller) -> Option<Owner> {
        own_staff(caller, self.school)
    }

    fn stream(&self, _: &Fresh) -> String {
        stream(self.source)
    }

    fn ask(&self, _: Owner, fresh: &Fresh) -> SourceCommand {
        SourceCommand::IssueKey { key: fresh.id.into(), hash: IngestKey::from_random(fresh.random).hash() }
    }

    fn answer(&self, fresh: &Fresh, done: &Done<SourceEvent>) -> Result<IssuedKey, DirectoryError> {
        let key = IngestKey::from_random(fresh.random);
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
    type Refusal = DirectoryRefusal;
    type Answer = KeyId;

    fn authorise(&self, caller: &Caller) -> Option<Owner> {
        own_staff(caller, self.school)
    }

    fn stream(&self, _: &Fresh) -> String {
        stream(self.source)
    }

    fn ask(&self, _: Owner, _: &Fresh) -> SourceCommand {
        SourceCommand::RevokeKey { key: self.key }
    }

    fn answer(&self, _: &Fresh, done: &Done<SourceEvent>) -> Result<KeyId, DirectoryError> {
        match done.events.as_slice() {
            [] => Ok(self.key),
            [SourceEvent::KeyRevoked(revoked)] if revoked.key == self.key => Ok(self.key),
            _ => Err(CommandError::CommandIdReused),
        }
    }
}

/// A school's filters are its own staff's affair.
fn own_staff(caller: &Caller, school: SchoolId) -> Option<Owner> {
    match caller.scope {
        Scope::School(own) if own == school => Some(Owner::School(school)),
        Scope::School(_) | Scope::GovernedSchool(_) | Scope::Trust(_) => None,
    }
}

fn stream(source: SourceId) -> String {
    format!("source-{source}")
}

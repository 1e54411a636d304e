//! Giving somebody all that is held about them: recorded first, as a reading, then opened (UK GDPR Art. 15).

use std::collections::BTreeMap;

use eventlog::{Aggregate, CommandError, DomainLog, Done, Owner};
use schema::{
    PersonId, london_day,
    people::{IdentitiesRead, PersonEvent, ReadingEvent, ReadingPurpose},
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;
use vault::{DataKey, Found, VaultError};
use web::command::{Command, Given, unsealed};

use super::{ReadingRefusal, person_stream};
use crate::{
    disclosure::{Disclosure, Login, Opening, Subject, Unreadable, is_for_a_matter, is_hold_of},
    domain::{
        person::Person,
        reading::{Reading, is_the_same},
        workplace::Workplace,
    },
    http::SERVICE,
    views::school::schools_on,
};

/// Puts together all that is held about somebody: their record as it ever was, their roles, who was shown who they are,
/// and what they did; at a trust, where its schools of today name them too.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DiscloseRecord {
    /// Where the person is recorded.
    pub at: Workplace,
    /// The person.
    pub person: PersonId,
}

type Error = CommandError<ReadingRefusal>;

impl Command for DiscloseRecord {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "disclose-record";
    type Record = Reading;
    type Refusal = ReadingRefusal;
    type Answer = Disclosure;

    fn owner(&self) -> Owner {
        self.at.owner()
    }

    fn stream(&self, given: &Given) -> String {
        format!("reading-{}", given.id)
    }

    async fn ask(&self, given: &Given) -> Result<IdentitiesRead, Error> {
        let (people, roles) = (vec![self.person], given.roles.clone());
        Ok(IdentitiesRead { people, purpose: ReadingPurpose::DataProtection, matter: None, roles })
    }

    async fn check(&self, given: &Given, connection: &mut PgConnection) -> Result<(), Error> {
        self.record(given.owner, connection).await.map(drop)
    }

    async fn answer(&self, given: &Given, done: &Done<ReadingEvent>) -> Result<Disclosure, Error> {
        let is_this = match done.events.as_slice() {
            [ReadingEvent::IdentitiesRead(read)] => is_the_same(read, &self.ask(given).await?),
            _ => false,
        };
        if !is_this || !given.may_show(done) {
            return Err(CommandError::CommandIdReused);
        }
        self.disclose(given).await
    }
}

impl DiscloseRecord {
    /// The events of the person's own record.
    async fn record(&self, owner: Owner, connection: &mut PgConnection) -> Result<Vec<PersonEvent>, Error> {
        let stream = person_stream(self.person);
        let record = eventlog::load_each(connection, owner, std::slice::from_ref(&stream)).await?.remove(&stream);
        let record = record.unwrap_or_default();
        match Person::after(&record) {
            Person::Known(_) | Person::Forgotten => Ok(record),
            Person::Unknown => Err(CommandError::Refused(ReadingRefusal::PersonUnknown)),
        }
    }

    async fn disclose(&self, given: &Given) -> Result<Disclosure, Error> {
        let (subject, records, is_forgotten) = {
            let mut connection = given.means.pool.acquire().await?;
            let c = &mut *connection;
            let is_forgotten = matches!(Person::after(&self.record(given.owner, c).await?), Person::Forgotten);
            let (own, schools) = ([given.owner.id()], self.schools(given, c).await?);
            let all: Vec<Uuid> = own.into_iter().chain(schools.iter().copied()).collect();
            let stream = person_stream(self.person);
            let mut subject = Subject { person: self.person, stream, logins: Vec::new(), appointments: Vec::new() };
            let named = DomainLog::concerning(c, &all, &subject.stream, &[], &subject.names()).await?;
            subject.appointed(&named).map_err(unreadable)?;
            let record: Vec<_> = named.into_iter().filter(|record| record.stream == subject.stream).collect();
            subject.logins = Login::of_record(&record).map_err(unreadable)?;
            let actors: Vec<_> = subject.logins.iter().map(|login| login.name.clone()).collect();
            // What somebody does at a trust's school is the school's to know, and to give.
            let acts = DomainLog::concerning(c, &own, &subject.stream, &actors, &[]).await?;
            let named = DomainLog::concerning(c, &all, &subject.stream, &[], &subject.names()).await?;
            let mut records = BTreeMap::new();
            for record in acts.into_iter().filter(|record| subject.did(record)).chain(named) {
                let is_left_out = is_for_a_matter(&record).map_err(unreadable)?
                    || is_hold_of(&record, &subject.stream).map_err(unreadable)?;
                if !is_left_out {
                    records.insert((record.recorded_at, record.partition, record.offset), record);
                }
            }
            (subject, records, is_forgotten)
        };
        let key = if is_forgotten { None } else { self.key(given).await? };
        let opening = Opening { owner: given.owner, stream: &subject.stream, key: key.as_ref() };
        let entries = records.values().map(|record| subject.entry(record, &opening)).collect::<Result<_, _>>();
        let entries = entries.map_err(unreadable::<Unreadable>)?;
        Ok(Disclosure { person: self.person, made_at: given.at, entries })
    }

    /// The key of who they are; none if it is destroyed, which a log from before they were forgotten does not know.
    async fn key(&self, given: &Given) -> Result<Option<DataKey>, Error> {
        let id = self.person.into();
        match given.means.vault.find(given.owner.id(), &[id]).await.map_err(unsealed)?.remove(&id) {
            Some(Found::Key(key)) => Ok(Some(key)),
            Some(Found::Destroyed) => Ok(None),
            None => Err(unsealed(VaultError::Lost)),
        }
    }

    /// The schools in whose logs the person may be named.
    async fn schools(&self, given: &Given, connection: &mut PgConnection) -> Result<Vec<Uuid>, Error> {
        let schools = match self.at {
            Workplace::School(_) => Vec::new(),
            Workplace::Trust(trust) => schools_on(connection, trust, london_day(given.at)).await?,
        };
        Ok(schools.into_iter().map(Uuid::from).collect())
    }
}

fn unreadable<E: Into<Unreadable>>(error: E) -> Error {
    CommandError::Unprepared(Box::new(error.into()))
}

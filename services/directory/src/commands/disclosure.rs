//! Giving somebody all that is held about them: recorded first, as a reading, then opened (UK GDPR Art. 15).

use eventlog::{Aggregate, CommandError, DomainLog, Done, Owner};
use schema::{
    PersonId, london_day,
    people::{IdentitiesRead, LoginLinked, PersonEvent, ReadingEvent, ReadingPurpose},
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;
use vault::{Found, VaultError};
use web::command::{Command, Given, unsealed};

use super::{ReadingRefusal, person_stream};
use crate::{
    disclosure::{Disclosure, Opening, Subject, Unreadable},
    domain::{person::Person, reading::Reading, workplace::Workplace},
    http::SERVICE,
    views::school::schools_on,
};

/// Puts together all that is held about somebody: their record as it ever was, their roles, who was shown who they are,
/// and what they did; at a trust, at its schools of today too.
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

    async fn ask(&self, _: &Given) -> Result<IdentitiesRead, Error> {
        Ok(IdentitiesRead { people: vec![self.person], purpose: ReadingPurpose::DataProtection })
    }

    async fn check(&self, given: &Given, connection: &mut PgConnection) -> Result<(), Error> {
        self.record(given.owner, connection).await.map(drop)
    }

    async fn answer(&self, given: &Given, done: &Done<ReadingEvent>) -> Result<Disclosure, Error> {
        let is_this = match done.events.as_slice() {
            [ReadingEvent::IdentitiesRead(read)] => *read == self.ask(given).await?,
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
        let (subject, records) = {
            let mut connection = given.means.pool.acquire().await?;
            let mut subject = self.subject(self.record(given.owner, &mut connection).await?);
            let owners = self.owners(given, &mut connection).await?;
            let c = &mut *connection;
            let named = DomainLog::concerning(c, &owners, &subject.stream, &[], &subject.names()).await?;
            subject.appointed(&named).map_err(unreadable)?;
            let records = DomainLog::concerning(c, &owners, &subject.stream, &subject.logins, &subject.names()).await?;
            (subject, records)
        };
        let keys = given.means.vault.find(given.owner.id(), &[self.person.into()]).await.map_err(unsealed)?;
        let key = match keys.get(&self.person.into()) {
            Some(Found::Key(key)) => Some(key),
            Some(Found::Destroyed) => None,
            None => return Err(unsealed(VaultError::Lost)),
        };
        let opening = Opening { owner: given.owner, stream: &subject.stream, key };
        let entries = records.iter().map(|record| subject.entry(record, &opening)).collect::<Result<_, _>>();
        let entries = entries.map_err(unreadable::<Unreadable>)?;
        Ok(Disclosure { person: self.person, made_at: given.at, entries })
    }

    fn subject(&self, record: Vec<PersonEvent>) -> Subject {
        let login = |event| match event {
            PersonEvent::LoginLinked(LoginLinked { login }) => Some(String::from(login)),
            _ => None,
        };
        let mut logins: Vec<_> = record.into_iter().filter_map(login).collect();
        logins.sort();
        logins.dedup();
        Subject { person: self.person, stream: person_stream(self.person), logins, appointments: Vec::new() }
    }

    /// Whose logs may have something of the person.
    async fn owners(&self, given: &Given, connection: &mut PgConnection) -> Result<Vec<Uuid>, Error> {
        let schools = match self.at {
            Workplace::School(_) => Vec::new(),
            Workplace::Trust(trust) => schools_on(connection, trust, london_day(given.at)).await?,
        };
        Ok([given.owner.id()].into_iter().chain(schools.into_iter().map(Uuid::from)).collect())
    }
}

fn unreadable<E: Into<Unreadable>>(error: E) -> Error {
    CommandError::Unprepared(Box::new(error.into()))
}

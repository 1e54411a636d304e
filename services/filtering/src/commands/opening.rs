//! Showing who asked for what: recorded first, then opened.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use eventlog::{CommandError, Done, Owner, telemetry};
use schema::{
    DataKeyId, FlaggedEventId, MatterId, SchoolId,
    filtering::{FlaggedEventsOpened, OpeningEvent, OpeningPurpose},
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use vault::{DataKey, Found, VaultError};
use web::command::{Command, Given, Refusal, Rule, unsealed};

use super::SERVICE;
use crate::{
    domain::opening::{Opening, OpeningError},
    pseudonym,
    record::{Record, Whose},
    sealing::{Asked, key_of, key_of_pseudonym, open_asked, open_name},
    views::flagged::{self, Kept},
};

/// Shows what is sealed of some flagged events of a school.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OpenFlaggedEvents {
    /// The school.
    pub school: SchoolId,
    /// Which.
    pub events: Vec<FlaggedEventId>,
    /// What for.
    pub purpose: OpeningPurpose,
    /// The matter that it is done for, if it is kept from some (R130).
    pub matter: Option<MatterId>,
}

/// What was sealed of an event; none of what the filter did not say, what is no longer kept, and of whoever is forgotten.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// The event.
    pub event: FlaggedEventId,
    /// The whole URL.
    pub url: Option<String>,
    /// What was searched for.
    pub search: Option<String>,
    /// The user's name.
    pub user: Option<String>,
    /// The device's name.
    pub device: Option<String>,
    /// The client's address.
    pub address: Option<String>,
}

type Error = CommandError<OpeningRefusal>;

/// Why nothing is shown.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpeningRefusal {
    /// The rules of openings refuse it.
    #[error(transparent)]
    Opening(#[from] OpeningError),
    /// One of them is no event of the school's.
    #[error("one of the events is not the school's, or no longer kept")]
    EventUnknown,
}

impl Refusal for OpeningRefusal {
    fn rule(&self) -> Option<Rule> {
        Some(match self {
            Self::EventUnknown => Rule::of("EVENT_UNKNOWN", "eventIds"),
            Self::Opening(OpeningError::Events) => Rule::of("WRONG_NUMBER", "eventIds"),
            Self::Opening(OpeningError::RecordedDifferently) => Rule::new("RECORDED_DIFFERENTLY"),
        })
    }
}

impl Command for OpenFlaggedEvents {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "open-flagged-events";
    type Record = Opening;
    type Refusal = OpeningRefusal;
    type Answer = Vec<Opened>;

    fn owner(&self) -> Owner {
        Owner::School(self.school)
    }

    fn matter(&self) -> Option<MatterId> {
        self.matter
    }

    fn stream(&self, given: &Given) -> String {
        format!("opening-{}", given.id)
    }

    async fn ask(&self, _: &Given) -> Result<FlaggedEventsOpened, Error> {
        Ok(self.opening())
    }

    async fn check(&self, _: &Given, connection: &mut PgConnection) -> Result<(), Error> {
        // What is asked for too often is the aggregate's to refuse.
        let distinct: BTreeSet<FlaggedEventId> = self.events.iter().copied().collect();
        let kept = flagged::kept(connection, self.school, &self.events).await?;
        if kept.len() == distinct.len() { Ok(()) } else { Err(CommandError::Refused(OpeningRefusal::EventUnknown)) }
    }

    async fn answer(&self, given: &Given, done: &Done<OpeningEvent>) -> Result<Vec<Opened>, Error> {
        if !given.may_show(done) {
            return Err(CommandError::CommandIdReused);
        }
        match done.events.as_slice() {
            [OpeningEvent::Opened(opened)] if *opened == self.opening() => open(given, self.school, &self.events).await,
            _ => Err(CommandError::CommandIdReused),
        }
    }
}

impl OpenFlaggedEvents {
    fn opening(&self) -> FlaggedEventsOpened {
        FlaggedEventsOpened { events: self.events.clone(), purpose: self.purpose, matter: self.matter }
    }
}

/// What is sealed of these events, in their order; of those that are kept.
async fn open(given: &Given, school: SchoolId, events: &[FlaggedEventId]) -> Result<Vec<Opened>, Error> {
    let mut connection = given.means.pool.acquire().await?;
    let kept = flagged::kept(&mut connection, school, events).await?;
    let pseudonyms: BTreeSet<i64> = kept.iter().flat_map(|event| event.people).flatten().collect();
    let names = pseudonym::sealed_names(&mut connection, school, pseudonyms.iter().copied().collect()).await?;
    let records = records(&mut connection, &kept).await?;
    drop(connection);

    let of_requests = kept.iter().map(|event| key_of(Whose::of(event.people), event.source));
    let ids: Vec<DataKeyId> = pseudonyms.into_iter().map(key_of_pseudonym).chain(of_requests).collect();
    let keys = given.means.vault.find(school.into(), &ids).await.map_err(unsealed)?;
    let sealed = Sealed { school, keys, names, records };
    let order: HashMap<FlaggedEventId, usize> = events.iter().enumerate().map(|(n, event)| (*event, n)).collect();
    let mut opened = kept.iter().map(|event| sealed.open(event)).collect::<Result<Vec<Opened>, Error>>()?;
    opened.sort_by_key(|opened| order[&opened.event]);
    Ok(opened)
}

/// The slices of the log in which these events are, each read once; not those whose day has been dropped.
async fn records(connection: &mut PgConnection, kept: &[Kept]) -> Result<BTreeMap<telemetry::Place, Record>, Error> {
    let mut records = BTreeMap::new();
    for place in kept.iter().filter(|event| event.is_sealed).map(|event| event.place).collect::<BTreeSet<_>>() {
        if let Some(slice) = telemetry::slice(&mut *connection, place).await? {
            let record = Record::decode(&slice).map_err(|error| CommandError::Unprepared(Box::new(error)))?;
            records.insert(place, record);
        }
    }
    Ok(records)
}

/// What is needed to open.
struct Sealed {
    school: SchoolId,
    keys: HashMap<DataKeyId, Found>,
    names: HashMap<i64, Vec<u8>>,
    records: BTreeMap<telemetry::Place, Record>,
}

impl Sealed {
    fn open(&self, event: &Kept) -> Result<Opened, Error> {
        let [user, device, address] = event.people;
        let asked = self.asked(event)?;
        let (url, search) = asked.map_or((None, None), |asked| (asked.url, asked.search));
        Ok(Opened {
            event: event.id,
            url: url.map(Into::into),
            search: search.map(Into::into),
            user: self.name(user)?,
            device: self.name(device)?,
            address: self.name(address)?,
        })
    }

    fn asked(&self, event: &Kept) -> Result<Option<Asked<'static>>, Error> {
        let record = self.records.get(&event.place);
        let Some(sealed) = record.and_then(|record| record.sealed.get(event.number)?.as_deref()) else {
            return Ok(None);
        };
        let Some(key) = self.key(key_of(Whose::of(event.people), event.source))? else { return Ok(None) };
        let opened = open_asked(self.school, event.source, event.at.timestamp_millis(), key, sealed);
        opened.map(Some).map_err(|error| CommandError::Unprepared(Box::new(error)))
    }

    fn name(&self, pseudonym: Option<i64>) -> Result<Option<String>, Error> {
        let Some((pseudonym, sealed)) = pseudonym.and_then(|name| Some((name, self.names.get(&name)?))) else {
            return Ok(None);
        };
        let Some(key) = self.key(key_of_pseudonym(pseudonym))? else { return Ok(None) };
        let opened = open_name(self.school, pseudonym, key, sealed);
        opened.map(Some).map_err(|error| CommandError::Unprepared(Box::new(error)))
    }

    /// None for one that was destroyed. Something was sealed under it, so one that is not there is lost, and may be found.
    fn key(&self, id: DataKeyId) -> Result<Option<&DataKey>, Error> {
        match self.keys.get(&id) {
            Some(Found::Key(key)) => Ok(Some(key)),
            Some(Found::Destroyed) => Ok(None),
            None => Err(unsealed(VaultError::Lost)),
        }
    }
}

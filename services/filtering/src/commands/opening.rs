//! Showing who asked for what: recorded first, then opened.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use eventlog::{CommandError, Done, Owner, telemetry};
use schema::{
    FlaggedEventId, MatterId, PseudonymId, SchoolId,
    filtering::{FlaggedEventsOpened, OpeningEvent, OpeningPurpose},
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use web::command::{Command, Given, Refusal, Rule};

use super::SERVICE;
use crate::{
    domain::opening::{Opening, OpeningError, is_the_same},
    opener::{Opener, Unshown},
    record::{Record, Whose},
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
            Self::Opening(OpeningError::RecordedDifferently | OpeningError::Period) => {
                Rule::new("RECORDED_DIFFERENTLY")
            }
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

    async fn ask(&self, given: &Given) -> Result<OpeningEvent, Error> {
        Ok(self.opening(given))
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
            [opened] if is_the_same(opened, &self.opening(given)) => open(given, self.school, &self.events).await,
            _ => Err(CommandError::CommandIdReused),
        }
    }
}

impl OpenFlaggedEvents {
    fn opening(&self, given: &Given) -> OpeningEvent {
        let (events, roles) = (self.events.clone(), given.roles.clone());
        OpeningEvent::Opened(FlaggedEventsOpened { events, purpose: self.purpose, matter: self.matter, roles })
    }
}

/// What is sealed of these events, in their order; of those that are kept.
async fn open(given: &Given, school: SchoolId, events: &[FlaggedEventId]) -> Result<Vec<Opened>, Error> {
    let mut connection = given.means.pool.acquire().await?;
    let kept = flagged::kept(&mut connection, school, events).await?;
    let records = records(&mut connection, &kept).await?;
    drop(connection);

    let names: BTreeSet<PseudonymId> = kept.iter().flat_map(|event| event.people).flatten().collect();
    let asked_by = kept.iter().map(|event| (Whose::of(event.people), event.source));
    let opener = Opener::new(&given.means, school, &names, asked_by).await?;
    let order: HashMap<FlaggedEventId, usize> = events.iter().enumerate().map(|(n, event)| (*event, n)).collect();
    let shown = kept.iter().map(|event| show(event, &records, &opener)).collect::<Result<Vec<Opened>, Unshown>>();
    let mut shown = shown?;
    shown.sort_by_key(|opened| order[&opened.event]);
    Ok(shown)
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

fn show(event: &Kept, records: &BTreeMap<telemetry::Place, Record>, opener: &Opener) -> Result<Opened, Unshown> {
    let record = records.get(&event.place);
    let asked = match record.and_then(|record| record.sealed.get(event.number)?.as_deref()) {
        Some(sealed) => opener.asked(Whose::of(event.people), event.source, event.at, sealed)?,
        None => None,
    };
    let (url, search) = asked.map_or((None, None), |asked| (asked.url, asked.search));
    let name = |whose: Option<PseudonymId>| whose.map_or(Ok(None), |name| opener.name(name));
    let [user, device, address] = match event.people {
        // By the device or the address they could be told.
        [Some(user), ..] if opener.is_forgotten(user) => [None; 3],
        people => people,
    };
    Ok(Opened {
        event: event.id,
        url: url.map(Into::into),
        search: search.map(Into::into),
        user: name(user)?,
        device: name(device)?,
        address: name(address)?,
    })
}

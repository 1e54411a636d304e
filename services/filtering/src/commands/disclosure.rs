//! Giving whoever has a name all that is held of them: recorded first, then opened (UK GDPR Art. 15).

use std::{collections::BTreeSet, fmt};

use chrono::{DateTime, Utc};
use eventlog::{CommandError, Done, Owner, telemetry};
use futures_util::TryStreamExt;
use schema::{
    DomainEvent, PseudonymId, SchoolId,
    filtering::{NameDisclosed, OpeningEvent, PseudonymEvent},
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use web::command::{Command, Given, Refusal, Rule};

use super::SERVICE;
use crate::{
    disclosure::{
        Decision, Disclosure, Earliest, Found, MOST, MOST_BYTES, MOST_EVENTS, Most, Request, Wanted, reach, received,
    },
    domain::opening::{Opening, OpeningError, is_the_same},
    opener::{Opener, Unshown},
    pseudonym::{self, Kind},
    record::{Record, RecordError, Whose},
    secret,
    views::decisions,
};

/// Puts together all that is held of whoever has a name that a school's filters send: the name, what they asked for in some
/// time, what was decided about it, and who was shown what of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DiscloseName {
    /// The school.
    pub school: SchoolId,
    /// Whose name it is.
    pub of: Called,
    /// Of what they asked for, that from this instant on,
    pub from: DateTime<Utc>,
    /// and before this one.
    pub to: DateTime<Utc>,
}

/// Whoever has a name, by what is known of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Called {
    /// A user, as the filter names them; letter case does not matter.
    User(String),
    /// A device, as the filter names it; letter case does not matter.
    Device(String),
    /// A client's address.
    Address(String),
    /// By a name of our own.
    Pseudonym(PseudonymId),
}

impl fmt::Debug for Called {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Called(…)")
    }
}

type Error = CommandError<DisclosureRefusal>;

/// Why nothing is disclosed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DisclosureRefusal {
    /// The rules of openings refuse it.
    #[error(transparent)]
    Opening(#[from] OpeningError),
    /// The school's filters sent no such name, or it is forgotten.
    #[error("the school's filters sent no such name, or it is forgotten")]
    Unknown,
    /// It would take too long, even of a day.
    #[error("the school's filters sent more events around this day than can be looked through")]
    TooManyEvents,
}

impl Refusal for DisclosureRefusal {
    fn rule(&self) -> Option<Rule> {
        Some(match self {
            Self::Unknown => Rule::of("NAME_UNKNOWN", "name"),
            Self::TooManyEvents => Rule::of("TOO_MANY_EVENTS", "to"),
            Self::Opening(OpeningError::Period) => Rule::of("WRONG_PERIOD", "to"),
            Self::Opening(OpeningError::Events | OpeningError::RecordedDifferently) => {
                Rule::new("RECORDED_DIFFERENTLY")
            }
        })
    }
}

impl Command for DiscloseName {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "disclose-name";
    type Record = Opening;
    type Refusal = DisclosureRefusal;
    type Answer = Disclosure;

    fn owner(&self) -> Owner {
        Owner::School(self.school)
    }

    fn stream(&self, given: &Given) -> String {
        format!("opening-{}", given.id)
    }

    async fn ask(&self, given: &Given) -> Result<OpeningEvent, Error> {
        Ok(self.disclosed(self.pseudonym(given).await?, given))
    }

    async fn check(&self, _: &Given, connection: &mut PgConnection) -> Result<(), Error> {
        self.reach(connection).await.map(drop)
    }

    async fn answer(&self, given: &Given, done: &Done<OpeningEvent>) -> Result<Disclosure, Error> {
        let name = self.pseudonym(given).await?;
        match done.events.as_slice() {
            [disclosed] if is_the_same(disclosed, &self.disclosed(name, given)) && given.may_show(done) => {
                self.disclose(name, given).await
            }
            _ => Err(CommandError::CommandIdReused),
        }
    }
}

impl DiscloseName {
    fn disclosed(&self, name: PseudonymId, given: &Given) -> OpeningEvent {
        let (from, to, roles) = (self.from, self.to, given.roles.clone());
        OpeningEvent::Disclosed(NameDisclosed { name, from, to, roles })
    }

    /// Up to when it can be looked through.
    async fn reach(&self, connection: &mut PgConnection) -> Result<DateTime<Utc>, Error> {
        let sent = telemetry::events_of(connection, self.school, received(self.from, self.to)).await?;
        let reach = reach((self.from, self.to), &sent, MOST_EVENTS);
        reach.ok_or(CommandError::Refused(DisclosureRefusal::TooManyEvents))
    }

    /// Whose it is; nobody's from when it is decided that they are forgotten.
    async fn pseudonym(&self, given: &Given) -> Result<PseudonymId, Error> {
        let mut connection = given.means.pool.acquire().await?;
        let name = self.known(given, &mut connection).await?;
        let forgotten =
            pseudonym::forgotten(&mut connection, self.school, name).await.map_err(CommandError::Unreadable)?;
        let name = name.filter(|name| !forgotten.contains(name));
        name.ok_or(CommandError::Refused(DisclosureRefusal::Unknown))
    }

    async fn known(&self, given: &Given, connection: &mut PgConnection) -> Result<Option<PseudonymId>, Error> {
        let (kind, name) = match &self.of {
            Called::User(name) => (Kind::User, name),
            Called::Device(name) => (Kind::Device, name),
            Called::Address(name) => (Kind::Address, name),
            Called::Pseudonym(pseudonym) => {
                let is_known = pseudonym::is_known(connection, self.school, *pseudonym).await?;
                return Ok(Some(*pseudonym).filter(|_| is_known));
            }
        };
        let Some(secret) = &given.means.secret else {
            return Err(CommandError::Unprepared("the secret under which names are hashed is not here".into()));
        };
        let key = secret::of_names(secret, self.school);
        Ok(pseudonym::find(connection, self.school, &key, (kind, name)).await?)
    }

    async fn disclose(&self, name: PseudonymId, given: &Given) -> Result<Disclosure, Error> {
        let (found, continues_at, decisions) = {
            let mut connection = given.means.pool.acquire().await?;
            let (found, continues_at) = self.found(name, &mut connection).await?;
            (found, continues_at, self.decisions(name, given, &mut connection).await?)
        };
        let names: BTreeSet<PseudonymId> =
            found.iter().flat_map(|found| found.people).flatten().chain([name]).collect();
        let opener = Opener::new(&given.means, self.school, &names, []).await?;
        let requests = found.into_iter().map(|found| request(found, &opener)).collect::<Result<_, Unshown>>()?;
        let (made_at, called) = (given.at, opener.name(name)?);
        Ok(Disclosure { pseudonym: name, name: called, made_at, requests, continues_at, decisions })
    }

    /// What they asked for, as the log has it, and from when on it has more.
    async fn found(
        &self,
        name: PseudonymId,
        connection: &mut PgConnection,
    ) -> Result<(Vec<Found>, Option<DateTime<Utc>>), Error> {
        let unreadable = |error: RecordError| CommandError::Unprepared(Box::new(error));
        let (from, to) = (self.from, self.reach(connection).await?);
        let most = Most { requests: MOST, bytes: MOST_BYTES };
        let mut earliest = Earliest::new(Wanted { name, from, to }, most);
        let mut slices = std::pin::pin!(telemetry::slices(connection, self.school, received(from, to)));
        while let Some(slice) = slices.try_next().await? {
            if let Some(record) = Record::decode_if_of(&slice.data, name).map_err(unreadable)? {
                earliest.add(slice.source, &record);
            }
        }
        let (found, continues_at) = earliest.finish();
        Ok((found, continues_at.or(Some(to).filter(|to| *to < self.to))))
    }

    /// What was decided, and who was shown what; nothing of a hold: that there is an inquiry, whoever it is about may not have to
    /// know yet.
    async fn decisions(
        &self,
        name: PseudonymId,
        given: &Given,
        connection: &mut PgConnection,
    ) -> Result<Vec<Decision>, Error> {
        let decided = eventlog::load::<PseudonymEvent>(&mut *connection, given.owner, &pseudonym::stream(name)).await;
        let mut listed: Vec<Decision> = Vec::new();
        for stored in decided.map_err(CommandError::Unreadable)? {
            match stored.event {
                // What was proposed just before is proposed no more, which a hold alone would explain.
                PseudonymEvent::HoldPlaced(_) => {
                    drop(listed.pop_if(|last| last.event == "pseudonym-forgetting-proposed"));
                }
                PseudonymEvent::HoldLifted(_) => {}
                event => listed.push(decision(stored.recorded_at, &event)),
            }
        }
        let shown = decisions::shown_of(connection, self.school, name).await?;
        let mut decisions: Vec<Decision> = listed.into_iter().chain(shown).collect();
        decisions.sort_by_key(|decision| decision.at);
        Ok(decisions)
    }
}

fn request(found: Found, opener: &Opener) -> Result<Request, Unshown> {
    let asked = match &found.sealed {
        Some(sealed) => opener.asked(Whose::of(found.people), found.source, found.at, sealed)?,
        None => None,
    };
    let (url, search) = asked.map_or((None, None), |asked| (asked.url, asked.search));
    let name = |whose: Option<PseudonymId>| whose.map_or(Ok(None), |name| opener.name(name));
    let [_, device, address] = found.people;
    Ok(Request {
        at: found.at,
        source: found.source,
        action: found.action,
        category: found.category,
        labels: found.labels,
        policy: found.policy,
        group: found.group,
        host: found.host,
        url: url.map(Into::into),
        search: search.map(Into::into),
        device: name(device)?,
        address: name(address)?,
    })
}

fn decision(at: DateTime<Utc>, event: &PseudonymEvent) -> Decision {
    // Who proposed it is somebody else.
    let why = match event {
        PseudonymEvent::ForgettingProposed(proposed) => Some(proposed.ground.as_str()),
        PseudonymEvent::Forgotten(forgotten) => Some(forgotten.ground.as_str()),
        PseudonymEvent::ForgettingWithdrawn(_) | PseudonymEvent::HoldPlaced(_) | PseudonymEvent::HoldLifted(_) => None,
    };
    Decision { at, event: event.name().to_owned(), why: why.map(str::to_owned), roles: vec![] }
}

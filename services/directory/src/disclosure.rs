//! What is held about somebody, as it is given to them (UK GDPR Art. 15).

use chrono::{DateTime, Utc};
use eventlog::{EventRecord, Owner};
use schema::{
    AppointmentId, DecodeError, PersonId, Sealed,
    filtering::OpeningEvent,
    people::{
        Appointed, Identity, LoginLinked, LoginUnlinked, PersonCategory, PersonEvent, ReadingEvent, StaffingEvent,
    },
    provisioning::Account,
    recusal::MatterEvent,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use vault::{DataKey, Place, Unopened};

/// All that is held about a person at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disclosure {
    /// The person.
    pub person: PersonId,
    /// When it was put together.
    pub made_at: DateTime<Utc>,
    /// Each event that has to do with the person, the oldest first.
    pub entries: Vec<Entry>,
}

/// An event that has to do with a person. Of anybody else there is nothing in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was recorded.
    pub at: DateTime<Utc>,
    /// How it has to do with the person.
    pub concern: Concern,
    /// What kind of event it is.
    pub event: String,
    /// Whether the person did it.
    pub by_the_person: bool,
    /// What it says of the person.
    pub details: Vec<Detail>,
}

/// How an event has to do with a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Concern {
    /// It is of the person's own record.
    Record,
    /// It is of a role of theirs.
    Role,
    /// Somebody was shown who they are.
    Reading,
    /// They did it; it is about something else.
    Act,
    /// They are named in it.
    Mention,
}

/// A fact about a person.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    /// What it is.
    pub name: String,
    /// The fact; none if its key is destroyed: it is forgotten.
    pub value: Option<String>,
}

impl std::fmt::Debug for Detail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}=…", self.name)
    }
}

/// Why what is held about somebody cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    /// An event is not what its type says.
    #[error(transparent)]
    Event(#[from] DecodeError),
    /// Something sealed was not sealed under this key at this place.
    #[error(transparent)]
    Sealed(#[from] Unopened),
}

/// A person's own key, and what it is bound to.
pub(crate) struct Opening<'k> {
    pub(crate) owner: Owner,
    pub(crate) stream: &'k str,
    /// None if it is destroyed: the person is forgotten.
    pub(crate) key: Option<&'k DataKey>,
}

impl Opening<'_> {
    fn open<T: DeserializeOwned>(&self, field: &str, sealed: &Sealed<T>) -> Result<Option<T>, Unopened> {
        let place = Place { owner: self.owner.id(), stream: self.stream, field };
        self.key.map(|key| key.open(place, sealed)).transpose()
    }
}

/// Of whom something is held: by what events are told to have to do with them.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    /// The person.
    pub(crate) person: PersonId,
    /// The stream of their record.
    pub(crate) stream: String,
    /// How they ever logged in, and for how long each is recorded as theirs: before and after it may be somebody else's.
    pub(crate) logins: Vec<Login>,
    /// The roles that they hold or held.
    pub(crate) appointments: Vec<AppointmentId>,
}

/// A login while it is a person's.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    pub(crate) name: String,
    linked: DateTime<Utc>,
    unlinked: Option<DateTime<Utc>>,
}

impl Login {
    /// Those of a person's own record.
    pub(crate) fn of_record(record: &[EventRecord]) -> Result<Vec<Self>, DecodeError> {
        let mut logins: Vec<Self> = Vec::new();
        for event in record {
            match event.decode()? {
                Some(PersonEvent::LoginLinked(LoginLinked { login })) => {
                    logins.push(Self { name: login.into(), linked: event.recorded_at, unlinked: None });
                }
                Some(PersonEvent::LoginUnlinked(LoginUnlinked { login })) => {
                    if let Some(known) = logins.iter_mut().rev().find(|known| known.name == login.as_str()) {
                        known.unlinked = Some(event.recorded_at);
                    }
                }
                _ => {}
            }
        }
        Ok(logins)
    }

    fn did(&self, record: &EventRecord) -> bool {
        record.actor == self.name
            && self.linked <= record.recorded_at
            && self.unlinked.is_none_or(|unlinked| record.recorded_at < unlinked)
    }
}

impl Subject {
    /// Whether they did it.
    pub(crate) fn did(&self, record: &EventRecord) -> bool {
        self.logins.iter().any(|login| login.did(record))
    }

    /// The roles of theirs that these events give them.
    pub(crate) fn appointed(&mut self, records: &[EventRecord]) -> Result<(), DecodeError> {
        for record in records {
            if let Some(StaffingEvent::Appointed(Appointed { appointment, person, .. })) = record.decode()?
                && person == self.person
            {
                self.appointments.push(appointment);
            }
        }
        Ok(())
    }

    /// What stands in events that name them.
    pub(crate) fn names(&self) -> Vec<String> {
        let appointments = self.appointments.iter().map(ToString::to_string);
        [self.person.to_string()].into_iter().chain(appointments).collect()
    }

    /// What an event says of them.
    pub(crate) fn entry(&self, record: &EventRecord, opening: &Opening<'_>) -> Result<Entry, Unreadable> {
        let by_the_person = self.did(record);
        let (concern, details) = match self.said(record, opening)? {
            Some(said) => said,
            None if by_the_person => (Concern::Act, vec![]),
            None => (Concern::Mention, vec![]),
        };
        Ok(Entry { at: record.recorded_at, concern, event: record.name().to_owned(), by_the_person, details })
    }

    fn said(&self, record: &EventRecord, opening: &Opening<'_>) -> Result<Option<(Concern, Vec<Detail>)>, Unreadable> {
        if record.stream == self.stream {
            let details = record.decode()?.map(|event| of_record(event, opening)).transpose()?;
            return Ok(details.map(|details| (Concern::Record, details)));
        }
        if let Some(event) = record.decode::<StaffingEvent>()? {
            return Ok(self.of_role(&event).map(|details| (Concern::Role, details)));
        }
        if let Some(ReadingEvent::IdentitiesRead(read)) = record.decode()?
            && read.people.contains(&self.person)
        {
            return Ok(Some((Concern::Reading, vec![known("purpose", &read.purpose)])));
        }
        Ok(None)
    }

    fn of_role(&self, event: &StaffingEvent) -> Option<Vec<Detail>> {
        let (appointment, mut details) = match event {
            StaffingEvent::Appointed(given) => {
                let to = given.to.map(|to| known("to", &to));
                (
                    given.appointment,
                    [known("role", &given.role), known("from", &given.from)].into_iter().chain(to).collect(),
                )
            }
            StaffingEvent::Ended(ended) => (ended.appointment, vec![known("to", &ended.to)]),
            StaffingEvent::DslGapFound(_) | StaffingEvent::DslGapClosed(_) | StaffingEvent::SubstitutesNamed(_) => {
                return None;
            }
        };
        details.insert(0, known("roleId", &appointment));
        self.appointments.contains(&appointment).then_some(details)
    }
}

/// Whether an event is of a matter, or of what was done for one. Whom a matter is about would learn of it by what is disclosed to
/// them (R086), and so would whoever discloses it and is recused: it is left out, for whoever asks to decide on by hand.
pub(crate) fn is_for_a_matter(record: &EventRecord) -> Result<bool, DecodeError> {
    let reading = record.decode::<ReadingEvent>()?.and_then(|ReadingEvent::IdentitiesRead(read)| read.matter);
    let opening = record.decode::<OpeningEvent>()?.and_then(|event| match event {
        OpeningEvent::Opened(opened) => opened.matter,
        OpeningEvent::Disclosed(_) => None,
    });
    Ok(reading.or(opening).is_some() || record.decode::<MatterEvent>()?.is_some())
}

/// Whether an event is a hold of somebody's own record: that there is an inquiry, they may not have to know yet.
pub(crate) fn is_hold_of(record: &EventRecord, stream: &str) -> Result<bool, DecodeError> {
    let is_hold = |event| matches!(event, PersonEvent::HoldPlaced(_) | PersonEvent::HoldLifted(_));
    Ok(record.stream == stream && record.decode()?.is_some_and(is_hold))
}

fn of_record(event: PersonEvent, opening: &Opening<'_>) -> Result<Vec<Detail>, Unreadable> {
    Ok(match event {
        PersonEvent::Recorded(recorded) => who(recorded.category, opening.open("identity", &recorded.identity)?),
        PersonEvent::Amended(amended) => who(amended.category, opening.open("identity", &amended.identity)?),
        PersonEvent::Provisioned(provisioned) => account(opening.open("known_as", &provisioned.known_as)?),
        PersonEvent::Deprovisioned(_) | PersonEvent::HoldLifted(_) | PersonEvent::ForgettingWithdrawn(_) => vec![],
        PersonEvent::LoginLinked(LoginLinked { login }) | PersonEvent::LoginUnlinked(LoginUnlinked { login }) => {
            vec![known("login", &login.as_str())]
        }
        PersonEvent::Left(left) => vec![known("on", &left.on)],
        PersonEvent::HoldPlaced(placed) => vec![known("reason", &placed.reason)],
        // Who proposed it is somebody else.
        PersonEvent::ForgettingProposed(proposed) => vec![known("ground", &proposed.ground)],
        PersonEvent::Forgotten(forgotten) => vec![known("ground", &forgotten.ground)],
    })
}

fn who(category: PersonCategory, identity: Option<Identity>) -> Vec<Detail> {
    let opened = identity.map_or_else(
        || vec![forgotten("name"), forgotten("email")],
        |identity| {
            [Some(known("name", &identity.name)), identity.email.map(|email| known("email", &email))]
                .into_iter()
                .flatten()
                .collect()
        },
    );
    [known("category", &category)].into_iter().chain(opened).collect()
}

fn account(account: Option<Account>) -> Vec<Detail> {
    let Some(Account { user_name, external_id, given_name, family_name }) = account else {
        return vec![forgotten("userName")];
    };
    let others = [("externalId", external_id), ("givenName", given_name), ("familyName", family_name)];
    let others = others.into_iter().filter_map(|(name, value)| Some(known(name, &value?)));
    [known("userName", &user_name)].into_iter().chain(others).collect()
}

fn known(name: &str, value: &impl ToString) -> Detail {
    Detail { name: name.to_owned(), value: Some(value.to_string()) }
}

fn forgotten(name: &str) -> Detail {
    Detail { name: name.to_owned(), value: None }
}

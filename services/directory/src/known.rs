//! Who is recorded somewhere, known again by their address: for a list of staff, and for a directory that provisions.

use chrono::{DateTime, NaiveDate, Utc};
use eventlog::CommandError;
use schema::{
    PersonId,
    people::{Identity, PersonCategory, ReadingPurpose},
};
use web::command::{Means, Sent, carry_out};

use crate::{
    commands::{ReadIdentities, ReadingRefusal},
    domain::{person, reading::MOST, workplace::Workplace},
};

/// Somebody who is recorded, and who they are.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) person: PersonId,
    pub(crate) category: PersonCategory,
    /// None if the person is forgotten.
    pub(crate) identity: Option<Identity>,
    pub(crate) left: Option<NaiveDate>,
}

impl Known {
    /// By what somebody is known again.
    pub(crate) fn address(&self) -> Option<String> {
        Some(self.identity.as_ref()?.email.as_ref()?.to_lowercase())
    }
}

/// Who these people are; that it was read is recorded (R133), as done by whoever `sent` names.
pub(crate) async fn who_they_are(
    means: &Means,
    at: Workplace,
    people: &[&person::Known],
    sent: impl Fn() -> Sent,
    now: DateTime<Utc>,
) -> Result<Vec<Known>, CommandError<ReadingRefusal>> {
    let mut shown = Vec::with_capacity(people.len());
    for some in people.chunks(MOST) {
        let people = some.iter().map(|known| known.person).collect();
        let read = ReadIdentities { at, people, purpose: ReadingPurpose::Staffing, matter: None };
        shown.extend(carry_out(means, at.owner(), read, sent(), now).await?.answer);
    }
    let known = people.iter().zip(shown).map(|(known, shown)| Known {
        person: known.person,
        category: known.category,
        identity: shown.identity,
        left: known.left,
    });
    Ok(known.collect())
}

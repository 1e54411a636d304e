//! `wardlog import people FILE`: a school's or trust's people and their roles, as its own list has them.
//!
//! Importing says what is so; nobody is ended for being absent from a list. A person is known again by their address, so a
//! second import of the same file records nothing, and one that was cut short is finished by importing the file again.

mod plan;
mod rows;

use std::io::Read;

use chrono::{DateTime, Utc};
use eventlog::{Aggregate, CommandError, StreamError};
use schema::{
    PersonId,
    people::{Appointed, PersonEvent, StaffingEvent},
};
use uuid::Uuid;
use web::command::{Command, Means, Sent, carry_out};

use super::Refused;
use crate::{
    commands::{AmendPerson, Appoint, PersonRefusal, ReadingRefusal, RecordPerson, StaffingRefusal},
    domain::{person::Person, staffing::Staffing, workplace::Workplace},
    known::{Known, who_they_are},
};
use plan::{Plan, Who};

/// What an import of people did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportedPeople {
    /// Rows in the file, the header apart.
    pub rows: usize,
    /// People who were not known.
    pub recorded: usize,
    /// People with another name or category than before.
    pub amended: usize,
    /// Roles that were not held.
    pub given: usize,
    /// People who are known, have not left and are not in the file.
    pub absent: usize,
    /// Rows that were not imported, in the file's order.
    pub refused: Vec<Refused>,
}

/// Why an import of people stopped; importing the file again does what is missing.
#[derive(Debug, thiserror::Error)]
pub enum ImportPeopleError {
    /// It is not a file of people.
    #[error("expected a header with the columns {}", missing.join(", "))]
    Header {
        /// The columns that it lacks.
        missing: Vec<&'static str>,
    },
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    File(#[from] csv::Error),
    /// A person could not be recorded or amended.
    #[error("a person could not be recorded: {0}")]
    Person(#[from] CommandError<PersonRefusal>),
    /// A role could not be given.
    #[error("a role could not be given: {0}")]
    Staffing(#[from] CommandError<StaffingRefusal>),
    /// Who is known could not be read.
    #[error("who is known cannot be read: {0}")]
    Reading(#[from] CommandError<ReadingRefusal>),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] StreamError),
    /// The database refused or could not be reached.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Brings the people of a place to what the file says; with `rehearse` it only tells what it would do.
///
/// Who is known there is read to know them again, and that reading is recorded either way (R133).
pub async fn import_people(
    means: &Means,
    at: Workplace,
    reader: impl Read,
    now: DateTime<Utc>,
    rehearse: bool,
) -> Result<ImportedPeople, ImportPeopleError> {
    let rows = rows::read(reader)?;
    let import = Import { means, at, now };
    let known = import.known().await?;
    let staffing = import.staffing().await?;
    let (total, refused) = (rows.people.len() + rows.refused.len(), rows.refused);
    let plan = Plan::new((at, schema::london_day(now)), known, staffing, rows.people, refused);
    let imported = plan.tells(total);
    if !rehearse {
        import.carry_out(plan).await?;
    }
    Ok(imported)
}

struct Import<'a> {
    means: &'a Means,
    at: Workplace,
    now: DateTime<Utc>,
}

impl Import<'_> {
    async fn tell<C: Command>(&self, command: C) -> Result<C::Answer, CommandError<C::Refusal>> {
        Ok(carry_out(self.means, self.at.owner(), command, Sent::here("import"), self.now).await?.answer)
    }

    /// Everybody who is recorded there, and who they are.
    async fn known(&self) -> Result<Vec<Known>, ImportPeopleError> {
        let mut connection = self.means.pool.acquire().await?;
        let records = eventlog::load_family::<PersonEvent>(&mut connection, self.at.owner()).await?;
        drop(connection);
        let people = records.values().filter_map(|events| match Person::after(events) {
            Person::Known(known) => Some(known),
            Person::Unknown | Person::Forgotten => None,
        });
        let people: Vec<_> = people.collect();
        let people: Vec<_> = people.iter().collect();
        Ok(who_they_are(self.means, self.at, &people, || Sent::here("import"), self.now).await?)
    }

    async fn staffing(&self) -> Result<Staffing, ImportPeopleError> {
        let mut connection = self.means.pool.acquire().await?;
        let records = eventlog::load_family::<StaffingEvent>(&mut connection, self.at.owner()).await?;
        Ok(Staffing::after(records.values().flatten()))
    }

    async fn carry_out(&self, plan: Plan) -> Result<(), ImportPeopleError> {
        let at = self.at;
        let mut ids: Vec<PersonId> = Vec::with_capacity(plan.new.len());
        for new in plan.new {
            let (category, name, email) = (new.category, new.name, Some(new.email));
            ids.push(self.tell(RecordPerson { at, category, name, email }).await?);
        }
        for (person, row) in plan.amended {
            let (category, name, email) = (row.category, row.name, Some(row.email));
            self.tell(AmendPerson { at, person, category, name, email }).await?;
        }
        for (who, Appointed { role, from, .. }) in plan.given {
            let person = match who {
                Who::Known(person) => person,
                Who::New(index) => ids[index],
            };
            self.tell(Appoint { at, person, role, from, to: None, succeeds: false }).await?;
        }
        Ok(())
    }
}

/// An id for somebody who is not recorded yet, within a plan.
fn placeholder(index: usize) -> PersonId {
    Uuid::from_u128(index as u128).into()
}

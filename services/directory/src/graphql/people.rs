//! The people of a school or trust, and the roles that they hold.

mod disclosure;
mod forgetting;
mod mutations;
mod recusal;

use std::collections::HashMap;

use async_graphql::{ComplexObject, Enum, SimpleObject};
use chrono::{DateTime, NaiveDate, Utc};
use schema::{PersonId, people as said};
use uuid::Uuid;
use web::graphql::{HoldReason, StaffRole};

use crate::{
    domain::person,
    views::{people, readings},
};
pub use disclosure::DisclosureMutations;
pub use forgetting::{ForgettingMutations, ProposedForgetting};
pub use mutations::PeopleMutations;
pub use recusal::{Recusal, RecusalMutations, Substitutes};

/// Somebody of a school's or trust's people. Who it is, `readIdentities` shows.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub struct Person {
    /// The person.
    id: Uuid,
    /// What the person is there.
    category: PersonCategory,
    /// The first London day on which the person is no longer there; null while no such day is known.
    left_on: Option<NaiveDate>,
    /// How the person logs in: for each login a name of our own, the `reader` of readings.
    logins: Vec<String>,
    /// Why the person must not be forgotten; null while there is no hold.
    hold: Option<HoldReason>,
    /// That the person is to be forgotten; null while nobody has proposed it.
    forgetting: Option<ProposedForgetting>,
    /// Whether the person is forgotten: nobody can be shown who it was.
    forgotten: bool,
    /// The roles that the person holds, held or will hold there, the oldest first.
    #[graphql(skip)]
    roles: Vec<HeldRole>,
}

#[ComplexObject]
impl Person {
    /// The first London day on which the record is due for disposal: six years after the person left. Null while the person
    /// is there, and once the person is forgotten.
    async fn disposal_due(&self) -> Option<NaiveDate> {
        self.due()
    }

    /// The roles that the person holds, held or will hold there, the oldest first; those of one day if it is given.
    async fn roles(&self, on: Option<NaiveDate>) -> Vec<HeldRole> {
        let holds = |role: &&HeldRole| on.is_none_or(|on| role.from <= on && role.to.is_none_or(|to| on < to));
        self.roles.iter().filter(holds).cloned().collect()
    }
}

impl Person {
    /// Whether the record is due for disposal, and not on hold (R276).
    pub fn is_due(&self, today: NaiveDate) -> bool {
        self.hold.is_none() && self.due().is_some_and(|due| due <= today)
    }

    fn due(&self) -> Option<NaiveDate> {
        self.left_on.filter(|_| !self.forgotten).and_then(person::due)
    }
}

/// A role as a person holds it.
#[derive(Debug, Clone, SimpleObject)]
pub struct HeldRole {
    /// Its id.
    id: Uuid,
    /// Who holds it.
    person_id: Uuid,
    /// The role.
    role: StaffRole,
    /// The first London day.
    from: NaiveDate,
    /// The first London day on which it is no longer held; null while no end is known.
    to: Option<NaiveDate>,
}

/// London days on which a school that gave anybody a role has no designated safeguarding lead.
#[derive(Debug, Clone, SimpleObject)]
pub struct DslGap {
    /// The first such day.
    from: NaiveDate,
    /// The first day on which there is one again; null if nobody is named to follow.
    to: Option<NaiveDate>,
}

/// A reading of who people are.
#[derive(Debug, Clone, SimpleObject)]
pub struct IdentityReading {
    /// Its id.
    id: Uuid,
    /// Who read: always the same name for the same login.
    reader: String,
    /// When.
    at: DateTime<Utc>,
    /// The roles that the reader held there; empty if it was no person, but a program or an operator, and where nobody knows.
    roles: Vec<StaffRole>,
    /// What for.
    purpose: ReadingPurpose,
    /// Whose identity.
    person_ids: Vec<Uuid>,
    /// The matter that it was done for; null if it was done for none. Whoever is recused from the matter is not shown the reading.
    matter_id: Option<Uuid>,
}

/// The people of a place, each with the roles that they hold there; who holds one and is recorded elsewhere has none here.
pub fn people(rows: Vec<people::Person>, roles: Vec<people::Role>) -> Vec<Person> {
    let mut held: HashMap<PersonId, Vec<HeldRole>> = HashMap::new();
    for row in roles {
        held.entry(row.person).or_default().push(row.into());
    }
    let person = |row: people::Person| Person {
        id: row.person.into(),
        category: row.category.into(),
        left_on: row.left_on,
        logins: row.logins,
        hold: row.hold.map(HoldReason::from),
        forgetting: row.proposed.map(ProposedForgetting::from),
        forgotten: row.forgotten,
        roles: held.remove(&row.person).unwrap_or_default(),
    };
    rows.into_iter().map(person).collect()
}

impl From<people::Role> for HeldRole {
    fn from(row: people::Role) -> Self {
        let (role, person_id) = (row.role.into(), row.person.into());
        Self { id: row.appointment_id, person_id, role, from: row.from, to: row.to }
    }
}

impl From<said::DslGap> for DslGap {
    fn from(gap: said::DslGap) -> Self {
        Self { from: gap.from, to: gap.to }
    }
}

impl From<readings::Reading> for IdentityReading {
    fn from(row: readings::Reading) -> Self {
        let (roles, purpose) = (row.roles.into_iter().map(StaffRole::from).collect(), row.purpose.into());
        let (person_ids, matter_id) = (row.people, row.matter);
        Self { id: row.id, reader: row.reader, at: row.at, roles, purpose, person_ids, matter_id }
    }
}

/// What somebody is to a school or trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "said::PersonCategory")]
pub enum PersonCategory {
    /// Employed there.
    Employee,
    /// Works there under a contract of another's.
    Contractor,
    /// Sent by an agency.
    Agency,
    /// Helps without pay.
    Volunteer,
    /// Of the governing board.
    Governor,
}

/// What somebody reads who people are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "said::ReadingPurpose")]
pub enum ReadingPurpose {
    /// To know and change who works where, as what.
    Staffing,
    /// To protect a child.
    Safeguarding,
    /// To have people trained.
    Training,
    /// To answer a person's or the regulator's request.
    DataProtection,
    /// To review what was done.
    Review,
}

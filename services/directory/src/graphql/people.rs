//! The people of a school or trust, and the roles that they hold.

use std::collections::HashMap;

use access::{IssuerName, Subject};
use async_graphql::{ComplexObject, Context, Enum, InputObject, Object, SimpleObject};
use chrono::{DateTime, NaiveDate, Utc};
use schema::{AppointmentId, IdError, PersonId, people as said};
use uuid::Uuid;
use web::{
    command::{Client, Outcome, mutate},
    graphql::bad_input,
};

use super::COMMAND;
use crate::{
    commands::{self, Shown},
    domain::{day::of_this_century, email::Email, name::Name, reading::MOST, workplace::Workplace},
    views::people,
};

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
    /// The roles that the person holds, held or will hold there, the oldest first.
    #[graphql(skip)]
    roles: Vec<HeldRole>,
}

#[ComplexObject]
impl Person {
    /// The roles that the person holds, held or will hold there, the oldest first; those of one day if it is given.
    async fn roles(&self, on: Option<NaiveDate>) -> Vec<HeldRole> {
        let holds = |role: &&HeldRole| on.is_none_or(|on| role.from <= on && role.to.is_none_or(|to| on < to));
        self.roles.iter().filter(holds).cloned().collect()
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

/// London days on which a school has no designated safeguarding lead, after it had one.
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
    /// Who read: always the same name for the same login.
    reader: String,
    /// When.
    at: DateTime<Utc>,
    /// What for.
    purpose: ReadingPurpose,
    /// Whose identity.
    person_ids: Vec<Uuid>,
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

impl From<people::Reading> for IdentityReading {
    fn from(row: people::Reading) -> Self {
        Self { reader: row.reader, at: row.at, purpose: row.purpose.into(), person_ids: row.people }
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

/// A role that a person holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "said::StaffRole")]
pub enum StaffRole {
    /// Designated safeguarding lead: one at a time.
    Dsl,
    /// Deputy DSL.
    DeputyDsl,
    /// Headteacher or principal.
    Headteacher,
    /// Of the senior leadership team.
    SeniorLeader,
    /// Chair of the governing board.
    ChairOfGovernors,
    /// The governor for online safety: one at a time.
    OnlineSafetyGovernor,
    /// The governor responsible for filtering and monitoring.
    FilteringGovernor,
    /// Another governor.
    Governor,
    /// Online safety lead.
    OnlineSafetyLead,
    /// Of the online safety group.
    OnlineSafetyGroup,
    /// Leads a part of the curriculum.
    CurriculumLead,
    /// Head of a department or year.
    HeadOfDepartment,
    /// Teacher or tutor.
    Teacher,
    /// Teaching assistant, office, site.
    SupportStaff,
    /// Answers for other staff.
    LineManager,
    /// Manages the ICT.
    IctManager,
    /// Technical staff, or of the IT provider.
    ItProvider,
    /// Data protection officer.
    Dpo,
    /// May search pupils and their devices.
    AuthorisedSearcher,
    /// Named by the headteacher for a duty.
    NominatedPerson,
    /// Leads safeguarding for a trust's schools; held at the trust.
    MatSafeguardingLead,
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

/// What a school's own staff can tell of its people, and a trust's lead of the trust's.
#[derive(Debug, Clone, Copy, Default)]
pub struct PeopleMutations;

#[Object]
impl PeopleMutations {
    /// Lets a person be known. Who it is, is sealed under a key of the person's own.
    #[graphql(complexity = "COMMAND + child_complexity")]
    async fn record_person(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Chosen by the caller for this command: sent again with the same id, it is not done twice.")]
        command_id: String,
        input: RecordPersonInput,
    ) -> async_graphql::Result<Option<Outcome<RecordedPerson>>> {
        let (name, email) = identity(&input.name, input.email.as_deref())?;
        let command =
            commands::RecordPerson { at: input.at.workplace()?, category: input.category.into(), name, email };
        mutate(context, command_id, command).await
    }

    /// Says what is so of a person from now on.
    #[graphql(complexity = "COMMAND + child_complexity")]
    async fn amend_person(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Chosen by the caller for this command: sent again with the same id, it is not done twice.")]
        command_id: String,
        input: AmendPersonInput,
    ) -> async_graphql::Result<Option<Outcome<RecordedPerson>>> {
        let (name, email) = identity(&input.name, input.email.as_deref())?;
        let (at, person) = (input.at.workplace()?, input.person_id.into());
        mutate(context, command_id, commands::AmendPerson { at, person, category: input.category.into(), name, email })
            .await
    }

    /// Links a person with who logs in at an issuer as a subject. The two are forgotten at once: what is kept is a name of our
    /// own, which `Person.logins` shows.
    #[graphql(complexity = "COMMAND + child_complexity")]
    async fn link_login(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Chosen by the caller for this command: sent again with the same id, it is not done twice.")]
        command_id: String,
        input: LinkLoginInput,
    ) -> async_graphql::Result<Option<Outcome<RecordedPerson>>> {
        let issuer: IssuerName = input.issuer.parse().map_err(|error| wrong("input.issuer", error))?;
        let subject: Subject = input.subject.parse().map_err(|error| wrong("input.subject", error))?;
        let login = context.data::<Client>()?.login(&issuer, &subject);
        let (at, person) = (input.at.workplace()?, input.person_id.into());
        mutate(context, command_id, commands::ChangeLogin { at, person, login, linked: true }).await
    }

    /// Takes a link away: nobody reads as this person by it any more.
    #[graphql(complexity = "COMMAND + child_complexity")]
    async fn unlink_login(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Chosen by the caller for this command: sent again with the same id, it is not done twice.")]
        command_id: String,
        input: UnlinkLoginInput,
    ) -> async_graphql::Result<Option<Outcome<RecordedPerson>>> {
        let login = input.login.try_into().map_err(|error| wrong("input.login", error))?;
        let (at, person) = (input.at.workplace()?, input.person_id.into());
        mutate(context, command_id, commands::ChangeLogin { at, person, login, linked: false }).await
    }

    /// Says when a person leaves.
    #[graphql(complexity = "COMMAND + child_complexity")]
    async fn record_leaving(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Chosen by the caller for this command: sent again with the same id, it is not done twice.")]
        command_id: String,
        input: RecordLeavingInput,
    ) -> async_graphql::Result<Option<Outcome<RecordedPerson>>> {
        let (at, person, on) = (input.at.workplace()?, input.person_id.into(), day("input.on", input.on)?);
        mutate(context, command_id, commands::RecordLeaving { at, person, on }).await
    }

    /// Gives a person a role. One person alone is DSL at a time, and one online safety governor.
    #[graphql(complexity = "COMMAND + child_complexity")]
    async fn give_role(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Chosen by the caller for this command: sent again with the same id, it is not done twice.")]
        command_id: String,
        input: GiveRoleInput,
    ) -> async_graphql::Result<Option<Outcome<GivenRole>>> {
        let command = commands::Appoint {
            at: input.at.workplace()?,
            person: input.person_id.into(),
            role: input.role.into(),
            from: day("input.from", input.from)?,
            to: input.to.map(|to| day("input.to", to)).transpose()?,
            succeeds: input.succeeds,
        };
        mutate(context, command_id, command).await
    }

    /// Ends a role, or ends it earlier than was said. A school that has no DSL then is told so by `dslGaps`.
    #[graphql(complexity = "COMMAND + child_complexity")]
    async fn end_role(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Chosen by the caller for this command: sent again with the same id, it is not done twice.")]
        command_id: String,
        input: EndRoleInput,
    ) -> async_graphql::Result<Option<Outcome<GivenRole>>> {
        let (at, appointment) = (input.at.workplace()?, input.role_id.into());
        mutate(context, command_id, commands::EndAppointment { at, appointment, to: day("input.to", input.to)? }).await
    }

    /// Shows who people are, and records that they were shown, to whom and what for.
    #[graphql(complexity = "COMMAND + child_complexity")]
    async fn read_identities(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Chosen by the caller for this command: sent again with the same id, it is recorded once.")]
        command_id: String,
        input: ReadIdentitiesInput,
    ) -> async_graphql::Result<Option<Outcome<ReadIdentities>>> {
        if input.person_ids.is_empty() || input.person_ids.len() > MOST {
            return Err(bad_input("input.personIds", "expected 1 to 500 people"));
        }
        let people = input.person_ids.into_iter().map(PersonId::from).collect();
        let (at, purpose) = (input.at.workplace()?, input.purpose.into());
        mutate(context, command_id, commands::ReadIdentities { at, people, purpose }).await
    }
}

fn identity(name: &str, email: Option<&str>) -> async_graphql::Result<(Name, Option<Email>)> {
    let name = name.parse().map_err(|error| wrong("input.name", error))?;
    Ok((name, email.map(str::parse).transpose().map_err(|error| wrong("input.email", error))?))
}

fn wrong(field: &'static str, error: IdError) -> async_graphql::Error {
    bad_input(field, error.expected)
}

fn day(field: &'static str, day: NaiveDate) -> async_graphql::Result<NaiveDate> {
    of_this_century(day).ok_or_else(|| bad_input(field, "expected a day of this century"))
}

/// Where people work: exactly one of the two.
#[derive(Debug, InputObject)]
pub struct WorkplaceInput {
    /// A school.
    school_id: Option<Uuid>,
    /// A trust itself.
    trust_id: Option<Uuid>,
}

impl WorkplaceInput {
    fn workplace(&self) -> async_graphql::Result<Workplace> {
        match (self.school_id, self.trust_id) {
            (Some(school), None) => Ok(Workplace::School(school.into())),
            (None, Some(trust)) => Ok(Workplace::Trust(trust.into())),
            (Some(_), Some(_)) | (None, None) => Err(bad_input("input.at", "expected a schoolId or a trustId")),
        }
    }
}

/// A person who is to be known.
#[derive(InputObject)]
pub struct RecordPersonInput {
    /// Where the person works.
    at: WorkplaceInput,
    /// What the person is there.
    category: PersonCategory,
    /// The name: 1 to 200 characters.
    name: String,
    /// The address at which the person is reached for work.
    email: Option<String>,
}

/// What is so of a person from now on.
#[derive(InputObject)]
pub struct AmendPersonInput {
    /// Where the person is recorded.
    at: WorkplaceInput,
    /// The person.
    person_id: Uuid,
    /// What the person is there.
    category: PersonCategory,
    /// The name: 1 to 200 characters.
    name: String,
    /// The address at which the person is reached for work; none is known without it.
    email: Option<String>,
}

/// How a person logs in from now on.
#[derive(InputObject)]
pub struct LinkLoginInput {
    /// Where the person is recorded.
    at: WorkplaceInput,
    /// The person.
    person_id: Uuid,
    /// The issuer, as its tokens name it.
    issuer: String,
    /// The subject, as that issuer's tokens name it.
    subject: String,
}

/// How a person no longer logs in.
#[derive(Debug, InputObject)]
pub struct UnlinkLoginInput {
    /// Where the person is recorded.
    at: WorkplaceInput,
    /// The person.
    person_id: Uuid,
    /// One of `Person.logins`.
    login: String,
}

/// When a person leaves.
#[derive(Debug, InputObject)]
pub struct RecordLeavingInput {
    /// Where the person is recorded.
    at: WorkplaceInput,
    /// The person.
    person_id: Uuid,
    /// The first London day on which the person is no longer there.
    on: NaiveDate,
}

/// A role that a person is to hold.
#[derive(Debug, InputObject)]
pub struct GiveRoleInput {
    /// Where the role is held.
    at: WorkplaceInput,
    /// Somebody who is recorded there, or at a trust that the school belongs to.
    person_id: Uuid,
    /// The role.
    role: StaffRole,
    /// The first London day.
    from: NaiveDate,
    /// The first London day on which it is no longer held, if that is known.
    to: Option<NaiveDate>,
    /// Whether the role of the one who holds it alone ends when this one begins.
    #[graphql(default)]
    succeeds: bool,
}

/// When a role ends.
#[derive(Debug, InputObject)]
pub struct EndRoleInput {
    /// Where the role is held.
    at: WorkplaceInput,
    /// The role as the person holds it.
    role_id: Uuid,
    /// The first London day on which it is no longer held; its first day if it was never to be held.
    to: NaiveDate,
}

/// Whose identity is to be shown.
#[derive(Debug, InputObject)]
pub struct ReadIdentitiesInput {
    /// Where the people are recorded.
    at: WorkplaceInput,
    /// The people: 1 to 500, each once.
    person_ids: Vec<Uuid>,
    /// What for.
    purpose: ReadingPurpose,
}

/// A person who is known.
#[derive(Debug, SimpleObject)]
pub struct RecordedPerson {
    /// The person.
    person_id: Uuid,
}

/// A role that was given, or ended.
#[derive(Debug, SimpleObject)]
pub struct GivenRole {
    /// The role as the person holds it.
    role_id: Uuid,
}

/// Who people are.
#[derive(SimpleObject)]
pub struct ReadIdentities {
    /// Each person who was asked for, in that order.
    people: Vec<ShownPerson>,
}

/// Who somebody is.
#[derive(SimpleObject)]
pub struct ShownPerson {
    /// The person.
    person_id: Uuid,
    /// The name; null if the person is forgotten.
    name: Option<String>,
    /// The address at which the person is reached for work.
    email: Option<String>,
}

impl From<PersonId> for RecordedPerson {
    fn from(person: PersonId) -> Self {
        Self { person_id: person.into() }
    }
}

impl From<AppointmentId> for GivenRole {
    fn from(appointment: AppointmentId) -> Self {
        Self { role_id: appointment.into() }
    }
}

impl From<Vec<Shown>> for ReadIdentities {
    fn from(shown: Vec<Shown>) -> Self {
        let person = |shown: Shown| {
            let (name, email) = shown.identity.map_or((None, None), |identity| (Some(identity.name), identity.email));
            ShownPerson { person_id: shown.person.into(), name, email }
        };
        Self { people: shown.into_iter().map(person).collect() }
    }
}

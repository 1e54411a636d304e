//! What can be told of people.

use access::{IssuerName, Subject};
use async_graphql::{Context, InputObject, Object, SimpleObject};
use chrono::NaiveDate;
use schema::{AppointmentId, IdError, PersonId};
use uuid::Uuid;
use web::{
    command::{Client, Outcome, mutate},
    graphql::{COMMAND, bad_input},
};

use super::{PersonCategory, ReadingPurpose, StaffRole};
use crate::{
    commands::{self, Shown},
    domain::{day::of_this_century, email::Email, name::Name, reading::MOST, workplace::Workplace},
};

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
        let (at, purpose, matter) = (input.at.workplace()?, input.purpose.into(), input.matter_id.map(Into::into));
        mutate(context, command_id, commands::ReadIdentities { at, people, purpose, matter }).await
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
    pub(super) fn workplace(&self) -> async_graphql::Result<Workplace> {
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
    /// The matter that it is done for: whoever is recused from it is not shown that it was.
    matter_id: Option<Uuid>,
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

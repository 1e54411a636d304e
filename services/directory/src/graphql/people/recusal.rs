//! Recusing somebody from a matter, and who takes it instead.

use async_graphql::{Context, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use schema::{MatterId, PersonId, people as said};
use uuid::Uuid;
use web::{
    command::{Outcome, mutate},
    graphql::{COMMAND, bad_input},
};

use super::{StaffRole, mutations::WorkplaceInput};
use crate::{commands, domain::staffing::SUBSTITUTES, views::recusals};

/// What can be told of matters.
#[derive(Debug, Clone, Copy, Default)]
pub struct RecusalMutations;

#[Object]
impl RecusalMutations {
    /// Recuses a person from a matter, such as a concern about them: from now on they are shown nothing that was or will be done
    /// for it, nor that there is such a matter. It is for ever, by whichever login and in whatever role. What they saw before
    /// stays on record.
    #[graphql(complexity = "COMMAND + child_complexity")]
    async fn recuse(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Chosen by the caller for this command: sent again with the same id, it is not done twice.")]
        command_id: String,
        input: RecuseInput,
    ) -> async_graphql::Result<Option<Outcome<RecusedPerson>>> {
        let command = commands::Recuse {
            at: input.at.workplace()?,
            matter: input.matter_id.map(Into::into),
            person: input.person_id.into(),
        };
        mutate(context, command_id, command).await
    }

    /// Says who stands in for the holder of a role who is recused from a matter; what was said before counts no more.
    #[graphql(complexity = "COMMAND + child_complexity")]
    async fn name_substitutes(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Chosen by the caller for this command: sent again with the same id, it is not done twice.")]
        command_id: String,
        input: NameSubstitutesInput,
    ) -> async_graphql::Result<Option<Outcome<NamedSubstitutes>>> {
        if input.person_ids.len() > SUBSTITUTES {
            return Err(bad_input("input.personIds", "expected at most 20 people"));
        }
        let people = input.person_ids.into_iter().map(PersonId::from).collect();
        let command = commands::NameSubstitutes { at: input.at.workplace()?, role: input.role.into(), people };
        mutate(context, command_id, command).await
    }
}

/// Who is to stand in.
#[derive(Debug, InputObject)]
pub struct NameSubstitutesInput {
    /// Where the role is held.
    at: WorkplaceInput,
    /// The role.
    role: StaffRole,
    /// People who are recorded there, or at a trust that the school belongs to: at most 20, each once, the first who can takes a
    /// matter. None: nobody stands in any more.
    person_ids: Vec<Uuid>,
}

/// Who is to be recused.
#[derive(Debug, InputObject)]
pub struct RecuseInput {
    /// Whose matter it is.
    at: WorkplaceInput,
    /// The matter, if somebody is recused from it already; without it, a new one.
    matter_id: Option<Uuid>,
    /// Somebody who is recorded there, or at a trust that the school belongs to.
    person_id: Uuid,
}

/// Who stands in for the holder of a role who is recused.
#[derive(Debug, Clone, SimpleObject)]
pub struct Substitutes {
    /// The role.
    role: StaffRole,
    /// Who stands in, the first of them who can.
    person_ids: Vec<Uuid>,
}

/// That it is known who stands in.
#[derive(Debug, SimpleObject)]
pub struct NamedSubstitutes {
    /// The role.
    role: StaffRole,
}

/// Who takes a matter in a role of somebody who is recused from it.
#[derive(Debug, Clone, SimpleObject)]
pub struct MatterTaker {
    /// The role.
    role: StaffRole,
    /// Another who holds it, or else the first of those who stand in, who is there and not recused; null if that is for the
    /// trust's safeguarding lead, or the local authority.
    person_id: Option<Uuid>,
}

/// That a person is recused.
#[derive(Debug, SimpleObject)]
pub struct RecusedPerson {
    /// The matter: for what is done for it from now on.
    matter_id: Uuid,
}

/// That somebody is recused from a matter.
#[derive(Debug, Clone, SimpleObject)]
pub struct Recusal {
    /// The matter.
    matter_id: Uuid,
    /// The person.
    person_id: Uuid,
    /// Since when.
    at: DateTime<Utc>,
    /// Who said so: always the same name for the same login.
    recuser: String,
    /// Who takes it instead, in each role that the person holds at the place today.
    takers: Vec<MatterTaker>,
}

impl From<MatterId> for RecusedPerson {
    fn from(matter: MatterId) -> Self {
        Self { matter_id: matter.into() }
    }
}

impl From<recusals::Recusal> for Recusal {
    fn from(row: recusals::Recusal) -> Self {
        let takers = row
            .takers
            .into_iter()
            .map(|taker| MatterTaker { role: taker.role.into(), person_id: taker.person.map(Uuid::from) });
        Self {
            matter_id: row.matter,
            person_id: row.person,
            at: row.at,
            recuser: row.recuser,
            takers: takers.collect(),
        }
    }
}

impl From<said::StaffRole> for NamedSubstitutes {
    fn from(role: said::StaffRole) -> Self {
        Self { role: role.into() }
    }
}

impl From<(said::StaffRole, Vec<PersonId>)> for Substitutes {
    fn from((role, people): (said::StaffRole, Vec<PersonId>)) -> Self {
        Self { role: role.into(), person_ids: people.into_iter().map(Uuid::from).collect() }
    }
}

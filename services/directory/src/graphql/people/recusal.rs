//! Recusing somebody from a matter.

use async_graphql::{Context, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use schema::MatterId;
use uuid::Uuid;
use web::{
    command::{Outcome, mutate},
    graphql::COMMAND,
};

use super::mutations::WorkplaceInput;
use crate::{commands, views::recusals};

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
}

impl From<MatterId> for RecusedPerson {
    fn from(matter: MatterId) -> Self {
        Self { matter_id: matter.into() }
    }
}

impl From<recusals::Recusal> for Recusal {
    fn from(row: recusals::Recusal) -> Self {
        Self { matter_id: row.matter, person_id: row.person, at: row.at, recuser: row.recuser }
    }
}

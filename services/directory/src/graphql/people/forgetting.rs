//! What can be told of forgetting people.

use async_graphql::{Context, InputObject, Object, SimpleObject};
use schema::people as said;
use uuid::Uuid;
use web::{
    command::{Outcome, mutate},
    graphql::{COMMAND, ForgettingGround, HoldReason},
};

use super::mutations::{RecordedPerson, WorkplaceInput};
use crate::commands;

/// What can be told of forgetting a school's or trust's people.
#[derive(Debug, Clone, Copy, Default)]
pub struct ForgettingMutations;

#[Object]
impl ForgettingMutations {
    /// Says that somebody who has left is to be forgotten. It takes another person to confirm it.
    #[graphql(complexity = "COMMAND + child_complexity")]
    async fn propose_forgetting(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Chosen by the caller for this command: sent again with the same id, it is not done twice.")]
        command_id: String,
        input: ProposeForgettingInput,
    ) -> async_graphql::Result<Option<Outcome<RecordedPerson>>> {
        let (at, person, ground) = (input.at.workplace()?, input.person_id.into(), input.ground.into());
        mutate(context, command_id, commands::ProposeForgetting { at, person, ground }).await
    }

    /// Forgets somebody for ever, as another person has proposed: the key of who they were is destroyed, in every backup
    /// too. Their roles stay, held by an id that nobody can put a name to.
    #[graphql(complexity = "COMMAND + child_complexity")]
    async fn confirm_forgetting(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Chosen by the caller for this command: sent again with the same id, it is not done twice.")]
        command_id: String,
        input: ForgettingInput,
    ) -> async_graphql::Result<Option<Outcome<RecordedPerson>>> {
        let (at, person) = (input.at.workplace()?, input.person_id.into());
        mutate(context, command_id, commands::ConfirmForgetting { at, person }).await
    }

    /// Says that somebody is not to be forgotten after all.
    #[graphql(complexity = "COMMAND + child_complexity")]
    async fn withdraw_forgetting(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Chosen by the caller for this command: sent again with the same id, it is not done twice.")]
        command_id: String,
        input: ForgettingInput,
    ) -> async_graphql::Result<Option<Outcome<RecordedPerson>>> {
        let (at, person) = (input.at.workplace()?, input.person_id.into());
        mutate(context, command_id, commands::WithdrawForgetting { at, person }).await
    }

    /// Keeps somebody from being forgotten until the hold is lifted; what was proposed is proposed no more.
    #[graphql(complexity = "COMMAND + child_complexity")]
    async fn place_hold(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Chosen by the caller for this command: sent again with the same id, it is not done twice.")]
        command_id: String,
        input: PlaceHoldInput,
    ) -> async_graphql::Result<Option<Outcome<RecordedPerson>>> {
        let (at, person, reason) = (input.at.workplace()?, input.person_id.into(), input.reason.into());
        mutate(context, command_id, commands::PlaceHold { at, person, reason }).await
    }

    /// Lets somebody be forgotten again.
    #[graphql(complexity = "COMMAND + child_complexity")]
    async fn lift_hold(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Chosen by the caller for this command: sent again with the same id, it is not done twice.")]
        command_id: String,
        input: ForgettingInput,
    ) -> async_graphql::Result<Option<Outcome<RecordedPerson>>> {
        let (at, person) = (input.at.workplace()?, input.person_id.into());
        mutate(context, command_id, commands::LiftHold { at, person }).await
    }
}

/// Who is to be forgotten.
#[derive(Debug, InputObject)]
pub struct ProposeForgettingInput {
    /// Where the person is recorded.
    at: WorkplaceInput,
    /// The person.
    person_id: Uuid,
    /// Why.
    ground: ForgettingGround,
}

/// Whom it is about.
#[derive(Debug, InputObject)]
pub struct ForgettingInput {
    /// Where the person is recorded.
    at: WorkplaceInput,
    /// The person.
    person_id: Uuid,
}

/// Who must not be forgotten.
#[derive(Debug, InputObject)]
pub struct PlaceHoldInput {
    /// Where the person is recorded.
    at: WorkplaceInput,
    /// The person.
    person_id: Uuid,
    /// Why.
    reason: HoldReason,
}

/// That somebody is to be forgotten, once another person confirms it.
#[derive(Debug, Clone, SimpleObject)]
pub struct ProposedForgetting {
    /// Why.
    ground: ForgettingGround,
    /// Who says so: always the same name for the same login.
    by: String,
}

impl From<said::ForgettingProposed> for ProposedForgetting {
    fn from(proposed: said::ForgettingProposed) -> Self {
        Self { ground: proposed.ground.into(), by: proposed.by }
    }
}

//! Forgetting a name that a filter sends.

use async_graphql::{Context, InputObject, Object, SimpleObject};
use schema::PseudonymId;
use uuid::Uuid;
use web::{
    command::{Outcome, mutate},
    graphql::{COMMAND, ForgettingGround, HoldReason},
};

use super::pseudonym;
use crate::{
    commands::{ConfirmForgetting, LiftHold, Named, PlaceHold, ProposeForgetting, WithdrawForgetting},
    views::decisions,
};

/// What a school's own staff can tell of the names that its filters send.
#[derive(Debug, Clone, Copy, Default)]
pub struct NameMutations;

#[Object]
impl NameMutations {
    /// Says that a name is to be forgotten, and with it all that was asked for under it. Somebody else must confirm it.
    #[graphql(complexity = "COMMAND + child_complexity")]
    async fn propose_name_forgetting(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Chosen by the caller for this command: sent again with the same id, it is not done twice.")]
        command_id: String,
        input: ProposeNameForgettingInput,
    ) -> async_graphql::Result<Option<Outcome<FilterName>>> {
        let of = named(input.school_id, &input.name)?;
        mutate(context, command_id, ProposeForgetting { of, ground: input.ground.into() }).await
    }

    /// Agrees that a name is to be forgotten, as somebody else than whoever proposed it. It cannot be undone: nobody can be
    /// shown the name any more, nor what was asked for under it, and when a filter sends it again it is another.
    #[graphql(complexity = "COMMAND + child_complexity")]
    async fn confirm_name_forgetting(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Chosen by the caller for this command: sent again with the same id, it is not done twice.")]
        command_id: String,
        input: NameForgettingInput,
    ) -> async_graphql::Result<Option<Outcome<FilterName>>> {
        let of = named(input.school_id, &input.name)?;
        mutate(context, command_id, ConfirmForgetting { of }).await
    }

    /// Says that a name is not to be forgotten after all.
    #[graphql(complexity = "COMMAND + child_complexity")]
    async fn withdraw_name_forgetting(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Chosen by the caller for this command: sent again with the same id, it is not done twice.")]
        command_id: String,
        input: NameForgettingInput,
    ) -> async_graphql::Result<Option<Outcome<FilterName>>> {
        let of = named(input.school_id, &input.name)?;
        mutate(context, command_id, WithdrawForgetting { of }).await
    }

    /// Keeps a name from being forgotten, until the hold is lifted. What was proposed is proposed no more.
    #[graphql(complexity = "COMMAND + child_complexity")]
    async fn place_name_hold(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Chosen by the caller for this command: sent again with the same id, it is not done twice.")]
        command_id: String,
        input: PlaceNameHoldInput,
    ) -> async_graphql::Result<Option<Outcome<FilterName>>> {
        let of = named(input.school_id, &input.name)?;
        mutate(context, command_id, PlaceHold { of, reason: input.reason.into() }).await
    }

    /// Lets a name be forgotten again.
    #[graphql(complexity = "COMMAND + child_complexity")]
    async fn lift_name_hold(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Chosen by the caller for this command: sent again with the same id, it is not done twice.")]
        command_id: String,
        input: NameForgettingInput,
    ) -> async_graphql::Result<Option<Outcome<FilterName>>> {
        let of = named(input.school_id, &input.name)?;
        mutate(context, command_id, LiftHold { of }).await
    }
}

/// A name, and why it is to be forgotten.
#[derive(Debug, InputObject)]
pub struct ProposeNameForgettingInput {
    /// The school.
    school_id: Uuid,
    /// The user, device or address, as `FlaggedEvent` has it.
    name: String,
    /// Why.
    ground: ForgettingGround,
}

/// A name, and why it must not be forgotten.
#[derive(Debug, InputObject)]
pub struct PlaceNameHoldInput {
    /// The school.
    school_id: Uuid,
    /// The user, device or address, as `FlaggedEvent` has it.
    name: String,
    /// Why.
    reason: HoldReason,
}

/// A name of which something is to be decided.
#[derive(Debug, InputObject)]
pub struct NameForgettingInput {
    /// The school.
    school_id: Uuid,
    /// The user, device or address, as `FlaggedEvent` has it.
    name: String,
}

/// A name that a school's filters send.
#[derive(Debug, Clone, SimpleObject)]
pub struct FilterName {
    /// By a name of our own, as `FlaggedEvent` has it.
    name: String,
}

/// A name that is to be forgotten, must not be, or is.
#[derive(Debug, Clone, SimpleObject)]
pub struct NameForgetting {
    /// By a name of our own, as `FlaggedEvent` has it.
    name: String,
    /// Why it is proposed to forget it, or was; null if it must not be.
    ground: Option<ForgettingGround>,
    /// Who proposed it: always the same name for the same login.
    by: Option<String>,
    /// Why it must not be forgotten; null if it may.
    hold: Option<HoldReason>,
    /// Whether it is forgotten.
    forgotten: bool,
}

fn named(school: Uuid, name: &str) -> async_graphql::Result<Named> {
    Ok(Named { school: school.into(), pseudonym: pseudonym("input.name", name)? })
}

impl From<PseudonymId> for FilterName {
    fn from(pseudonym: PseudonymId) -> Self {
        Self { name: pseudonym.to_string() }
    }
}

impl From<decisions::Forgetting> for NameForgetting {
    fn from(row: decisions::Forgetting) -> Self {
        let (name, ground, hold) = (row.pseudonym.to_string(), row.ground.map(Into::into), row.hold.map(Into::into));
        Self { name, ground, by: row.proposer, hold, forgotten: row.forgotten }
    }
}

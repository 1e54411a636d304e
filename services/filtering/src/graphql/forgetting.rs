//! Forgetting a name that a filter sends.

use async_graphql::{Context, Enum, InputObject, Object, SimpleObject};
use schema::people as said;
use uuid::Uuid;
use web::{
    command::{Outcome, mutate},
    graphql::{COMMAND, bad_input},
};

use super::{name_of_our_own, pseudonym};
use crate::{
    commands::{ConfirmForgetting, Named, ProposeForgetting, WithdrawForgetting},
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
}

/// A name, and why it is to be forgotten.
#[derive(Debug, InputObject)]
pub struct ProposeNameForgettingInput {
    /// The school.
    school_id: Uuid,
    /// The user, device or address, as `FlaggedEvent` has it.
    name: String,
    /// Why.
    ground: NameForgettingGround,
}

/// A name that is to be forgotten.
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

/// A name that is to be forgotten, or is.
#[derive(Debug, Clone, SimpleObject)]
pub struct NameForgetting {
    /// By a name of our own, as `FlaggedEvent` has it.
    name: String,
    /// Why.
    ground: NameForgettingGround,
    /// Who proposed it: always the same name for the same login.
    by: String,
    /// Whether it is forgotten.
    forgotten: bool,
}

/// Why a name is to be forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "said::ForgettingGround")]
pub enum NameForgettingGround {
    /// The time for which it is kept is over.
    RetentionOver,
    /// Whoever it is the name of asks for it, or whoever answers for them.
    ErasureRequest,
    /// It should never have been kept.
    RecordedInError,
}

fn named(school: Uuid, name: &str) -> async_graphql::Result<Named> {
    let pseudonym = pseudonym(name).ok_or_else(|| bad_input("input.name", "expected 16 hex digits"))?;
    Ok(Named { school: school.into(), pseudonym })
}

impl From<i64> for FilterName {
    fn from(pseudonym: i64) -> Self {
        Self { name: name_of_our_own(pseudonym) }
    }
}

impl From<decisions::Forgetting> for NameForgetting {
    fn from(row: decisions::Forgetting) -> Self {
        let (name, ground) = (name_of_our_own(row.pseudonym), row.ground.into());
        Self { name, ground, by: row.proposer, forgotten: row.forgotten }
    }
}

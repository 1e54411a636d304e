//! The outcome of a mutation: one shape for all of them.

use std::borrow::Cow;

use async_graphql::{Context, Object, OutputType, TypeName};
use schema::CommandId;

use super::{Client, Command, Refused, client::Answer, endpoint::LONGEST_ID};
use crate::{
    Calling,
    graphql::{self, Correlation, bad_input},
};

/// What became of a command: done, or refused by a rule.
#[derive(Debug)]
pub struct Outcome<T> {
    done: Option<T>,
    refused: Option<Refused>,
    token: Option<String>,
}

impl<T: OutputType> TypeName for Outcome<T> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Outcome", <T as OutputType>::type_name()).into()
    }
}

/// What became of a command. Exactly one of `done` and `refused` is there.
#[Object(name_type)]
impl<T: OutputType> Outcome<T> {
    /// What was done; null if the command was refused.
    async fn done(&self) -> Option<&T> {
        self.done.as_ref()
    }

    /// Why the command was refused; null if it was not.
    async fn refused(&self) -> Option<&Refused> {
        self.refused.as_ref()
    }

    /// For a query that must show what was done: send it along as `extensions.after`.
    async fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }
}

/// Sends the caller's command and waits for what becomes of it. `id` is the caller's own for this command: sent again
/// with the same id, it is not done twice.
///
/// The field of a mutation is nullable, so that the failure of one hides nothing of the others in a document.
pub async fn mutate<C: Command, T: From<C::Answer>>(
    context: &Context<'_>,
    id: String,
    command: C,
) -> async_graphql::Result<Option<Outcome<T>>> {
    let id = CommandId::try_from(id).ok().filter(|id| id.as_str().len() <= LONGEST_ID);
    let id = id.ok_or_else(|| bad_input("commandId", "expected 1 to 100 visible ASCII characters"))?;
    let client = context.data::<Client>()?;
    // What this document told before may have taken its time, and the caller's roles may have ended in it.
    let caller = context.data::<Calling>()?.now().await.map_err(|refused| graphql::problem(&refused))?;
    let Correlation(correlation) = *context.data()?;
    match client.send(&caller, &id, correlation, &command).await {
        Ok(Answer::Done { answer, token }) => Ok(Some(Outcome { done: Some(answer.into()), refused: None, token })),
        Ok(Answer::Refused(why)) => Ok(Some(Outcome { done: None, refused: Some(why), token: None })),
        Err(none) => Err(graphql::unavailable(none.to_string())),
    }
}

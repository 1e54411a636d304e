//! What resolvers of all contexts share: what a mutation costs, and errors as a GraphQL client sees them.

mod words;

use async_graphql::{Error, ErrorExtensions};
use uuid::Uuid;

use crate::{ErrorCode, Problem};
pub use words::{ForgettingGround, HoldReason, StaffRole};

/// What a mutation costs, in the price of a document: few fit into one.
pub const COMMAND: usize = 500;

/// Ties together all that one request leads to.
#[derive(Debug, Clone, Copy)]
pub struct Correlation(pub Uuid);

/// An argument that does not parse.
pub fn bad_input(field: &'static str, reason: &str) -> Error {
    with_code(format!("{field}: {reason}"), ErrorCode::BadRequest.graphql())
        .extend_with(|_, extensions| extensions.set("field", field))
}

/// Not now.
pub fn unavailable(message: impl Into<String>) -> Error {
    with_code(message.into(), ErrorCode::Unavailable.graphql())
}

/// A fault of ours: told to our log, not to the client.
pub fn internal(error: &sqlx::Error) -> Error {
    tracing::error!(%error, "a query failed");
    unavailable("the answer cannot be had at the moment")
}

/// What refused the whole request would have refused this too.
pub fn problem(problem: &Problem) -> Error {
    let code = problem.code();
    with_code(code.title().to_owned(), code.graphql())
}

/// The views that the query reads have not come as far as its token.
pub fn stale() -> Error {
    with_code(
        "what the token stands for is not shown yet: ask again, or without the token for what is".to_owned(),
        "STALE",
    )
}

fn with_code(message: String, code: &'static str) -> Error {
    Error::new(message).extend_with(|_, extensions| extensions.set("code", code))
}

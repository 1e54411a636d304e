//! Errors as a GraphQL client sees them.

use async_graphql::{Error, ErrorExtensions};

/// An argument that does not parse.
pub(crate) fn bad_input(field: &'static str, reason: &'static str) -> Error {
    Error::new(format!("{field}: {reason}")).extend_with(|_, extensions| {
        extensions.set("code", "BAD_REQUEST");
        extensions.set("field", field);
    })
}

/// A fault of ours: told to our log, not to the client.
pub(crate) fn internal(error: &sqlx::Error) -> Error {
    tracing::error!(%error, "a query failed");
    Error::new("the answer cannot be had at the moment")
        .extend_with(|_, extensions| extensions.set("code", "UNAVAILABLE"))
}

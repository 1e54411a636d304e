//! The one public GraphQL door.

mod error;
pub mod http;
pub mod schema;

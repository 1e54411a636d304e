//! The one public GraphQL door.

pub mod after;
pub mod http;
pub mod schema;

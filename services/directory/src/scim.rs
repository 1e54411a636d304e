//! SCIM 2.0 (RFC 7643, RFC 7644): a school's or trust's own directory, such as Entra ID, says who works there.
//!
//! A user is somebody's account there, and an account is of one person at a time: whoever comes back is recorded anew. A
//! group is a role, and its members hold it today. All that is said goes through the commands that everybody's does.

mod caller;
mod error;
mod group;
mod groups;
mod http;
mod patch;
mod path;
mod user;
mod users;

pub use http::{Scim, openapi, routes};

//! The door over real HTTP, with its log and its views in a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test that does not get what it starts from has failed")]

mod answers;
mod counts;
mod disclosure;
mod given;
mod limits;
mod rebuild;
mod sealed;

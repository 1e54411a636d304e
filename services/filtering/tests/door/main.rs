//! The door over real HTTP, with its log and its views in a real PostgreSQL.

mod answers;
mod counts;
mod given;
mod limits;

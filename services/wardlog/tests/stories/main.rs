//! Stories over HTTP and GraphQL against the running roles, on a real PostgreSQL.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that does not get what it starts from has failed")]

mod backups;
mod canaries;
mod cancel;
mod commands;
mod comparison;
mod demo;
mod disclosure;
mod files;
mod flagged;
mod forgetting;
mod key_service;
mod kill;
mod matrix;
mod operator;
mod parked;
mod people;
mod places;
mod process;
mod recusal;
mod scim;
mod tenancy;
mod timing;
mod town;
mod walls;
mod worlds;

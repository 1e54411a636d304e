//! Stories over HTTP and GraphQL against the running roles, on a real PostgreSQL.

mod cancel;
mod comparison;
mod demo;
mod files;
mod kill;
mod tenancy;
mod town;

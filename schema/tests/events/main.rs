//! The corpus in `schema/events`: a JSON Schema and frozen samples of every event type and version ever released. All
//! of them are read for ever; `schema/README.md` says how one is added.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the corpus has failed")]

mod checker;
mod complete;
mod corpus;
mod families;
mod promises;
mod released;
mod samples;

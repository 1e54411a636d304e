//! Both logs against a real PostgreSQL. Each guard of `log.append`, `telemetry.append` and the projections has a patch
//! in `sabotage/` that takes it out, and a test here that then fails (`make sabotage`).

#![expect(clippy::unwrap_used, reason = "a test that does not get what it starts from has failed")]

mod append_only;
mod commit_order;
mod doctor;
mod given;
mod given_view;
mod idempotency;
mod lease;
mod poison;
mod projection;
mod react;
mod telemetry;

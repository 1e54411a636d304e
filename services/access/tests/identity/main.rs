//! Callers' tokens: which are accepted, which refused and why, and how an issuer's keys are kept up to date.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod accepted;
mod issuer;
mod refused;
mod rotation;

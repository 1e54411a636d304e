//! What is folded from the telemetry log, and its queries.

pub mod counts;
pub mod quarantine;
mod seen;

pub use counts::Counts;

//! What is folded from the telemetry log, and its queries.

pub mod counts;
mod seen;

pub use counts::Counts;

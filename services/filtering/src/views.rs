//! What is folded from the two logs, and its queries.

pub mod counts;
pub mod decisions;
pub mod flagged;
pub mod quarantine;
mod seen;

pub use counts::Counts;
pub use decisions::Decisions;

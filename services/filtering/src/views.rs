//! What is folded from the two logs, and its queries.

pub mod counts;
pub mod flagged;
pub mod openings;
pub mod quarantine;
mod seen;

pub use counts::Counts;
pub use openings::Openings;

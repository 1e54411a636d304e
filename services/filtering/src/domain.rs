//! What is decided about filter events: pure.

pub mod opening;
pub mod pseudonym;

//! What is decided: pure rules, one file per aggregate.

pub mod name;
pub mod school;
pub mod source;
pub mod trust;

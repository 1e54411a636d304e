//! The MAT's answers across contexts. It owns no events and reads published views alone.

pub mod figures;
pub mod graphql;
pub mod views;

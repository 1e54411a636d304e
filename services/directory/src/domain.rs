//! What is decided: pure rules, one file per aggregate.

pub mod day;
pub mod email;
pub mod keys;
pub mod matter;
pub mod name;
pub mod person;
pub mod provisioning;
pub mod reading;
pub mod school;
pub mod source;
pub mod staffing;
pub mod substitution;
pub mod trust;
pub mod workplace;

//! Schools that are in the log already, always the same ones.

#[path = "../../../directory/tests/stories/rebuild/limits.rs"]
pub mod limits;

use access::{Caller, HeldRole};
use anyhow::Result;
use rand::RngExt;
use schema::SchoolId;
use uuid::Uuid;

use crate::serving::ISSUER;

/// One of so many, at random.
pub fn any_of(schools: u32) -> SchoolId {
    Uuid::from_u128(rand::rng().random_range(1..=schools).into()).into()
}

/// The school's own safeguarding lead, as the gateway knows one.
pub fn lead(school: SchoolId) -> Result<Caller> {
    let (subject, issuer) = ("lead".parse()?, ISSUER.parse()?);
    Ok(Caller { subject, issuer, roles: HeldRole::dsl(school).into(), second_factor: true })
}

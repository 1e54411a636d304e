//! The directory's part of the public schema.

mod people;
mod source;

use async_graphql::MergedObject;

pub use people::{DslGap, HeldRole, IdentityReading, Person, Recusal, Substitutes, people};
pub use source::{Key, Source, Vocabulary};

/// What can be told the directory.
#[derive(Debug, Clone, Copy, Default, MergedObject)]
pub struct Mutations(
    source::SourceMutations,
    people::PeopleMutations,
    people::ForgettingMutations,
    people::DisclosureMutations,
    people::RecusalMutations,
);

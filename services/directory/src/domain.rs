//! What is decided: pure rules, one file per aggregate.

pub mod name;
pub mod school;
pub mod source;
pub mod trust;

use schema::DomainEvent;

/// A kind of stream: the state that its events fold into, and the rule by which a command adds to them.
pub trait Aggregate: Default + Send + 'static {
    /// What can be asked of it.
    type Command: Clone + Send + Sync + 'static;
    /// What can have happened to it.
    type Event: DomainEvent + Clone + Sync + 'static;
    /// Why it refuses.
    type Error;

    /// The events that `command` leads to; none when what it asks for is so already.
    fn decide(&self, command: &Self::Command) -> Result<Vec<Self::Event>, Self::Error>;

    /// The state after `event`. Total: an event that `decide` could not have led to changes nothing.
    #[must_use]
    fn evolve(self, event: &Self::Event) -> Self;

    /// The state after all of `events`, the oldest first.
    fn after<'a>(events: impl IntoIterator<Item = &'a Self::Event>) -> Self {
        events.into_iter().fold(Self::default(), Self::evolve)
    }
}

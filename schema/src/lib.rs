//! What is said: ids that parse, the fixed vocabularies, calendar rules, the envelope and every context's events.
//!
//! Pure: no I/O and no clock. A value of a type here is valid because it exists; raw text and numbers stop at the edge.

mod calendar;
pub mod categories;
pub mod directory;
mod envelope;
pub mod filtering;
mod ids;
pub mod people;
pub mod policies;
pub mod provisioning;
pub mod recusal;
mod sealed;
mod vocabulary;

pub use calendar::{Month, london_day, london_day_bounds};
pub use envelope::{DecodeError, DomainEvent};
pub use ids::{
    AccountId, AppointmentId, CommandId, DataKeyId, FlaggedEventId, IdError, KeyId, MatterId, PersonId, PseudonymId,
    SchoolId, SourceId, TrustId, TrustUid, Urn,
};
pub use sealed::Sealed;
pub use vocabulary::{Action, Category, RiskArea, UnknownWord, UserGroup, Vocabulary};

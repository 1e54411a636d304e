//! How it is remembered: the domain log and the telemetry log, and the projections that follow them.
//!
//! Both logs give every record of a partition a dense offset, in commit order: a reader that has reached an offset can
//! never have skipped one before it.

mod append;
mod as_of;
mod at;
mod command;
pub mod doctor;
mod domain;
mod follow;
mod follower;
mod lease;
#[cfg(test)]
mod model;
mod project;
mod react;
mod rebuild;
mod stop;
mod stream;
pub mod telemetry;
mod wake;

pub use append::{Append, AppendError, Appended, Cause, Occurred, Owner, append, join};
pub use as_of::{AsOf, AsOfError, as_of};
pub use at::At;
pub use command::{Aggregate, CommandError, Done, Origin, Refuses, Stream, execute, execute_if};
pub use domain::{DomainLog, EventRecord};
pub use follow::{Behind, Log, Offset, PARTITIONS, Partition, Position};
pub use project::{Projection, ProjectionError, Start, catch_up, has_reached, run};
pub use react::{Reacting, Reactor};
pub use rebuild::{Difference, Filled, Rebuild, RebuildError, go_back};
pub use stop::{SkipError, Stop, skip, stops};
pub use stream::{Stored, StreamError, load, load_as_of, load_each, load_family, streams_with};
pub use wake::Wake;

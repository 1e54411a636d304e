//! Filter telemetry in: taken at the door, categorised and counted.

mod admission;
mod body;
mod check;
mod columns;
pub mod commands;
pub mod disclosure;
pub mod domain;
mod event;
pub mod fold;
pub mod formats;
pub mod graphql;
mod host;
pub mod http;
mod ingest;
mod json;
pub mod keys;
mod opener;
mod pseudonym;
pub mod record;
pub mod sealing;
mod secret;
pub mod views;

pub use admission::{Admission, Busy};
pub use body::Shape;
pub use event::{FilterEvent, Refusal};
pub use host::host_of;
pub use ingest::{IngestError, Pipeline, Rejected, Sender, Sink, Taken};
pub use secret::is_the_databases;

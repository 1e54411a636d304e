//! The directory: trusts, schools, the filters that send for them, and their keys.
//!
//! What the binary mounts: [`DirectoryView`] on the projections, [`import::import`] behind `wardlog import register`,
//! [`graphql`] in the gateway, and [`http`], which takes the
//! gateway's commands, on the internal listener.

pub mod commands;
pub mod domain;
pub mod graphql;
pub mod http;
pub mod import;
pub mod views;

pub use commands::DirectoryError;
pub use import::import;
pub use views::{DirectoryView, people::PeopleView};

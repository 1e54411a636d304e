//! The directory: trusts, schools, the filters that send for them, and their keys.
//!
//! What the binary mounts: [`DirectoryView`] on the projections, [`import::import`] behind `wardlog import register`,
//! [`graphql`] in the gateway, [`http`], which takes the gateway's commands, on the internal listener, and [`scim`], where
//! schools' and trusts' own directories say who works there, on the public one.

pub mod accounts;
pub mod commands;
pub mod disclosure;
pub mod domain;
pub mod graphql;
pub mod http;
pub mod import;
pub mod keys;
mod known;
pub mod scim;
pub mod views;

pub use commands::DirectoryError;
pub use import::import;
pub use views::{DirectoryView, people::PeopleView, scim_key::ProvisioningView};

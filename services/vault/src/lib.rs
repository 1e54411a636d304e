//! How it is kept private: what is personal is sealed where it is written, each person's under a key of their own.
//!
//! A [`DataKey`] seals and opens; [`Vault`] makes keys, keeps them wrapped in a database of their own, and destroys them;
//! the keys that wrap them are each school's own and in no database ([`Wrapping`]). To forget is to destroy a key.

mod aead;
mod data_key;
mod destroying;
mod error;
mod examining;
mod holder;
mod key_file;
mod lacking;
mod own_wrapping;
pub mod scratch;
mod secret;
mod store;
mod transit;
mod turns;
mod wrapping;

pub use data_key::{DataKey, Place, Unopened};
pub use error::VaultError;
pub use examining::Examined;
pub use key_file::{KeyFile, KeyFileError};
pub use lacking::GivenUp;
pub use secret::{HashKey, Secret};
pub use store::{Found, Vault};
pub use transit::{Transit, TransitError, TransitSettings};
pub use wrapping::Wrapping;

//! Who may: a caller's identity, read from a token, and the database session that holds the caller to what it may see.

mod caller;
pub mod dev_issuer;
pub mod exchange;
pub mod identity;
mod ingest_key;
mod roles;
mod signing;
pub mod tenant;

pub use caller::{Caller, IssuerName, Scope, Scopes, Subject};
pub use exchange::Exchange;
pub use identity::{TokenError, Verifier};
pub use ingest_key::{IngestKey, KeyHash, KeyRing, KnownSource};
pub use roles::Roles;

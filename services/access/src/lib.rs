//! Who may: a caller's identity, read from a token, and the database session that holds the caller to what it may see.

mod caller;
pub mod dev_issuer;
pub mod exchange;
mod held;
pub mod identity;
mod ingest_key;
mod policy;
pub mod recusal;
mod roles;
mod scim_key;
mod secret_key;
mod signing;
pub mod tenant;

pub use caller::{Caller, IssuerName, Scope, Scopes, Subject};
pub use exchange::Exchange;
pub use held::{HeldRole, HeldRoles};
pub use identity::{TokenError, Verifier};
pub use ingest_key::{IngestKey, KeyRing, KnownSource};
pub use policy::{Decision, Facts, decide, may};
pub use roles::Roles;
pub use scim_key::ScimKey;
pub use secret_key::{KeyHash, KnownKeys};

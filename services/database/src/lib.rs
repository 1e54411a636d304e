//! Where it is kept: PostgreSQL, its roles, its one history of migrations, and the private server of the embedded default.

mod logins;
mod migrate;
mod pool;
pub mod private;
pub mod scratch;
mod transact;

pub use logins::Logins;
pub use migrate::{MIGRATIONS, migrate, migrate_key_store, pending};
pub use pool::{Role, connect, connect_to_generation, connect_to_keys};
pub use transact::{read_with, rehearse, transact};

//! Pools whose connections act as one role and come back clean.

use std::time::Duration;

use sqlx::{
    Executor, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

/// What a running role of Wardlog is to PostgreSQL (`schema/migrations/0001_roles.sql`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Appends the directory's events.
    Directory,
    /// Takes telemetry at the door.
    Filtering,
    /// Folds the logs into views.
    Projections,
    /// Reads views under row-level security, for a school's own staff.
    Gateway,
    /// The same for those who see rounded figures alone.
    Reviewers,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Directory, Self::Filtering, Self::Projections, Self::Gateway, Self::Reviewers];

    /// Its name in PostgreSQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Directory => "wardlog_directory",
            Self::Filtering => "wardlog_filtering",
            Self::Projections => "wardlog_projections",
            Self::Gateway => "wardlog_gateway",
            Self::Reviewers => "wardlog_reviewers",
        }
    }

    /// The end of the variable that names its own login, `DATABASE_URL_…`.
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Directory => "DIRECTORY",
            Self::Filtering => "FILTERING",
            Self::Projections => "PROJECTIONS",
            Self::Gateway => "GATEWAY",
            Self::Reviewers => "REVIEWERS",
        }
    }

    /// How long PostgreSQL lets a statement wait for a lock. Whoever waits for a partition's holds a connection, and the
    /// others' commands wait for that.
    const fn lock_timeout(self) -> &'static str {
        match self {
            Self::Directory => "5s",
            Self::Filtering | Self::Projections | Self::Gateway | Self::Reviewers => "0",
        }
    }

    /// How long PostgreSQL lets a transaction wait for its client. One that folds holds its partition's checkpoint, and
    /// must have let go of it by the time that another may take over (10 s, see `eventlog`).
    const fn idle_in_transaction(self) -> &'static str {
        match self {
            Self::Projections => "8s",
            Self::Directory | Self::Filtering | Self::Gateway | Self::Reviewers => "60s",
        }
    }
}

/// A pool of at most `max` connections that act as `role` from their first statement on.
///
/// The role is the session's default, so that `RESET ROLE` leads back to it and not to the login.
pub async fn connect(database: &PgConnectOptions, role: Role, max: u32) -> Result<PgPool, sqlx::Error> {
    let limits = Limits { lock: role.lock_timeout(), idle_in_transaction: role.idle_in_transaction() };
    pool(database, role, max, ("", limits)).await
}

/// The same to the key store. Nobody waits for long there for whoever wraps a school's keys anew, who may have very many and to
/// wait for whoever else wraps them.
pub async fn connect_to_keys(database: &PgConnectOptions, role: Role, max: u32) -> Result<PgPool, sqlx::Error> {
    pool(database, role, max, ("", Limits { lock: "3s", idle_in_transaction: "10min" })).await
}

/// A pool of the projections' whose views' tables are those of the schema `generation`, before those that are shown.
pub async fn connect_to_generation(
    database: &PgConnectOptions,
    generation: &str,
    max: u32,
) -> Result<PgPool, sqlx::Error> {
    let role = Role::Projections;
    let limits = Limits { lock: role.lock_timeout(), idle_in_transaction: role.idle_in_transaction() };
    pool(database, role, max, (&format!("{generation},"), limits)).await
}

/// How long PostgreSQL lets somebody wait.
struct Limits {
    lock: &'static str,
    idle_in_transaction: &'static str,
}

async fn pool(
    database: &PgConnectOptions,
    role: Role,
    max: u32,
    (before_the_shown, limits): (&str, Limits),
) -> Result<PgPool, sqlx::Error> {
    let options = database.clone().application_name(role.as_str()).options([
        ("role", role.as_str()),
        // A projection names its tables alone, so that it can fill another generation of them; everyone else says which.
        ("search_path", &format!("{before_the_shown}directory,filtering")),
        ("idle_in_transaction_session_timeout", limits.idle_in_transaction),
        ("lock_timeout", limits.lock),
        ("statement_timeout", "60s"),
        // Whatever the server's defaults are: whoever waited for a lock reads what was committed meanwhile, and what is
        // committed is on the disk.
        ("default_transaction_isolation", "read committed"),
        ("synchronous_commit", "on"),
        ("client_connection_check_interval", "2s"),
        // Nothing here takes so long as to compile it would.
        ("jit", "off"),
    ]);
    PgPoolOptions::new()
        .max_connections(max)
        .acquire_timeout(Duration::from_secs(10))
        .test_before_acquire(false)
        .after_release(|connection, _| {
            // sqlx can return a connection whose BEGIN was sent and never awaited (up to 0.9.0). Outside a transaction
            // this opens and ends an empty one; inside a forgotten one it ends that.
            Box::pin(async move { connection.execute("BEGIN; ROLLBACK").await.map(|_| true) })
        })
        .connect_with(options)
        .await
}

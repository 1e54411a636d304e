//! The one ordered history of the database.

use sqlx::{
    Connection, PgConnection,
    migrate::{MigrateError, Migrator},
    postgres::PgConnectOptions,
};

/// Every migration, in order; `schema/migrations`.
pub static MIGRATIONS: Migrator = sqlx::migrate!("../../schema/migrations");

/// The key store's own, in order; `schema/key_store`.
static KEY_STORE: Migrator = sqlx::migrate!("../../schema/key_store");

/// Why a database cannot be brought up to date.
#[derive(Debug, thiserror::Error)]
#[error(
    "the database was made by an unreleased Wardlog whose migration {version} was another: begin with a new one (remove WARDLOG_HOME, or name another database)"
)]
struct MadeByAnother {
    version: i64,
}

/// The migrations that the database lacks; all of them in one that was never migrated.
pub async fn pending(connection: &mut PgConnection) -> Result<Vec<i64>, sqlx::Error> {
    let migrated = sqlx::query_scalar!(r#"SELECT to_regclass('public._sqlx_migrations') IS NOT NULL AS "is!""#);
    let applied: Vec<i64> = if migrated.fetch_one(&mut *connection).await? {
        // sqlx makes this table, so the compiler does not know it.
        sqlx::query_scalar("SELECT version FROM public._sqlx_migrations WHERE success").fetch_all(connection).await?
    } else {
        Vec::new()
    };
    Ok(MIGRATIONS.iter().map(|migration| migration.version).filter(|version| !applied.contains(version)).collect())
}

/// Brings the database up to date and makes the day partitions; safe to call from several processes at once.
pub async fn migrate(database: &PgConnectOptions) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect_with(database).await?;
    MIGRATIONS.run(&mut connection).await.map_err(refused)?;
    sqlx::query_scalar!("SELECT telemetry.make_days((clock_timestamp() AT TIME ZONE 'UTC')::date)")
        .fetch_one(&mut connection)
        .await?;
    connection.close().await
}

/// Brings the key store up to date; safe to call from several processes at once.
pub async fn migrate_key_store(key_store: &PgConnectOptions) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect_with(key_store).await?;
    // With a table of its own, the key store of a test may be the same database.
    let mut migrations = Migrator::with_migrations(KEY_STORE.iter().cloned().collect());
    migrations.dangerous_set_table_name("_wardlog_key_store");
    migrations.run(&mut connection).await.map_err(refused)?;
    connection.close().await
}

fn refused(error: MigrateError) -> sqlx::Error {
    match error {
        MigrateError::VersionMismatch(version) => sqlx::Error::Configuration(Box::new(MadeByAnother { version })),
        error => sqlx::Error::Migrate(Box::new(error)),
    }
}

/// What a database of a test is known by: another state of the migrations is another database.
pub(crate) fn checksums() -> impl Iterator<Item = u8> {
    MIGRATIONS.iter().chain(KEY_STORE.iter()).flat_map(|migration| migration.checksum.iter().copied())
}

//! The one ordered history of the database.

use sqlx::{Connection, PgConnection, migrate::Migrator, postgres::PgConnectOptions};

/// Every migration, in order; `schema/migrations`.
pub static MIGRATIONS: Migrator = sqlx::migrate!("../../schema/migrations");

/// Brings the database up to date and makes the day partitions; safe to call from several processes at once.
pub async fn migrate(database: &PgConnectOptions) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect_with(database).await?;
    MIGRATIONS.run(&mut connection).await.map_err(|error| sqlx::Error::Migrate(Box::new(error)))?;
    sqlx::query_scalar!("SELECT telemetry.make_days((clock_timestamp() AT TIME ZONE 'UTC')::date)")
        .fetch_one(&mut connection)
        .await?;
    connection.close().await
}

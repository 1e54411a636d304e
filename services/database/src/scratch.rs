//! A migrated database of its own for each test, copied from one template.

use std::env;

use data_encoding::HEXLOWER;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, postgres::PgConnectOptions};

use crate::{
    migrate,
    migrate::{checksums, migrate_key_store},
};

/// Creates a database for one test in the server that `WARDLOG_TEST_DATABASE_URL` names (`make test` starts one). It is
/// its own key store too.
///
/// The template is made once per state of the migrations, under an advisory lock, so tests may run at once. It lacks what
/// the statement in `WARDLOG_TEST_REVOKE` takes away: `scripts/grants.sh` runs the tests so, once for each grant.
///
/// # Panics
/// When there is no server: a test cannot do without it.
#[expect(clippy::expect_used, reason = "only tests call this, and a test without its database has failed")]
pub async fn database() -> PgConnectOptions {
    let url = env::var("WARDLOG_TEST_DATABASE_URL")
        .expect("WARDLOG_TEST_DATABASE_URL is not set: run `make test`, or `cargo run -p database --bin with-postgres -- cargo test`");
    let server: PgConnectOptions = url.parse().expect("WARDLOG_TEST_DATABASE_URL is a PostgreSQL URL");
    let mut connection = PgConnection::connect_with(&server).await.expect("the test server answers");
    let template = template(&server, &mut connection).await.expect("the template database can be made");
    let name = format!("scratch_{}", HEXLOWER.encode(&rand::random::<[u8; 8]>()));
    connection
        .execute(AssertSqlSafe(format!("CREATE DATABASE {name} TEMPLATE {template}")))
        .await
        .expect("the template can be copied");
    server.database(&name)
}

async fn template(server: &PgConnectOptions, connection: &mut PgConnection) -> Result<String, sqlx::Error> {
    let revoke = env::var("WARDLOG_TEST_REVOKE").unwrap_or_default();
    let made_by = checksums().chain(revoke.bytes());
    let state = made_by.fold(0_u64, |state, byte| state.wrapping_mul(1_099_511_628_211) ^ u64::from(byte));
    let name = format!("wardlog_template_{state:016x}");
    sqlx::query_scalar!("SELECT pg_advisory_lock(1465009994)").fetch_one(&mut *connection).await?;
    let made =
        sqlx::query_scalar!("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1 AND datistemplate)", name)
            .fetch_one(&mut *connection)
            .await?;
    if made != Some(true) {
        connection.execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name}"))).await?;
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await?;
        let database = server.clone().database(&name);
        migrate(&database).await?;
        migrate_key_store(&database).await?;
        PgConnection::connect_with(&database).await?.execute(AssertSqlSafe(revoke)).await?;
        connection.execute(AssertSqlSafe(format!("ALTER DATABASE {name} IS_TEMPLATE true"))).await?;
    }
    sqlx::query_scalar!("SELECT pg_advisory_unlock(1465009994)").fetch_one(connection).await?;
    Ok(name)
}

//! The tenant session against a real database server, as the role that the gateway is.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::borrow::Cow;

use access::{Scope, Scopes, tenant};
use database::{Role, scratch};
use eventlog::Owner;
use futures_util::FutureExt;
use sqlx::{PgPool, error::DatabaseError};
use uuid::Uuid;

/// Of trusts, schools, reviewed schools, filters, people and matters.
type Settings = [Option<String>; 6];

async fn pool_of_one() -> PgPool {
    database::connect(&scratch::database().await, Role::Gateway, 1).await.unwrap()
}

async fn settings(connection: &mut sqlx::PgConnection) -> Result<Settings, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT nullif(current_setting('wardlog.trusts', true), '') AS trust,
                nullif(current_setting('wardlog.schools', true), '') AS school,
                nullif(current_setting('wardlog.reviewed_schools', true), '') AS reviewed,
                nullif(current_setting('wardlog.filters', true), '') AS filters,
                nullif(current_setting('wardlog.people', true), '') AS people,
                nullif(current_setting('wardlog.matters', true), '') AS matters"
    )
    .fetch_one(connection)
    .await?;
    Ok([row.trust, row.school, row.reviewed, row.filters, row.people, row.matters])
}

#[tokio::test]
async fn each_scope_sets_its_own_setting_and_empties_the_others() {
    let pool = pool_of_one().await;
    let (trust, school) = (Uuid::from_u128(1), Uuid::from_u128(2));
    for (setting, scope, id) in [
        (0, Scope::Trust(trust.into()), trust),
        (1, Scope::School(school.into()), school),
        (2, Scope::ReviewedSchool(school.into()), school),
        (3, Scope::Filters(school.into()), school),
        (4, Scope::People(Owner::School(school.into())), school),
        (4, Scope::People(Owner::Trust(trust.into())), trust),
    ] {
        let mut expected = Settings::default();
        expected[setting] = Some(id.to_string());
        let found = tenant::read(&pool, scope, |connection| settings(connection).boxed()).await.unwrap();
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn several_scopes_are_set_together_and_none_at_all_sets_nothing() {
    let pool = pool_of_one().await;
    let (trust, one, other) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
    let scopes = [Scope::School(one.into()), Scope::Trust(trust.into()), Scope::School(other.into())];
    let read = async |scopes: Scopes| tenant::read(&pool, scopes, |connection| settings(connection).boxed()).await;
    let expected = [Some(trust.to_string()), Some(format!("{one},{other}")), None, None, None, None];
    assert_eq!(read(scopes.into_iter().collect()).await.unwrap(), expected);
    assert_eq!(read(Scopes::default()).await.unwrap(), Settings::default());
}

#[tokio::test]
async fn nothing_of_a_scope_is_left_on_the_connection_afterwards() {
    let pool = pool_of_one().await;
    let scope = Scope::School(Uuid::from_u128(2).into());
    let pid = tenant::read(&pool, scope, |connection| {
        sqlx::query_scalar!("SELECT pg_backend_pid()").fetch_one(connection).boxed()
    });
    let pid = pid.await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    let same = sqlx::query_scalar!("SELECT pg_backend_pid()").fetch_one(&mut *connection).await.unwrap();
    assert_eq!(pid, same, "the pool has one connection");
    assert_eq!(settings(&mut connection).await.unwrap(), Settings::default());
    let read_only = sqlx::query_scalar!("SELECT current_setting('transaction_read_only')").fetch_one(&mut *connection);
    assert_eq!(read_only.await.unwrap().as_deref(), Some("off"));
}

#[tokio::test]
async fn a_session_cannot_write_nor_make_itself_able_to() {
    let pool = pool_of_one().await;
    let scope = Scope::School(Uuid::from_u128(2).into());
    let code = |error: sqlx::Error| error.as_database_error().and_then(DatabaseError::code).map(Cow::into_owned);
    let write = tenant::read(&pool, scope, |connection| {
        sqlx::query!("CREATE TEMPORARY TABLE t AS SELECT 1 AS one").execute(connection).boxed()
    });
    assert_eq!(code(write.await.unwrap_err()).as_deref(), Some("25006"), "read_only_sql_transaction");
    let widen =
        tenant::read(&pool, scope, |connection| sqlx::query!("SET TRANSACTION READ WRITE").execute(connection).boxed());
    assert_eq!(code(widen.await.unwrap_err()).as_deref(), Some("25001"), "active_sql_transaction");
}

//! A connection comes back from any use outside a transaction, and a transaction once begun is ended.

#![expect(clippy::unwrap_used, reason = "a test that does not get what it starts from has failed")]

use std::time::Duration;

use database::{Role, connect, read_with, rehearse, scratch, transact};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool};
use tokio::sync::oneshot;

/// Whether the pool's connection is inside a transaction: there a session's and a statement's beginning differ.
async fn is_in_transaction(pool: &PgPool) -> bool {
    let mut connection = pool.acquire().await.unwrap();
    // In autocommit the setting made `local` is gone with its own statement; in a transaction it is still there.
    sqlx::query!("SELECT set_config('wardlog.probe', 'set', true) AS probe").fetch_one(&mut *connection).await.unwrap();
    let probe = sqlx::query_scalar!("SELECT current_setting('wardlog.probe', true)").fetch_one(&mut *connection);
    probe.await.unwrap().as_deref() == Some("set")
}

#[tokio::test]
async fn a_connection_returned_inside_a_transaction_is_had_again_outside_one() {
    let pool = connect(&scratch::database().await, Role::Gateway, 1).await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    // As sqlx leaves it when `begin()` is cancelled: sent, and unknown to the connection.
    connection.execute("BEGIN").await.unwrap();
    drop(connection);
    assert!(!is_in_transaction(&pool).await);
}

#[tokio::test]
async fn a_transaction_whose_caller_goes_away_is_committed_all_the_same() {
    let pool = connect(&scratch::database().await, Role::Directory, 1).await.unwrap();
    let (entered, has_entered) = oneshot::channel();
    let (let_go, held) = oneshot::channel::<()>();
    let abandoned = transact::<_, sqlx::Error>(&pool, move |connection| {
        Box::pin(async move {
            sqlx::query_scalar!("SELECT log.join('00000000-0000-0000-0000-000000000001')")
                .fetch_one(connection)
                .await?;
            entered.send(()).unwrap();
            held.await.unwrap();
            Ok(())
        })
    });
    tokio::select! {
        _ = abandoned => panic!("it cannot end before it is let go"),
        () = async { has_entered.await.unwrap() } => {}
    }
    let_go.send(()).unwrap();
    let committed = async {
        while sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM log.home"#).fetch_one(&pool).await.unwrap() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), committed).await.expect("committed within 20 s");
}

#[tokio::test]
async fn of_what_is_rehearsed_only_the_answer_remains() {
    let pool = connect(&scratch::database().await, Role::Directory, 1).await.unwrap();
    for succeeds in [true, false] {
        let outcome = rehearse(&pool, move |connection| {
            Box::pin(async move {
                let joined = sqlx::query_scalar!("SELECT log.join('00000000-0000-0000-0000-000000000001')");
                let home = joined.fetch_one(connection).await?;
                if succeeds { Ok(home) } else { Err(sqlx::Error::RowNotFound) }
            })
        });
        assert_eq!(outcome.await.is_ok(), succeeds);
        let homes = sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM log.home"#).fetch_one(&pool).await.unwrap();
        assert_eq!(homes, 0);
        assert!(!is_in_transaction(&pool).await);
    }
}

#[tokio::test]
async fn a_role_is_the_sessions_default_and_reset_leads_back_to_it() {
    let pool = connect(&scratch::database().await, Role::Gateway, 1).await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    connection.execute("RESET ROLE").await.unwrap();
    let role =
        sqlx::query_scalar!(r#"SELECT current_user::text AS "role!""#).fetch_one(&mut *connection).await.unwrap();
    assert_eq!(role, "wardlog_gateway");
}

/// The locks of the logs and the key store count on the one, whoever was told that something is done on the other.
#[tokio::test]
async fn what_is_read_after_a_lock_and_what_is_durable_no_default_of_the_server_decides() {
    let database = scratch::database().await;
    let mut owner = PgConnection::connect_with(&database).await.unwrap();
    let name = database.get_database().unwrap();
    for default in ["default_transaction_isolation = 'repeatable read'", "synchronous_commit = off"] {
        owner.execute(AssertSqlSafe(format!("ALTER DATABASE \"{name}\" SET {default}"))).await.unwrap();
    }
    let pool = connect(&database, Role::Directory, 1).await.unwrap();
    for (setting, expected) in [("transaction_isolation", "read committed"), ("synchronous_commit", "on")] {
        let found = sqlx::query_scalar!("SELECT current_setting($1)", setting).fetch_one(&pool).await.unwrap();
        assert_eq!(found.as_deref(), Some(expected), "{setting}");
    }
}

/// What somebody may know of and what they are shown are asked one after the other.
#[tokio::test]
async fn what_is_read_is_of_one_snapshot() {
    let pool = connect(&scratch::database().await, Role::Directory, 2).await.unwrap();
    let writer = pool.clone();
    let homes = read_with::<_, sqlx::Error>(&pool, &[("wardlog.probe", "set")], move |connection| {
        Box::pin(async move {
            let before = homes(&mut *connection).await?;
            sqlx::query_scalar!("SELECT log.join('00000000-0000-0000-0000-000000000001')").fetch_one(&writer).await?;
            Ok((before, homes(connection).await?, homes(&mut *writer.acquire().await?).await?))
        })
    });
    assert_eq!(homes.await.unwrap(), (0, 0, 1));
}

async fn homes(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM log.home"#).fetch_one(connection).await
}

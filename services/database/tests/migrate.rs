//! What the database tells of its migrations.

use database::{MIGRATIONS, migrate, pending, scratch};
use sqlx::{Connection, Executor, PgConnection};

#[tokio::test]
async fn a_database_lacks_what_was_not_applied_to_it() {
    let mut connection = PgConnection::connect_with(&scratch::database().await).await.unwrap();
    assert_eq!(pending(&mut connection).await.unwrap(), [0_i64; 0]);
    connection.execute("DELETE FROM public._sqlx_migrations WHERE version = 6").await.unwrap();
    assert_eq!(pending(&mut connection).await.unwrap(), [6]);
    connection.execute("DROP TABLE public._sqlx_migrations").await.unwrap();
    assert_eq!(pending(&mut connection).await.unwrap().len(), MIGRATIONS.iter().count());
}

#[tokio::test]
async fn a_database_of_another_history_says_what_to_do() {
    let database = scratch::database().await;
    let mut connection = PgConnection::connect_with(&database).await.unwrap();
    connection.execute("UPDATE public._sqlx_migrations SET checksum = '\\x00' WHERE version = 2").await.unwrap();
    let refused = migrate(&database).await.unwrap_err().to_string();
    assert!(refused.contains("migration 2 ") && refused.contains("remove WARDLOG_HOME"), "{refused}");
}

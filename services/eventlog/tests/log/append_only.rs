//! What is written stays as it was written, and can be shown to have stayed.

use aws_lc_rs::digest::{SHA256, digest};
use eventlog::Offset;
use sqlx::{Connection, PgConnection};

use crate::given::{a_log, append_one, owners_of_one_partition, read_after};

#[tokio::test(flavor = "multi_thread")]
async fn update_delete_and_truncate_are_refused_even_to_a_superuser() {
    let (database, pool) = a_log().await;
    let (partition, owners) = owners_of_one_partition(&pool, 1).await;
    let mut transaction = pool.begin().await.unwrap();
    append_one(&mut transaction, owners[0], "stream", 0, "c-1").await.unwrap();
    transaction.commit().await.unwrap();

    let mut superuser = PgConnection::connect_with(&database).await.unwrap();
    for change in ["UPDATE log.event SET actor = 'other'", "DELETE FROM log.event", "TRUNCATE log.event"] {
        let refused = sqlx::raw_sql(change).execute(&mut superuser).await.unwrap_err();
        assert_eq!(
            refused.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref(),
            Some("WL001"),
            "{change}"
        );
    }
    assert_eq!(read_after(&pool, partition, Offset::START).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_can_check_the_chain_of_a_stream_from_its_rows_alone() {
    let (_database, pool) = a_log().await;
    let (_, owners) = owners_of_one_partition(&pool, 1).await;
    for version in 0..3 {
        let mut transaction = pool.begin().await.unwrap();
        append_one(&mut transaction, owners[0], "stream", version, &format!("c-{version}")).await.unwrap();
        transaction.commit().await.unwrap();
    }
    let rows = sqlx::query!(
        "SELECT owner_id, stream, version, type, type_version, actor, occurred_at, recorded_at, command_id, payload, previous_hash, hash
         FROM log.event WHERE stream = 'stream' ORDER BY version"
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(rows.len(), 3);
    let mut previous = vec![0; 32];
    for row in rows {
        assert_eq!(row.previous_hash, previous);
        let texts =
            [&row.stream, &row.r#type, &row.actor, &row.command_id].map(|text| format!("{}\n{text}\n", text.len()));
        let header = format!(
            "{}\n{}\n{}\n{}\n{}\n{}",
            row.owner_id,
            row.version,
            row.type_version,
            row.occurred_at.timestamp_micros(),
            row.recorded_at.timestamp_micros(),
            texts.concat()
        );
        previous = digest(&SHA256, &[&previous, header.as_bytes(), &row.payload].concat()).as_ref().to_vec();
        assert_eq!(row.hash, previous);
    }
}

//! Adding flagged events to their table, in the projection's transaction.

use sqlx::PgConnection;
use uuid::Uuid;

use super::Found;

impl Found<'_> {
    /// Always the same for the same event of the log, and says nothing of where in the log it is.
    fn id(&self) -> Uuid {
        let mut hash = blake3::Hasher::new_derive_key("Wardlog 2026 ids of flagged events");
        hash.update(Uuid::from(self.batch.source).as_bytes()).update(&self.slice.to_le_bytes());
        hash.update(&(self.event.number as u64).to_le_bytes()).update(self.batch.id.as_bytes());
        let mut id = [0; 16];
        hash.finalize_xof().fill(&mut id);
        uuid::Builder::from_custom_bytes(id).into_uuid()
    }
}

/// Adds the events that were found.
pub(super) async fn write(connection: &mut PgConnection, found: &[Found<'_>]) -> Result<(), sqlx::Error> {
    if found.is_empty() {
        return Ok(());
    }
    let pseudonyms = |whose: usize| {
        found.iter().map(|found| found.record.pseudonyms(found.event.number)[whose].map(i64::from)).collect::<Vec<_>>()
    };
    let words = |of: fn(&Found<'_>) -> &'static str| found.iter().map(|found| of(found).to_owned()).collect::<Vec<_>>();
    sqlx::query!(
        r#"INSERT INTO flagged_event (event_id, school_id, source_id, day, at, category, action, user_group, host, user_is,
                                      device_is, address_is, is_sealed, partition, "offset", slice, number)
           SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::date[], $5::timestamptz[], $6::text[], $7::text[],
                                $8::text[], $9::text[], $10::bigint[], $11::bigint[], $12::bigint[], $13::boolean[],
                                $14::smallint[], $15::bigint[], $16::smallint[], $17::integer[])"#,
        &found.iter().map(Found::id).collect::<Vec<_>>(),
        &found.iter().map(|found| found.batch.school.into()).collect::<Vec<_>>(),
        &found.iter().map(|found| found.batch.source.into()).collect::<Vec<_>>(),
        &found.iter().map(|found| found.batch.day).collect::<Vec<_>>(),
        &found.iter().map(|found| found.event.time).collect::<Vec<_>>(),
        &words(|found| found.event.cell.category.as_str()),
        &words(|found| found.event.cell.action.as_str()),
        &words(|found| found.event.cell.group.as_str()),
        &found.iter().map(|found| found.record.host(found.event.number).to_owned()).collect::<Vec<_>>(),
        &pseudonyms(0) as &[Option<i64>],
        &pseudonyms(1) as &[Option<i64>],
        &pseudonyms(2) as &[Option<i64>],
        &found.iter().map(|found| found.record.sealed[found.event.number].is_some()).collect::<Vec<_>>(),
        &found.iter().map(|found| found.batch.partition).collect::<Vec<_>>(),
        &found.iter().map(|found| found.batch.offset).collect::<Vec<_>>(),
        &found.iter().map(|found| found.slice).collect::<Vec<_>>(),
        &found.iter().map(|found| i32::try_from(found.event.number).unwrap_or(i32::MAX)).collect::<Vec<_>>(),
    )
    .execute(connection)
    .await
    .map(drop)
}

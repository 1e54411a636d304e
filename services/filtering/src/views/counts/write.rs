//! Adding a tally to the tables, in the projection's transaction.

use sqlx::PgConnection;
use uuid::Uuid;

use super::Batch;
use crate::fold::{Outcome, Tally};

/// Records what became of each batch.
pub(super) async fn outcomes(connection: &mut PgConnection, outcomes: &[(&Batch, Outcome)]) -> Result<(), sqlx::Error> {
    let schools: Vec<Uuid> = outcomes.iter().map(|(batch, _)| batch.school.into()).collect();
    let sources: Vec<Uuid> = outcomes.iter().map(|(batch, _)| batch.source.into()).collect();
    let batch_ids: Vec<String> = outcomes.iter().map(|(batch, _)| batch.id.clone()).collect();
    let counted: Vec<i32> = outcomes.iter().map(|(_, outcome)| outcome.counted).collect();
    let duplicates: Vec<i32> = outcomes.iter().map(|(_, outcome)| outcome.duplicates).collect();
    sqlx::query!(
        "INSERT INTO batch_outcome (school_id, source_id, batch_id, counted, duplicates)
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::integer[], $5::integer[])",
        &schools,
        &sources,
        &batch_ids,
        &counted,
        &duplicates,
    )
    .execute(connection)
    .await
    .map(|_| ())
}

/// Adds counts to those that are there, in the order of their keys.
pub(super) async fn tally(connection: &mut PgConnection, tally: &Tally) -> Result<(), sqlx::Error> {
    let mut cells = Cells::default();
    let mut hours = Vec::with_capacity(tally.hourly.len());
    for (cell, events) in &tally.hourly {
        hours.push(cell.hour);
        cells.push(cell.school.into(), cell.category.as_str(), cell.action.as_str(), cell.group.as_str(), *events);
    }
    sqlx::query!(
        "INSERT INTO count_hourly AS c (school_id, hour, category, action, user_group, events)
         SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::bigint[])
         ON CONFLICT (school_id, hour, category, action, user_group) DO UPDATE SET events = c.events + excluded.events",
        &cells.schools,
        &hours,
        &cells.categories,
        &cells.actions,
        &cells.groups,
        &cells.events,
    )
    .execute(&mut *connection)
    .await?;

    let mut cells = Cells::default();
    let mut months = Vec::new();
    for (cell, events) in tally.monthly() {
        months.push(cell.month.first_day());
        cells.push(cell.school.into(), cell.category.as_str(), cell.action.as_str(), cell.group.as_str(), events);
    }
    sqlx::query!(
        "INSERT INTO count_monthly AS c (school_id, month, category, action, user_group, events)
         SELECT * FROM unnest($1::uuid[], $2::date[], $3::text[], $4::text[], $5::text[], $6::bigint[])
         ON CONFLICT (school_id, month, category, action, user_group) DO UPDATE SET events = c.events + excluded.events",
        &cells.schools,
        &months,
        &cells.categories,
        &cells.actions,
        &cells.groups,
        &cells.events,
    )
    .execute(&mut *connection)
    .await?;
    unmapped(connection, tally).await
}

async fn unmapped(connection: &mut PgConnection, tally: &Tally) -> Result<(), sqlx::Error> {
    if tally.unmapped.is_empty() {
        return Ok(());
    }
    let schools: Vec<Uuid> = tally.unmapped.keys().map(|(school, ..)| (*school).into()).collect();
    let vocabularies: Vec<String> = tally.unmapped.keys().map(|(_, words, _)| words.as_str().to_owned()).collect();
    let labels: Vec<String> = tally.unmapped.keys().map(|(.., label)| label.clone()).collect();
    let events: Vec<i64> = tally.unmapped.values().copied().collect();
    sqlx::query!(
        "INSERT INTO unmapped_label AS u (school_id, vocabulary, label, events)
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[])
         ON CONFLICT (school_id, vocabulary, label) DO UPDATE SET events = u.events + excluded.events",
        &schools,
        &vocabularies,
        &labels,
        &events,
    )
    .execute(connection)
    .await
    .map(|_| ())
}

#[derive(Default)]
struct Cells {
    schools: Vec<Uuid>,
    categories: Vec<String>,
    actions: Vec<String>,
    groups: Vec<String>,
    events: Vec<i64>,
}

impl Cells {
    fn push(&mut self, school: Uuid, category: &str, action: &str, group: &str, events: i64) {
        self.schools.push(school);
        self.categories.push(category.to_owned());
        self.actions.push(action.to_owned());
        self.groups.push(group.to_owned());
        self.events.push(events);
    }
}

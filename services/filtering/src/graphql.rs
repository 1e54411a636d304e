//! Filtering's part of the public schema.

mod disclosure;
mod flagged;
mod forgetting;

use async_graphql::{MergedObject, SimpleObject};
use chrono::{DateTime, NaiveDate, Utc};
use schema::{IdError, PseudonymId};
use web::graphql::bad_input;

pub use flagged::{FlaggedEvent, FlaggedEventOpening, FlaggedEventsOnly};
pub use forgetting::NameForgetting;

use crate::views::{
    counts::{DayCell, UnmappedLabel},
    quarantine::QuarantinedLine,
};

/// What can be told filtering.
#[derive(Debug, Clone, Copy, Default, MergedObject)]
pub struct FilterMutations(flagged::FlaggedMutations, forgetting::NameMutations, disclosure::NameDisclosureMutations);

/// A school's day, exactly; only the school's own staff see it.
#[derive(Debug, Clone, SimpleObject)]
pub struct Day {
    /// The London day.
    #[graphql(name = "day")]
    date: NaiveDate,
    /// Requests, whatever was done with them.
    requests: i64,
    /// Requests that were blocked.
    blocks: i64,
    /// The same by category.
    categories: Vec<DayCategory>,
}

/// One category of a school's day.
#[derive(Debug, Clone, SimpleObject)]
pub struct DayCategory {
    /// The canonical category.
    category: String,
    /// Requests, whatever was done with them.
    requests: i64,
    /// Requests that were blocked.
    blocks: i64,
}

/// A category label of a school's filter that Wardlog does not know.
#[derive(Debug, Clone, SimpleObject)]
pub struct Unmapped {
    /// The vocabulary in which it was looked up.
    vocabulary: String,
    /// The label as the filter sent it.
    label: String,
    /// Requests that carried it.
    requests: i64,
}

impl From<UnmappedLabel> for Unmapped {
    fn from(row: UnmappedLabel) -> Self {
        Self { vocabulary: row.vocabulary, label: row.label, requests: row.events }
    }
}

/// A line of a school's filter that could not be read. The line itself is not kept.
#[derive(Debug, Clone, SimpleObject)]
pub struct Quarantined {
    /// When its batch was received.
    received_at: DateTime<Utc>,
    /// The filter's own id of the batch.
    batch: String,
    /// The line's number in the batch, from 1.
    line: i32,
    /// The field at fault, or `line`.
    field: String,
    /// What was expected.
    reason: String,
    /// A keyed hash of the line: equal lines have equal ones.
    hash: String,
}

impl From<QuarantinedLine> for Quarantined {
    fn from(row: QuarantinedLine) -> Self {
        Self {
            received_at: row.received_at,
            batch: row.batch_id,
            line: row.line,
            field: row.field,
            reason: row.reason,
            hash: row.hash,
        }
    }
}

/// Cells, ordered by day, as days.
pub fn by_day(cells: Vec<DayCell>) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for cell in cells {
        if days.last().is_none_or(|day| day.date != cell.day) {
            days.push(Day { date: cell.day, requests: 0, blocks: 0, categories: Vec::new() });
        }
        if let Some(day) = days.last_mut() {
            day.requests += cell.requests;
            day.blocks += cell.blocks;
            day.categories.push(DayCategory { category: cell.category, requests: cell.requests, blocks: cell.blocks });
        }
    }
    days
}

/// A name of our own, as readers know it.
fn pseudonym(field: &'static str, name: &str) -> async_graphql::Result<PseudonymId> {
    name.parse().map_err(|error: IdError| bad_input(field, &error.to_string()))
}

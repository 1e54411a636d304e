//! Events per school, hour, category, action and user group, with their months; those that are flagged; what became of each
//! batch; unmapped labels.

mod flagged;
mod queries;
mod write;

use std::collections::{BTreeMap, HashSet};

use chrono::NaiveDate;
use eventlog::{
    Offset, Projection, ProjectionError,
    telemetry::{BatchRecord, TelemetryLog},
};
use schema::{SchoolId, SourceId};
use sqlx::PgConnection;

use crate::{
    fold::{Flagged, Outcome, Tally},
    record::Record,
    views::seen,
};

pub use queries::{BatchOutcome, DayCell, MonthCell, UnmappedLabel, batch_outcome, days, month, unmapped};

/// The view.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts;

/// A batch, decoded.
pub(crate) struct Batch {
    pub(crate) school: SchoolId,
    pub(crate) source: SourceId,
    pub(crate) id: String,
    pub(crate) day: NaiveDate,
    pub(crate) partition: i16,
    pub(crate) offset: i64,
    pub(crate) records: Vec<Record>,
}

/// A flagged event, where it was found.
pub(crate) struct Found<'a> {
    batch: &'a Batch,
    slice: i16,
    record: &'a Record,
    event: Flagged,
}

impl Projection for Counts {
    type Log = TelemetryLog;

    const NAME: &'static str = "filtering.counts";

    // At most 200,000 events in one transaction, for a batch has at most 10,000.
    const TAKES: i64 = 20;

    async fn apply(
        &self,
        connection: &mut PgConnection,
        records: Vec<(Offset, BatchRecord)>,
    ) -> Result<(), ProjectionError> {
        let batches = records.into_iter().map(decode).collect::<Result<Vec<Batch>, _>>()?;
        let mut unseen = remember(connection, &batches).await?;
        let mut tally = Tally::default();
        let mut outcomes = Vec::with_capacity(batches.len());
        let mut flagged = Vec::new();
        for batch in &batches {
            let unseen = unseen.entry(batch.source).or_default();
            let mut outcome = Outcome::default();
            for (record, slice) in batch.records.iter().zip(0..) {
                let added = tally.add(batch.school, record, unseen);
                outcome.counted += added.outcome.counted;
                outcome.duplicates += added.outcome.duplicates;
                flagged.extend(added.flagged.into_iter().map(|event| Found { batch, slice, record, event }));
            }
            outcomes.push((batch, outcome));
        }
        write::outcomes(connection, &outcomes).await?;
        write::tally(connection, &tally).await?;
        flagged::write(connection, &flagged).await?;
        Ok(())
    }
}

pub(crate) fn decode((offset, batch): (Offset, BatchRecord)) -> Result<Batch, ProjectionError> {
    let poison = |reason: String| ProjectionError::Poison { offset: offset.number(), reason };
    if batch.accepted > 0 && batch.slices.is_empty() {
        return Err(poison("its payload has been dropped".to_owned()));
    }
    let records = batch
        .slices
        .iter()
        .map(|slice| Record::decode(slice).map_err(|error| poison(error.to_string())))
        .collect::<Result<_, _>>()?;
    Ok(Batch {
        school: batch.school,
        source: batch.source,
        id: batch.batch_id,
        day: batch.day,
        partition: batch.partition.number(),
        offset: offset.number(),
        records,
    })
}

/// Per source, the ids among `batches` that it had not sent before.
async fn remember(
    connection: &mut PgConnection,
    batches: &[Batch],
) -> Result<BTreeMap<SourceId, HashSet<i64>>, sqlx::Error> {
    let mut sent: BTreeMap<(NaiveDate, SourceId), Vec<i64>> = BTreeMap::new();
    for batch in batches {
        let ids = batch.records.iter().flat_map(|record| record.ids.iter().flatten().copied().map(i64::from_le_bytes));
        sent.entry((batch.day, batch.source)).or_default().extend(ids);
    }
    let mut unseen: BTreeMap<SourceId, HashSet<i64>> = BTreeMap::new();
    for ((day, source), ids) in sent {
        unseen.entry(source).or_default().extend(seen::remember(connection, source, day, &ids).await?);
    }
    Ok(unseen)
}

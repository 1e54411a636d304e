//! Appending batches, several in one transaction: the commit is what costs, so whoever waits for one shares it.

use schema::{CommandId, SchoolId, SourceId};
use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::{Partition, Wake};

/// How many batches may wait for one lane; beyond it the door says that it is busy.
const QUEUE: usize = 256;

/// How many batches one transaction takes at most.
const AT_ONCE: usize = 64;

/// A batch to append.
#[derive(Debug)]
pub struct NewBatch {
    /// The school's partition.
    pub partition: Partition,
    /// The school.
    pub school: SchoolId,
    /// The filter that sends it.
    pub source: SourceId,
    /// The sender's id of the batch, unique within the source.
    pub batch_id: CommandId,
    /// BLAKE3 of the body as sent, inflated.
    pub digest: [u8; 32],
    /// How many events it holds.
    pub accepted: i32,
    /// The lines not taken: `[{"line", "field", "reason", "hash"}]`.
    pub rejected: serde_json::Value,
    /// The events, compressed, each slice at most [`super::SLICE_LIMIT`] bytes.
    pub slices: Vec<Vec<u8>>,
}

/// What is stored under a batch's id.
#[derive(Debug, Clone)]
pub struct StoredBatch {
    /// Whether this append stored it; otherwise an earlier one did, and what follows is that one's.
    pub is_new: bool,
    /// The digest.
    pub digest: Vec<u8>,
    /// How many events it holds.
    pub accepted: i32,
    /// The lines not taken.
    pub rejected: serde_json::Value,
}

/// Why it is not known to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WriterError {
    /// Too many batches wait already.
    #[error("too many batches wait for the log")]
    Busy,
    /// The log could not be reached, or the outcome of the commit is unknown: send the same batch id again.
    #[error("the log cannot be reached")]
    Unavailable,
}

type Waiting = (NewBatch, oneshot::Sender<Result<StoredBatch, WriterError>>);

/// The writers of the telemetry log in this process: one lane per connection, each with its own partitions.
#[derive(Debug, Clone)]
pub struct Writer {
    lanes: Vec<mpsc::Sender<Waiting>>,
}

impl Writer {
    /// Starts `lanes` writers; they end when the last clone of this value is dropped.
    pub fn start(pool: &PgPool, lanes: usize, wake: &Wake) -> Self {
        let lanes = (0..lanes.max(1))
            .map(|_| {
                let (sender, queue) = mpsc::channel(QUEUE);
                tokio::spawn(write(pool.clone(), queue, wake.clone()));
                sender
            })
            .collect();
        Self { lanes }
    }

    /// Stores a batch, or finds it stored. Returns after the commit.
    pub async fn append(&self, batch: NewBatch) -> Result<StoredBatch, WriterError> {
        let lane = usize::from(batch.partition.0.unsigned_abs()) % self.lanes.len();
        let (answer, answered) = oneshot::channel();
        self.lanes[lane].try_send((batch, answer)).map_err(|full| match full {
            mpsc::error::TrySendError::Full(_) => WriterError::Busy,
            mpsc::error::TrySendError::Closed(_) => WriterError::Unavailable,
        })?;
        answered.await.unwrap_or(Err(WriterError::Unavailable))
    }
}

async fn write(pool: PgPool, mut queue: mpsc::Receiver<Waiting>, wake: Wake) {
    let mut waiting = Vec::with_capacity(AT_ONCE);
    while queue.recv_many(&mut waiting, AT_ONCE).await > 0 {
        let (batches, answers): (Vec<_>, Vec<_>) = waiting.drain(..).unzip();
        match append(&pool, batches).await {
            Ok(stored) => {
                wake.all();
                for (answer, stored) in answers.into_iter().zip(stored) {
                    let _ = answer.send(Ok(stored));
                }
            }
            Err(error) => {
                tracing::error!(%error, batches = answers.len(), "cannot append to the telemetry log");
                for answer in answers {
                    let _ = answer.send(Err(WriterError::Unavailable));
                }
            }
        }
    }
}

/// One call of `telemetry.append`; the results come in the order of `batches`, after the commit.
///
/// The statement is its own transaction, so that the partitions' locks are never held while PostgreSQL waits for this
/// process: with BEGIN and COMMIT around it, that wait was most of the transaction.
async fn append(pool: &PgPool, batches: Vec<NewBatch>) -> Result<Vec<StoredBatch>, sqlx::Error> {
    let mut columns = Columns::default();
    for (ordinal, batch) in (1..).zip(batches) {
        columns.push(ordinal, batch);
    }
    let rows = sqlx::query!(
        r#"SELECT is_new AS "is_new!", stored_digest AS "digest!", stored_accepted AS "accepted!", stored_rejected AS "rejected!"
           FROM telemetry.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ORDER BY ordinal"#,
        &columns.partition,
        &columns.school,
        &columns.source,
        &columns.batch_id,
        &columns.digest,
        &columns.accepted,
        &columns.rejected,
        &columns.slice_batch,
        &columns.slice,
        &columns.slice_data,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| StoredBatch {
            is_new: row.is_new,
            digest: row.digest,
            accepted: row.accepted,
            rejected: row.rejected,
        })
        .collect())
}

/// The parallel arrays that `telemetry.append` takes.
#[derive(Default)]
struct Columns {
    partition: Vec<i16>,
    school: Vec<Uuid>,
    source: Vec<Uuid>,
    batch_id: Vec<String>,
    digest: Vec<Vec<u8>>,
    accepted: Vec<i32>,
    rejected: Vec<serde_json::Value>,
    slice_batch: Vec<i32>,
    slice: Vec<i16>,
    slice_data: Vec<Vec<u8>>,
}

impl Columns {
    fn push(&mut self, ordinal: i32, batch: NewBatch) {
        self.partition.push(batch.partition.0);
        self.school.push(batch.school.into());
        self.source.push(batch.source.into());
        self.batch_id.push(batch.batch_id.into());
        self.digest.push(batch.digest.to_vec());
        self.accepted.push(batch.accepted);
        self.rejected.push(batch.rejected);
        for (slice, data) in (0..).zip(batch.slices) {
            self.slice_batch.push(ordinal);
            self.slice.push(slice);
            self.slice_data.push(data);
        }
    }
}

#[cfg(test)]
mod tests {
    use database::{Role, connect, scratch};
    use sqlx::{Connection, Executor, PgConnection};

    use super::*;

    #[tokio::test]
    async fn a_commit_that_fails_after_the_rows_have_come_is_not_taken_for_stored() {
        let database = scratch::database().await;
        let mut owner = PgConnection::connect_with(&database).await.unwrap();
        owner
            .execute(
                "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
                 CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON telemetry.batch DEFERRABLE INITIALLY DEFERRED
                 FOR EACH ROW EXECUTE FUNCTION public.refuse()",
            )
            .await
            .unwrap();
        let pool = connect(&database, Role::Filtering, 2).await.unwrap();
        let batch = || NewBatch {
            partition: Partition(0),
            school: Uuid::from_u128(1).into(),
            source: Uuid::from_u128(2).into(),
            batch_id: "b-1".parse().unwrap(),
            digest: [0; 32],
            accepted: 0,
            rejected: serde_json::json!([]),
            slices: Vec::new(),
        };
        let writer = Writer::start(&pool, 1, &Wake::default());
        assert_eq!(writer.append(batch()).await.unwrap_err(), WriterError::Unavailable);
        owner.execute("DROP TRIGGER at_commit ON telemetry.batch").await.unwrap();
        assert!(writer.append(batch()).await.unwrap().is_new);
    }
}

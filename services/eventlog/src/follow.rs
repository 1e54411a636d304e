//! What it is to follow a log: partitions, offsets, and the two questions a reader asks.

use std::fmt;

use sqlx::PgConnection;
use uuid::Uuid;

/// How many partitions each log has.
pub const PARTITIONS: i16 = 64;

/// A partition of a log, 0 to 63.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(pub(crate) i16);

impl Partition {
    /// The partition that a row names; the database checks that it is one.
    pub const fn of_row(number: i16) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn number(self) -> i16 {
        self.0
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A position in a partition; the first record's is 1, and 0 is before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub(crate) i64);

impl Offset {
    /// Before the first record.
    pub const START: Self = Self(0);

    /// The offset that a row names; the database checks that it is one.
    pub const fn of_row(number: i64) -> Self {
        Self(number)
    }

    /// As a number.
    pub const fn number(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A place in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    /// The partition.
    pub partition: Partition,
    /// The offset in it.
    pub offset: Offset,
}

/// A log that can be followed.
pub trait Log: Send + Sync + 'static {
    /// What it holds.
    type Record: Send;

    /// At most `limit` records of `partition` after `after`, in order, each with its offset.
    fn read(
        connection: &mut PgConnection,
        partition: Partition,
        after: Offset,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<(Offset, Self::Record)>, sqlx::Error>> + Send;

    /// The partitions in which `view` has records yet to fold: those that `follower` holds and that are not stopped, or
    /// all of them.
    fn behind(
        connection: &mut PgConnection,
        view: &str,
        follower: Option<Uuid>,
    ) -> impl Future<Output = Result<Vec<Behind>, sqlx::Error>> + Send;

    /// The last offset of each partition that has one.
    fn heads(
        connection: &mut PgConnection,
    ) -> impl Future<Output = Result<Vec<(Partition, Offset)>, sqlx::Error>> + Send;
}

/// How far a view has folded a partition that holds more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    pub(crate) partition: Partition,
    pub(crate) offset: Offset,
    pub(crate) epoch: i64,
    pub(crate) stopped: bool,
}

impl Behind {
    /// As a row of `log.checkpoint` says, and whether `log.stopped` has one beside it.
    pub(crate) const fn of_row(partition: i16, offset: i64, epoch: i64, stopped: bool) -> Self {
        Self { partition: Partition(partition), offset: Offset(offset), epoch, stopped }
    }
}

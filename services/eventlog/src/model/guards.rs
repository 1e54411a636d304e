//! What the protocol rests on, each part of which can be taken away, and what is then found broken.

/// One thing that the protocol does so that nothing is lost, doubled or shown wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guard {
    /// An append holds its partition's advisory lock until it commits.
    Lock,
    /// An append reads with a snapshot taken after the lock, as READ COMMITTED does and nothing stricter.
    FreshSnapshot,
    /// The table refuses a second event at an offset, at a version of a stream, or of a command id.
    Unique,
    /// Offsets count on from the log's last event; a sequence would count on from what was rolled back, too.
    Tail,
    /// An append first looks whether its command id is stored already.
    Idempotency,
    /// An append that was made on another version of its stream is refused.
    Version,
    /// When a commit's outcome is unknown the same command id is appended again, never the command with a new id.
    SameIdOnUnknown,
    /// Whether an unknown commit happened is asked under the lock, which the commit in doubt may still hold.
    AskUnderLock,
    /// A fold refuses records that are not dense.
    Dense,
    /// A checkpoint moves only from the offset that was read.
    CompareOffset,
    /// A checkpoint moves only in the epoch that was read.
    CompareEpoch,
    /// The view's rows and its checkpoint move in one transaction.
    OneTransaction,
    /// Decisions to pass an event over are read after the checkpoint's lock, not by the statement that waits for it.
    SkipsAfterLock,
    /// An event is passed over only while the shown view is right before it, which the checkpoint's lock holds still.
    SkipHoldsCheckpoint,
    /// A generation that has folded an event which was passed over meanwhile is not shown.
    SkipsBindGenerations,
    /// Showing a generation locks every checkpoint of the view, so waits for folds that are under way.
    ShowHoldsCheckpoints,
    /// A generation that has folded less than the shown one is shown only by going back.
    ShowNotBehind,
    /// Showing another generation moves the offsets with the tables.
    ShowSwapsOffsets,
    /// A reaction's command id is made of its event's position, the same each time.
    ReactionByPosition,
    /// A reaction's command id names its reactor, too.
    ReactionByReactor,
    /// Nobody but a reactor can choose a command id like a reaction's.
    ReactionIdsReserved,
    /// A reactor's checkpoint moves only after its reaction is stored.
    ReactFirst,
}

/// The guards of a run: all but some.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guards {
    pub(super) without: &'static [Guard],
}

impl Guards {
    pub(super) const ALL: Self = Self { without: &[] };

    pub(super) fn hold(self, guard: Guard) -> bool {
        !self.without.contains(&guard)
    }
}

/// A promise that did not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Broken {
    /// The offsets of a partition are not 1, 2, 3 … in the order of the commits.
    Offsets,
    /// An event came at or before an offset that a reader had reached.
    Late,
    /// The versions of a stream are not 1, 2, 3 …
    Versions,
    /// What was asked for once is in the log twice.
    Twice,
    /// What was acknowledged is not in the log.
    Lost,
    /// Who asked was told that it did not happen, and it is in the log.
    Denied,
    /// An append failed that conflicts with nothing.
    Refused,
    /// A view differs from a replay of the log up to its checkpoint, less what is passed over.
    NoReplay,
    /// A fold was committed by a follower after the partition had changed hands.
    NotHolder,
    /// What is shown fell behind what was shown, and nobody went back.
    FellBehind,
    /// An event has no reaction although everybody has come to rest.
    Unreacted,
    /// Something is not folded or not answered although everybody had time, and somebody lives.
    Stuck,
}

//! A view: its generations, its checkpoints, and the transaction that folds the log into one of them.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{
    guards::{Broken, Guard, Guards},
    log::{Event, Log, PARTITIONS, Transaction},
};

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Checkpoint {
    pub(super) offset: i64,
    pub(super) epoch: i64,
    pub(super) follower: Option<Uuid>,
    /// The transaction that has its row locked.
    pub(super) held: Option<Transaction>,
}

#[derive(Debug, Default)]
pub(super) struct Generation {
    pub(super) number: i32,
    pub(super) building: bool,
    pub(super) rows: [Vec<Event>; PARTITIONS],
    /// While it is not shown; the shown one's are the view's.
    pub(super) checkpoints: [Checkpoint; PARTITIONS],
}

#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) checkpoints: [Checkpoint; PARTITIONS],
    pub(super) shown: Generation,
    pub(super) hidden: Vec<Generation>,
    pub(super) beats: BTreeMap<Uuid, i64>,
    /// The offset that the view waits before, and the transaction that has the row locked.
    pub(super) stops: [Option<(i64, Option<Transaction>)>; PARTITIONS],
    pub(super) skips: BTreeSet<(usize, i64)>,
    /// Whether the followers run rules that can fold every event; whoever rebuilds does.
    pub(super) mended: bool,
    pub(super) broken: BTreeSet<Broken>,
}

/// Which of its tables, by the name that the checkpoint has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Shown,
    Hidden(i32),
}

/// What was read of a checkpoint.
#[derive(Debug, Clone, Copy)]
pub(super) struct Behind {
    pub(super) name: Name,
    pub(super) partition: usize,
    pub(super) offset: i64,
    pub(super) epoch: i64,
    pub(super) stopped: bool,
    /// Whether who folds holds the lease; `catch_up` and a rebuild fold without.
    pub(super) leased: bool,
}

impl View {
    pub(super) fn checkpoint(&mut self, name: Name, partition: usize) -> Option<&mut Checkpoint> {
        match name {
            Name::Shown => Some(&mut self.checkpoints[partition]),
            Name::Hidden(number) => self.generation(number).map(|hidden| &mut hidden.checkpoints[partition]),
        }
    }

    pub(super) fn generation(&mut self, number: i32) -> Option<&mut Generation> {
        self.hidden.iter_mut().find(|hidden| hidden.number == number)
    }

    /// What there is to know before a fold; none if there is no such generation.
    pub(super) fn behind(&mut self, name: Name, partition: usize, leased: bool) -> Option<Behind> {
        let stopped = name == Name::Shown && self.stops[partition].is_some();
        let Checkpoint { offset, epoch, .. } = *self.checkpoint(name, partition)?;
        Some(Behind { name, partition, offset, epoch, stopped, leased })
    }

    /// Decides that the event before which the view waits is passed over.
    pub(super) fn skip(&mut self, partition: usize, guards: Guards) -> bool {
        let Some((offset, None)) = self.stops[partition] else { return false };
        let at = self.checkpoints[partition];
        if guards.hold(Guard::SkipHoldsCheckpoint) && (at.held.is_some() || at.offset != offset - 1) {
            return false;
        }
        self.stops[partition] = None;
        self.skips.insert((partition, offset))
    }

    pub(super) fn check(&mut self, log: &Log) {
        for partition in 0..PARTITIONS {
            let skipped = |event: &&Event| self.skips.contains(&(partition, event.offset));
            let shown = (&self.shown.rows[partition], self.checkpoints[partition].offset, false);
            let hidden = self.hidden.iter().map(|it| (&it.rows[partition], it.checkpoints[partition].offset, true));
            // A hidden generation may have folded what is passed over since; it must not be shown then.
            let replays = std::iter::once(shown).chain(hidden).all(|(rows, offset, may_hold_skipped)| {
                let mut prefix = log.read(partition, 0, usize::MAX);
                prefix.retain(|e| e.offset <= offset && (!skipped(&e) || may_hold_skipped && rows.contains(e)));
                prefix == *rows
            });
            if !replays {
                self.broken.insert(Broken::NoReplay);
            }
        }
    }
}

/// A fold of some records of one partition, statement by statement.
#[derive(Debug, Default)]
pub(super) enum Fold {
    #[default]
    Idle,
    Knows(Behind),
    /// It has read, and sent the statement that moves the checkpoint, which may wait for the row.
    Read(Behind, Vec<Event>, BTreeSet<(usize, i64)>),
    /// It has moved the checkpoint to the offset and holds the row; not committed.
    Moved(Behind, Transaction, i64, Vec<Event>),
}

impl Fold {
    pub(super) fn is_idle(&self) -> bool {
        matches!(self, Self::Idle)
    }

    /// Its next statement; whether there was one, and it did not have to wait.
    pub(super) fn step(&mut self, view: &mut View, log: &mut Log, guards: Guards, takes: usize) -> bool {
        *self = match std::mem::take(self) {
            Self::Idle => return false,
            Self::Knows(from) => {
                let records = log.read(from.partition, from.offset, takes);
                let dense = (from.offset + 1..).zip(&records).all(|(expected, record)| record.offset == expected);
                if records.is_empty() || guards.hold(Guard::Dense) && !dense {
                    Self::Idle
                } else {
                    Self::Read(from, records, view.skips.clone())
                }
            }
            Self::Read(from, records, skips) => {
                if view.checkpoint(from.name, from.partition).is_some_and(|at| at.held.is_some()) {
                    *self = Self::Read(from, records, skips);
                    return false;
                }
                advance(view, log.number(), from, records, skips, guards)
            }
            Self::Moved(from, transaction, last, records) => {
                commit(view, (from, last, &records), transaction, guards);
                Self::Idle
            }
        };
        true
    }

    /// PostgreSQL ends its session: what it did is rolled back, and it does not know yet.
    pub(super) fn end_session(&self, view: &mut View) -> bool {
        let Self::Moved(from, transaction, ..) = self else { return false };
        release(view, *from, *transaction)
    }
}

/// Moves the checkpoint, if it is where it was read and in the same hands; the row is locked from here on.
fn advance(
    view: &mut View,
    transaction: Transaction,
    from: Behind,
    mut records: Vec<Event>,
    skips: BTreeSet<(usize, i64)>,
    guards: Guards,
) -> Fold {
    let skips = if guards.hold(Guard::SkipsAfterLock) { view.skips.clone() } else { skips };
    let (Some(last), Some(at)) = (records.last().copied(), view.checkpoint(from.name, from.partition)) else {
        return Fold::Idle;
    };
    let compared = (!guards.hold(Guard::CompareOffset) || at.offset == from.offset)
        && (!guards.hold(Guard::CompareEpoch) || at.epoch == from.epoch);
    if !compared {
        return Fold::Idle;
    }
    if guards.hold(Guard::OneTransaction) {
        at.held = Some(transaction);
    } else {
        at.offset = last.offset;
    }
    if let (true, Some((_, held))) = (from.stopped, &mut view.stops[from.partition]) {
        *held = Some(transaction);
    }
    records.retain(|event| !skips.contains(&(from.partition, event.offset)));
    Fold::Moved(from, transaction, last.offset, records)
}

/// Applies the records and commits; or, if one of them cannot be folded, rolls back and stops before it.
fn commit(view: &mut View, (from, last, records): (Behind, i64, &[Event]), transaction: Transaction, guards: Guards) {
    let held = release(view, from, transaction);
    if guards.hold(Guard::OneTransaction) && !held {
        return; // the session was ended
    }
    let can_fold_all = view.mended || from.name != Name::Shown;
    let poison = records.iter().find(|event| event.is_poison() && !can_fold_all).map(|event| event.offset);
    let Some(at) = view.checkpoint(from.name, from.partition) else { return };
    let holder = at.epoch == from.epoch;
    if let Some(poison) = poison {
        let waits = at.offset == poison - 1 && holder && !view.skips.contains(&(from.partition, poison));
        if waits {
            view.stops[from.partition] = Some((poison, None));
        }
        return;
    }
    if guards.hold(Guard::OneTransaction) {
        at.offset = last;
    }
    if from.leased && !holder {
        view.broken.insert(Broken::NotHolder);
    }
    if from.stopped {
        view.stops[from.partition] = None;
    }
    match from.name {
        Name::Shown => view.shown.rows[from.partition].extend(records),
        Name::Hidden(number) => {
            if let Some(hidden) = view.generation(number) {
                hidden.rows[from.partition].extend(records);
            }
        }
    }
}

/// Unlocks what the transaction has locked; whether it had.
fn release(view: &mut View, from: Behind, transaction: Transaction) -> bool {
    if let Some((_, held)) = &mut view.stops[from.partition] {
        held.take_if(|by| *by == transaction);
    }
    let checkpoint = view.checkpoint(from.name, from.partition);
    checkpoint.is_some_and(|at| at.held.take_if(|by| *by == transaction).is_some())
}
